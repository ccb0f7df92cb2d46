"""What a dialect is to the websocket transport, and the transport to a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports.address import Address


class Server(Protocol):
    """The far end, as a dialect sees it."""

    address: Address
    metadata: Mapping[str, Any]

    def ask(
        self, message: Mapping[str, Any], asked: str, *, kind: Literal["infer", "cache"] = "infer", text: str = ""
    ) -> Any: ...


class Dialect(Protocol):
    """Turns one observation into requests and the answers into one action chunk."""

    remembers: bool
    """Whether the server keeps a memory of the episode, so that it can serve only one at a time."""

    def reset(self, instruction: str) -> None: ...

    def act(self, observation: Observation) -> Actions: ...
