"""Where a policy server is and how long to wait for it: ``ws://host:port?dialect=ge&answer_s=60``."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pytest_robustplus.errors import BadInputError, unknown

KEY_VARIABLE = "ROBUSTPLUS_API_KEY"
"""The environment variable that holds the key: a spec is written to the ledger, so no key belongs into it."""
WORKER = "{worker}"
SEAT_VARIABLE = "ROBUSTPLUS_WORKER"
"""The number of a worker; one that replaces a worker that died has the same, while pytest-xdist's goes up."""
COUNT_VARIABLE = "ROBUSTPLUS_WORKERS"
"""How many of them there are, where pytest-xdist does not say so."""
NODE = "{node}"
NODE_VARIABLE = "ROBUSTPLUS_NODE"
"""The address of the machine that plays, as a cluster knows it; this machine where there is no cluster."""
OPTIONS = ("answer_s", "checkpoint", "dialect", "loading_s")


@dataclass(frozen=True, slots=True)
class Address:
    """A server's ``url`` and what the spec says about it.

    ``loading_s`` is how long a server may take until it accepts connections, ``answer_s`` how long a request and its
    answer may take (the first may compile for minutes). ``alone`` says whether no other worker of this run uses it;
    ``servers`` are those that the spec names, without end where each worker's number is part of the address.
    ``checkpoint`` is the user's name for the weights behind it.
    """

    url: str
    dialect: str = ""
    checkpoint: str = ""
    loading_s: float = 300.0
    answer_s: float = 300.0
    alone: bool = True
    servers: float = 1
    key: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme in ("https", "wss") else 80)


def parse(text: str, schemes: tuple[str, ...], spec: str) -> Address:
    """Read an address; the first of ``schemes`` is meant when none is given.

    ``{worker}`` in it is the number of this worker, from 0, or on a cluster of whoever has a policy of its own there;
    ``{node}`` is the machine on which it is. Of several addresses, with commas between them, each takes its own.
    Raises ``BadInputError`` naming ``spec`` and what is wrong with it.
    """
    where = f"policy spec {spec!r}"
    example = f"{spec.partition(':')[0]}:{schemes[0]}://localhost:8000"
    text, alone, servers = _own(text)
    if "://" not in text:
        text = f"{schemes[0]}://{text}"
    parts = urlsplit(text)
    try:
        usable = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.password:
        raise BadInputError(
            f"The {where} names no server: write it like {example}. A key goes into the environment variable"
            f" {KEY_VARIABLE}."
        )
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in OPTIONS:
            raise unknown("option", name, OPTIONS, where=where)
        options[name] = value
    return Address(
        url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        dialect=options.get("dialect", ""),
        checkpoint=options.get("checkpoint", ""),
        loading_s=_seconds("loading_s", options.get("loading_s"), 300.0, where),
        answer_s=_seconds("answer_s", options.get("answer_s"), 300.0, where),
        alone=alone,
        servers=servers,
        key=os.environ.get(KEY_VARIABLE, ""),
    )


def _own(text: str) -> tuple[str, bool, float]:
    """Choose this worker's address of those in ``text``; whether it is this worker's alone, and how many there are."""
    worker, workers = place_among_workers()
    place, mark, query = text.partition("?")
    node = os.environ.get(NODE_VARIABLE, "localhost")
    each = [part.strip().replace(WORKER, str(worker)).replace(NODE, node) for part in place.split(",")]
    servers = math.inf if WORKER in place else len(set(each))
    return f"{each[worker % len(each)]}{mark}{query}", workers <= max(servers, 1), servers


def place_among_workers() -> tuple[int, int]:
    """Which worker of how many this process is, by pytest-xdist, by a seat handed on, or by a cluster."""
    name = os.environ.get(SEAT_VARIABLE) or os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    workers = os.environ.get(COUNT_VARIABLE) or os.environ.get("PYTEST_XDIST_WORKER_COUNT", "")
    return int(name) if name.isdecimal() else 0, int(workers) if workers.isdecimal() else 1


def shared_memory(address: Address) -> BadInputError:
    """A server that remembers one episode would be asked by several workers, each of another episode."""
    return BadInputError(
        f"The policy server at {address.url} remembers one episode at a time, but all workers of this run would use it."
        f" Start one server a worker and name them all: with {WORKER} where their addresses differ, as in"
        f" openpi:ws://gpu{WORKER}:8000 (workers count from 0), or with commas between them; or leave -n out. On a"
        " cluster each simulator counts as a worker, so say how many there are with --robust-simulators=K."
    )


def _seconds(name: str, value: str | None, default: float, where: str) -> float:
    if value is None:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 86400:
        raise BadInputError(f"{name} in the {where} must be a number of seconds above 0, not {value!r}.")
    return seconds
