"""Policy servers that answer ``POST /act``, in the dialects of X-VLA, OpenVLA-OFT, Cosmos-Policy and UniVLA."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_robustplus.errors import PolicyError, unknown
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import json_numpy, replies, retry, timing
from pytest_robustplus.policies.transports.address import parse
from pytest_robustplus.policies.transports.arrays import MalformedMessageError
from pytest_robustplus.policies.transports.http import Http
from pytest_robustplus.policies.transports.reconnection import ReconnectionCheck

if TYPE_CHECKING:
    from pytest_robustplus.policies.request import PolicyRequest

ASKED = "an inference"
# The first camera is the main one; LIBERO has one wrist, RoboTwin two.
OFT_CAMERAS = {"agentview": "full_image", "wrist": "wrist_image"}
OFT_CAMERAS |= {"head_camera": "full_image", "left_camera": "left_wrist_image", "right_camera": "right_wrist_image"}
UNIVLA_CAMERAS = {"agentview": "full_image"}
COSMOS_CAMERAS = {camera: name.replace("full_image", "primary_image") for camera, name in OFT_CAMERAS.items()}


class Act:
    """A policy behind ``http://host:port`` (path ``/act`` unless the spec has one).

    Building it waits until the server accepts connections. ``timings`` has one entry per inference. Raises
    ``PolicyUnreachableError`` for a server that is gone or silent, ``PolicyError`` for one that raised or answered what
    its dialect does not allow.
    """

    def __init__(self, request: PolicyRequest) -> None:
        spec = f"act:{request.address}"
        self.address = parse(request.address, ("http", "https"), spec)
        name = self.address.dialect or request.card.dialect
        if name not in DIALECTS:
            raise unknown("dialect of act", name, DIALECTS, where=f"policy spec {spec!r} or the model's card")
        self._dialect = DIALECTS[name]
        for camera in request.profile.cameras:
            if self._dialect.cameras and camera not in self._dialect.cameras:
                raise unknown("camera", camera, self._dialect.cameras, where=f"dialect {name} of act")
        self.remembers_one = self._dialect.remembers
        self._slot: int | None = None
        self._fresh = True
        self._fields = dict(request.profile.request)
        self.timings: deque[timing.Timing] = deque(maxlen=timing.KEPT)
        self.where = f"The policy server at {self.address.url}"
        self._http = Http(self.address)
        self._http.open()
        # These servers say nothing about what they serve; without a name from the user, any two look the same.
        self.checkpoint = self.address.checkpoint or "unnamed"
        # One that remembers an episode would mix the question into it.
        self._reconnection = (
            None
            if self.remembers_one
            else ReconnectionCheck(self.address, self._act, lambda: self._http.opened, self.timings)
        )

    def reset(self, slot: int, instruction: str) -> None:
        """Tell a server that remembers, by the next request, that an episode begins."""
        self._slot, self._fresh = slot, True

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        if self._reconnection is not None:
            return self._reconnection.act(observations)
        return [self._act(observation) for observation in observations]

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _act(self, observation: Observation) -> Actions:
        start = perf_counter()
        fields = self._fields
        if self._dialect.remembers:
            if observation.slot != self._slot:
                raise PolicyError(
                    f"{self.where} remembers one episode at a time, that of slot {self._slot}, but slot"
                    f" {observation.slot} asked. Give each simulator a server of its own."
                )
            fields = {**fields, "reset": self._fresh}
        body = json_numpy.encode({**self._dialect.message(observation), **fields})
        status, answer = self._http.post(body, ASKED)
        try:
            reply = json_numpy.decode(answer)
            # A server asked in one encoding may answer in the other: a string that holds the answer.
            if isinstance(reply, str) and reply != "error":
                reply = json_numpy.decode(reply)
        except MalformedMessageError as error:
            if status == 200 and self._http.ended_by_closing:
                raise retry.gone(self.address, ASKED, f"its answer ends after {len(answer):,} bytes") from error
            if status == 200:
                raise retry.malformed(self.address, ASKED, error) from error
            reply = answer[-retry.TOLD :].decode("utf-8", "replace")
        self._refuse_error(status, reply)
        self._fresh = False
        actions = replies.chunk(self._dialect.actions(reply, self.where), self.where)
        self.timings.append(timing.Timing(perf_counter() - start, None, len(body), len(answer)))
        return actions

    def _refuse_error(self, status: int, reply: Any) -> None:
        if isinstance(reply, str) and reply == "error":
            raise PolicyError(
                f"{self.where} answered HTTP {status} with the word 'error', which is how it reports an exception. Its"
                " log has the traceback; a camera or the state that it does not expect is the usual cause."
            )
        if isinstance(reply, Mapping) and "error" in reply:
            raise retry.raised(self.address, ASKED, reply["error"])
        if status != 200:
            raise retry.raised(self.address, f"{ASKED} (HTTP {status})", reply)


def _xvla(observation: Observation) -> dict[str, Any]:
    """Arrays travel as text inside the JSON: each is encoded on its own."""
    frames = {f"image{index}": json_numpy.encode(frame) for index, frame in enumerate(observation.images.values())}
    message = {"language_instruction": observation.instruction, **frames}
    if "state" in observation.state:
        message["proprio"] = json_numpy.encode(observation.state["state"])
    return message


def _named(observation: Observation, cameras: Mapping[str, str], state: str, instruction: str) -> dict[str, Any]:
    message: dict[str, Any] = {cameras[camera]: frame for camera, frame in observation.images.items()}
    if "state" in observation.state:
        message[state] = observation.state["state"]
    return {**message, instruction: observation.instruction}


class _Dialect(NamedTuple):
    message: Callable[[Observation], dict[str, Any]]
    actions: Callable[[Any, str], Any]
    cameras: Mapping[str, str]
    remembers: bool = False


DIALECTS: Mapping[str, _Dialect] = {
    "xvla": _Dialect(_xvla, lambda reply, where: replies.field(reply, "action", where), {}),
    "oft": _Dialect(
        lambda observation: _named(observation, OFT_CAMERAS, "state", "instruction"),
        lambda reply, where: reply,
        OFT_CAMERAS,
    ),
    "cosmos": _Dialect(
        lambda observation: _named(observation, COSMOS_CAMERAS, "proprio", "task_description"),
        lambda reply, where: replies.field(reply, "actions", where),
        COSMOS_CAMERAS,
    ),
    # policies/serving/univla.py, for a repository that has no server.
    "univla": _Dialect(
        lambda observation: _named(observation, UNIVLA_CAMERAS, "state", "instruction"),
        lambda reply, where: replies.field(reply, "action", where),
        UNIVLA_CAMERAS,
        remembers=True,
    ),
}
