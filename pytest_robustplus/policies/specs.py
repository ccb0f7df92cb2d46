"""From a policy spec, such as ``python:module:attribute``, to a policy."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pytest_robustplus.errors import BadInputError, PolicyError, blaming, unknown
from pytest_robustplus.policies import places
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.request import PolicyBenchmark, PolicyFactory, PolicyRequest
from pytest_robustplus.policies.suites import BySuite

if TYPE_CHECKING:
    from pytest_robustplus.policies.cards import Card


def split(spec: str) -> tuple[str, str]:
    """Split a spec into scheme and address."""
    scheme, _, address = spec.partition(":")
    return scheme, address


def model_name(spec: str) -> str:
    """Name the model that is reached by ``spec`` alone, in letters, digits and underscores.

    ``python:my_policy:Policy`` is ``Policy``, ``onnx:runs/42.onnx`` is ``42``, ``openpi:ws://gpu1:8000`` is
    ``openpi_gpu1_8000``, ``…?checkpoint=run42`` is ``run42``, and ``recorded:a.toml`` is ``recorded_a``.
    """
    scheme, address = split(spec)
    place, _, options = address.partition("?")
    checkpoint = dict(parse_qsl(options)).get("checkpoint")
    server = place.rpartition("://")[2]
    if checkpoint:
        name = checkpoint
    elif scheme == "recorded":
        name = f"recorded_{Path(place).name.removesuffix('.toml')}"
    elif scheme == "python":
        name = place.rstrip(":").rpartition(":")[2]
    elif "://" in place or re.fullmatch(r"[^/]+:\d+", place):
        name = f"{scheme}_{server.rstrip('/')}"
    else:
        name = Path(place).name.removesuffix(f".{scheme}") or scheme
    return re.sub(r"\W", "_", name)


def check(spec: str, card: Card, benchmark: str, suites: Sequence[str], known: Collection[str]) -> None:
    """Refuse a spec that leaves a suite out, gives one server for suites that need one each, or cannot carry depth.

    ``known`` are the names that a place may have. Raises ``BadInputError``; asked before anything is played.
    """
    named = places.places(spec)
    for name in named:
        if name not in known:
            raise unknown("suite or benchmark", name, known, where="policy of each suite")
    spec = places.on(spec, benchmark)
    named = places.places(spec)
    if missing := [suite for suite in suites if suite not in named] if named else []:
        raise BadInputError(
            f"The policy of {card.title} is given suite by suite, but not for {', '.join(missing)}. Add"
            f" {missing[0]} = 'SPEC', or choose the suites that there is a policy for with --robust-suite."
        )
    profile = card.profiles.get(benchmark)
    reached = {places.scheme(place) for place in [*named.values()] or [spec]}
    if profile is not None and profile.depth and (blind := reached & {*places.FLAT}):
        raise BadInputError(
            f"{card.title} is to see the depth of {', '.join(profile.depth)}, and policies behind"
            f" {' and '.join(sorted(blind))} are sent none. Reach it by python: or onnx:."
        )
    reason = card.per_suite.get(benchmark)
    if reason and not named and len(suites) > 1 and places.scheme(spec) in places.SERVERS:
        table = ", ".join(f"{suite} = {place!r}" for suite, place in zip(suites, _examples(spec), strict=False))
        raise BadInputError(
            f"{card.title} has {reason}, so one server cannot play {', '.join(suites)}: all but one would be played"
            f" with another suite's, silently. Serve one each and say where: policy = {{ {table}, … }} in"
            f" [tool.robustplus.model.NAME]; or choose one suite with --robust-suite."
        )


def _examples(spec: str) -> list[str]:
    return [spec, spec.replace(":8000", ":8001").replace(":8777", ":8778")]


def build(
    spec: str,
    factories: Mapping[str, PolicyFactory],
    card: Card,
    benchmark: PolicyBenchmark,
    suites: Sequence[str] = (),
) -> Policy:
    """Build the policy that ``spec`` names; where it names one per suite, only those of ``suites`` (empty: all).

    Raises ``BadInputError`` for an unknown scheme or a broken target.
    """
    spec = places.on(spec, benchmark.name)
    if named := places.places(spec):
        wanted = {suite: place for suite, place in named.items() if not suites or suite in suites}
        return BySuite(lambda place: build(place, factories, card, benchmark), wanted)
    scheme, address = split(spec)
    if scheme not in factories:
        remedy = ""
        if address.startswith("//"):
            remedy = f"Write how the server is spoken to before its address, such as openpi:{spec} or act:{spec}."
        raise unknown("policy scheme", scheme, factories, where=f"policy spec {spec!r}", remedy=remedy)
    with blaming(PolicyError, "Building the policy", f"policy spec {spec!r}"):
        policy = factories[scheme](PolicyRequest(address, card, card.profiles[benchmark.name], benchmark))
    for method, arguments in (("act", "observations"), ("reset", "slot, instruction")):
        if not callable(getattr(policy, method, None)):
            raise BadInputError(
                f"The {type(policy).__name__} of policy spec {spec!r} has no method {method}({arguments}): a policy"
                " answers observations by act, and forgets by reset what it remembers of an episode, if anything. See"
                " docs/how_to/adding_a_model.md."
            )
    return policy


def inside(spec: str) -> bool:
    """Whether a policy may take memory of the graphics card of the process that asks it.

    Those behind servers, scripts and recordings do not, nor ONNX files unless the onnxruntime for cards is installed.
    """
    if named := places.places(spec):
        return any(map(inside, named.values()))
    scheme, _ = split(spec)
    if scheme == "onnx":
        return any(True for _ in distributions(name="onnxruntime-gpu"))
    return scheme not in (*places.SERVERS, "expert", "demo_replay", "zero", "recorded")


def fingerprint(policy: Policy) -> str:
    """Name the checkpoint behind a policy: its own ``checkpoint``, else a hash of the file that defines it."""
    with blaming(PolicyError, "Reading the attribute checkpoint", f"policy {type(policy).__name__}"):
        own = getattr(policy, "checkpoint", None)
        if own is not None:
            return str(own)
    kind = type(policy)
    try:
        source = Path(inspect.getfile(kind)).read_bytes()
    except (OSError, TypeError):
        source = repr(kind).encode()
    return f"source-{hashlib.sha256(source).hexdigest()[:12]}"


def identity(spec: str, policy: Policy) -> str:
    """What tells a policy's weights apart from others, in ledger and order: its checkpoint alone if that is named.

    A name is what the user gave a server's weights, what a policy object calls its own, or a hash of them. What a
    server merely says of itself may be said by several, and a hash of source code says nothing of weights: there, how
    the policy is reached belongs to it, too.
    """
    name = fingerprint(policy)
    address = getattr(policy, "address", None)
    named = getattr(policy, "checkpoint", None) is not None if address is None else bool(address.checkpoint)
    return name if named else f"{spec}@{name}"


def weights(identity: str) -> str:
    """What an identity says of the weights alone, however they are reached: what the order of the tasks depends on."""
    return identity.rpartition("@")[2]


def from_python(request: PolicyRequest) -> Policy:
    """Build a policy from ``module:attribute``: an object with ``act``, or something that returns one when called."""
    module_name, _, attribute = request.address.partition(":")
    where = f"policy spec 'python:{request.address}'"
    if not module_name:
        raise BadInputError(f"The {where} is not of the form python:module:attribute, such as python:my_policy:Policy.")
    try:
        target: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise BadInputError(
            f"Cannot import {module_name!r} for {where}: {error}. Install it, or add its folder to sys.path with"
            " pythonpath = ['.'] in pytest's configuration."
        ) from error
    if not attribute:
        return _from_robotwin(target, request, where)
    for name in attribute.split("."):
        if not hasattr(target, name):
            public = [key for key in vars(target) if not key.startswith("_")]
            raise unknown(f"attribute of {module_name}", name, public, where=where)
        target = getattr(target, name)
    return target() if inspect.isclass(target) or not hasattr(target, "act") else target  # type: ignore[no-any-return]


def _from_robotwin(module: ModuleType, request: PolicyRequest, where: str) -> Policy:
    from pytest_robustplus.policies.transports.robotwin import FUNCTIONS, RoboTwinPolicy, is_robotwin

    if not is_robotwin(module):
        raise BadInputError(
            f"The {where} is not of the form python:module:attribute, such as python:my_policy:Policy; a module alone"
            f" has to be a RoboTwin policy, with {', '.join(FUNCTIONS)}."
        )
    return RoboTwinPolicy(module, request)


def _script(name: str) -> PolicyFactory:
    def build_script(request: PolicyRequest) -> Policy:
        if request.profile.control != request.benchmark.profile.control:
            raise BadInputError(
                f"The script {name!r} acts by {request.benchmark.profile.control} control, but the profile of"
                f" {request.card.title} on {request.benchmark.name} means {request.profile.control}. Play it without"
                " --robust-model, or reach the model's own policy."
            )
        return request.benchmark.script(name)

    return build_script


def _recorded(request: PolicyRequest) -> Policy:
    from pytest_robustplus.policies.recorded import Recorded

    return Recorded(request.address)


def _transport(module: str, kind: str) -> PolicyFactory:
    """Import a transport when it is used: what it needs may not be installed."""

    def build_transport(request: PolicyRequest) -> Policy:
        found = importlib.import_module(f"pytest_robustplus.policies.transports.{module}")
        policy: Policy = getattr(found, kind)(request)
        return policy

    return build_transport


FACTORIES: Mapping[str, PolicyFactory] = {
    "python": from_python,
    "expert": _script("expert"),
    "demo_replay": _script("demo_replay"),
    "zero": _script("zero"),
    "openpi": _transport("openpi", "OpenPi"),
    "act": _transport("act", "Act"),
    "vla-eval": _transport("vla_eval", "VlaEval"),
    "onnx": _transport("onnx", "Onnx"),
    "recorded": _recorded,
    "lerobot": _transport("lerobot", "LeRobot"),
}
