"""Where the policy of each suite is: ``suites:libero_spatial=act:http://a:8000 libero_10=act:http://b:8000``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_robustplus.errors import BadInputError

SCHEME = "suites"
FILES = ("onnx", "lerobot")
"""Ways of reaching a policy whose address is a file or a folder."""
SERVERS = ("act", "openpi", "vla-eval")
"""Ways of reaching a policy that is not told which suite an episode is of."""
FLAT = (*SERVERS, "lerobot")
"""Ways of reaching a policy that is sent no depth."""


def places(spec: str) -> Mapping[str, str]:
    """The specs by suite or benchmark that a spec of this scheme holds, empty for any other spec.

    Raises ``BadInputError`` for one that cannot be read.
    """
    scheme, _, rest = spec.partition(":")
    if scheme != SCHEME:
        return {}
    found: dict[str, str] = {}
    for entry in rest.split():
        name, equals, place = entry.partition("=")
        if not equals or ":" in name or ":" not in place:
            raise BadInputError(
                f"The policy spec {spec!r} is not of the form suites:SUITE=SPEC SUITE=SPEC, such as"
                " suites:libero_spatial=act:http://a:8777 libero_10=act:http://b:8777."
            )
        found[name] = place
    return found


def on(spec: str, benchmark: str) -> str:
    """The spec by which one benchmark's cells are played: a benchmark's own place, if the spec names one."""
    return places(spec).get(benchmark, spec)


def anchored(spec: str, folder: Path) -> str:
    """The spec with its file, if it names one, found from ``folder``, in which the spec is written."""
    if named := places(spec):
        return f"{SCHEME}:" + " ".join(f"{name}={anchored(place, folder)}" for name, place in named.items())
    kind, _, address = spec.partition(":")
    # What the package ships is no file of the user's.
    if kind not in FILES or not address or address.startswith("package/"):
        return spec
    return f"{kind}:{_found_from(folder, address)}"


def anchor(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A model's table with the files of its ``policy`` and of its ``statistics`` found from ``folder``."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            inner = {name: anchored(v, folder) if isinstance(v, str) else v for name, v in value.items()}
            found[key] = inner if key == "policy" else anchor(value, folder)
        elif isinstance(value, str) and key == "policy":
            found[key] = anchored(value, folder)
        elif isinstance(value, str) and key == "statistics" and value:
            found[key] = _found_from(folder, value)
        else:
            found[key] = value
    return found


def _found_from(folder: Path, name: str) -> str:
    path = folder / Path(name).expanduser()
    # Short where the run begins in that folder, as it mostly does.
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def scheme(spec: str) -> str:
    """The transport behind a spec; that of its first place if it has several."""
    inner = next(iter(places(spec).values()), spec)
    return inner.partition(":")[0]
