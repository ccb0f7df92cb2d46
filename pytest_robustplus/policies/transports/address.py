"""Where a policy server is and how patient to be with it: ``ws://host:port?dialect=ge&answer_s=60``."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pytest_robustplus.errors import BadInputError, unknown

KEY_VARIABLE = "ROBUSTPLUS_API_KEY"
"""The environment variable that holds the key: a spec is written to the ledger, so no key belongs into it."""
OPTIONS = ("answer_s", "checkpoint", "dialect", "loading_s")


@dataclass(frozen=True, slots=True)
class Address:
    """A server's ``url`` and what the spec says about it.

    ``loading_s`` is how long a server may take until it accepts connections, ``answer_s`` how long it may stay silent
    after a request (the first may compile for minutes). ``checkpoint`` is the user's name for the weights behind it.
    """

    url: str
    dialect: str = ""
    checkpoint: str = ""
    loading_s: float = 300.0
    answer_s: float = 300.0
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

    Raises ``BadInputError`` naming ``spec`` and what is wrong with it.
    """
    where = f"policy spec {spec!r}"
    example = f"{spec.partition(':')[0]}:{schemes[0]}://localhost:8000"
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
        key=os.environ.get(KEY_VARIABLE, ""),
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
