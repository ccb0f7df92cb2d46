"""Policy servers on a websocket: openpi's protocol, and the dialects that other models made of it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from pytest_robustplus.errors import PolicyError, unknown
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import replies, retry, timing
from pytest_robustplus.policies.transports.address import Address, parse, shared_memory
from pytest_robustplus.policies.transports.arrays import MalformedMessageError
from pytest_robustplus.policies.transports.dialects import DIALECTS, Dialect
from pytest_robustplus.policies.transports.msgpack_numpy import Codec
from pytest_robustplus.policies.transports.reconnection import ReconnectionCheck
from pytest_robustplus.policies.transports.websocket import WebSocket

if TYPE_CHECKING:
    from pytest_robustplus.policies.request import PolicyRequest


class OpenPi:
    """A policy behind ``ws://host:port``; the card says which dialect its server speaks.

    Building it waits until the server has loaded. ``timings`` has one entry per request that was answered. Raises
    ``PolicyUnreachableError`` for a server that is gone or silent, ``PolicyError`` for one that raised or answered what
    its dialect does not allow.
    """

    def __init__(self, request: PolicyRequest) -> None:
        spec = f"openpi:{request.address}"
        self.address = parse(request.address, ("ws", "wss"), spec)
        name = self.address.dialect or request.card.dialect or "openpi"
        if name not in DIALECTS:
            raise unknown("dialect of openpi", name, DIALECTS, where=f"policy spec {spec!r} or the model's card")
        self.timings: deque[timing.Timing] = deque(maxlen=timing.KEPT)
        self.metadata: Mapping[str, Any] = {}
        self._codec = Codec("bytes")
        self._dialect: Dialect = DIALECTS[name](self, request.profile)
        self.remembers_one = self._dialect.remembers
        if self.remembers_one and not self.address.alone:
            raise shared_memory(self.address)
        self._slot: int | None = None
        self.checkpoint = self.address.checkpoint
        self._socket = WebSocket(self.address, self._greet)
        self._socket.open()
        # One that remembers an episode would mix the question into it.
        self._reconnection = (
            None
            if self.remembers_one
            else ReconnectionCheck(self.address, self._act, lambda: self._socket.opened, self.timings)
        )

    def reset(self, slot: int, instruction: str) -> None:
        self._slot = slot
        with self._in_step():
            self._dialect.reset(instruction)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        if self._reconnection is not None:
            return self._reconnection.act(observations)
        return [self._act(observation) for observation in observations]

    def ask(
        self, message: Mapping[str, Any], asked: str, *, kind: Literal["infer", "cache"] = "infer", text: str = ""
    ) -> Any:
        """Send ``message`` and return the decoded answer; ``text`` is the one text frame that is no traceback."""
        start = perf_counter()
        frame = self._codec.encode(message)
        with self._socket.exchange(asked):
            self._socket.send(frame, asked)
            answer = self._socket.receive(asked)
            if isinstance(answer, str):
                if text and answer.strip() == text:
                    return answer
                raise retry.raised(self.address, asked, answer)
            reply = self._decoded(answer, asked)
        round_trip = perf_counter() - start
        served = replies.seconds(reply, "server_timing", "infer_ms")
        self.timings.append(timing.Timing(round_trip, served, len(frame), len(answer), kind))
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _act(self, observation: Observation) -> Actions:
        if self._dialect.remembers and observation.slot != self._slot:
            raise PolicyError(
                f"The policy server at {self.address.url} remembers one episode at a time, that of slot {self._slot},"
                f" but slot {observation.slot} asked. Give each simulator a server of its own."
            )
        with self._in_step():
            return self._dialect.act(observation)

    @contextmanager
    def _in_step(self) -> Iterator[None]:
        """Begin anew after whatever a dialect finds wrong with an answer, such as the number of another request."""
        try:
            yield
        except BaseException:
            self._socket.close()
            raise

    def _greet(self, socket: WebSocket) -> None:
        asked = "its greeting"
        greeting = socket.receive(asked)
        if isinstance(greeting, str):
            raise retry.raised(self.address, asked, greeting)
        metadata = self._decoded(greeting, asked)
        if not isinstance(metadata, Mapping):
            raise retry.malformed(self.address, asked, f"a {type(metadata).__name__} instead of a map")
        self.metadata = metadata
        self.checkpoint = recognised(self.address, metadata, self.checkpoint)

    def _decoded(self, frame: bytes, asked: str) -> Any:
        try:
            return self._codec.decode(frame)
        except MalformedMessageError as error:
            raise retry.malformed(self.address, asked, error) from error


def recognised(address: Address, said: Mapping[str, Any], before: str) -> str:
    """The checkpoint of a server that says this when it greets; raises ``PolicyError`` if it was another ``before``.

    The user's name for the weights stands, whatever the server says.
    """
    now = address.checkpoint or identity(said)
    if before not in ("", now):
        raise retry.changed(address, before, now)
    return now


def identity(metadata: Mapping[str, Any]) -> str:
    """Name the checkpoint by what its server says about itself; two servers that say the same look the same."""
    text = repr(sorted((str(key), repr(value)) for key, value in metadata.items()))
    return f"server-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
