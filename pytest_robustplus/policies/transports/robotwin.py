"""Policies written for RoboTwin: ``get_model``, ``eval`` and ``reset_model``, which drive its environment."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustplus.errors import BadInputError, PolicyError
from pytest_robustplus.policies.contract import Actions, Observation

if TYPE_CHECKING:
    from pytest_robustplus.policies.request import PolicyRequest

FUNCTIONS = ("get_model", "eval", "reset_model")
ACTION_TYPES = {"joint": "qpos", "eef": "ee"}
LOOKS = 4


def is_robotwin(module: ModuleType) -> bool:
    """Whether a module has the three functions of a RoboTwin policy."""
    return all(callable(getattr(module, name, None)) for name in FUNCTIONS)


class RoboTwinPolicy:
    """Turns a policy that drives the environment into one that is asked.

    ``eval(TASK_ENV, model, observation)`` runs on a thread of its own against a stand-in for the environment. What it
    executes until it looks again, or returns, is the action chunk; ``get_obs`` then waits for the next observation.
    ``get_model`` is given the profile's ``request``. The model keeps one episode at a time.
    """

    remembers_one = True

    def __init__(self, module: ModuleType, request: PolicyRequest) -> None:
        self._module = module
        self._request = request
        self._model = module.get_model(dict(request.profile.request))
        self._action_type = ACTION_TYPES[request.profile.action_space]
        self.checkpoint = str(getattr(self._model, "checkpoint", "")) or _fingerprint(module, request)
        self._run: _Run | None = None
        self._slot: int | None = None

    def reset(self, slot: int, instruction: str) -> None:
        self._stop()
        self._module.reset_model(self._model)
        self._slot = slot

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self._act(observation) for observation in observations]

    def close(self) -> None:
        """Let go of an evaluation that waits for an observation."""
        self._stop()

    def _act(self, observation: Observation) -> Actions:
        if observation.slot != self._slot:
            raise PolicyError(
                f"The RoboTwin policy {self._module.__name__} keeps one episode at a time, that of slot {self._slot},"
                f" but slot {observation.slot} asked."
            )
        if self._run is None:
            self._run = _Run(self._module.eval, self._model, self._action_type, observation.instruction)
        seen = robotwin_observation(observation)
        # It may look twice in a row, or only look: it needs nothing newer than what it has just been given.
        for _ in range(LOOKS):
            if actions := self._run.next(seen):
                return np.stack(actions)
        raise PolicyError(f"{self._module.__name__}.eval() executed no action after {LOOKS} looks.")

    def _stop(self) -> None:
        if self._run is not None:
            self._run.stop()
            self._run = None


def _fingerprint(module: ModuleType, request: PolicyRequest) -> str:
    """Name a model that does not name itself by its module's source and what it was built with."""
    digest = hashlib.sha256(repr(sorted(request.profile.request.items())).encode())
    file: str | None = getattr(module, "__file__", None)
    if file:
        digest.update(Path(file).read_bytes())
    return f"source-{digest.hexdigest()[:12]}"


def robotwin_observation(observation: Observation) -> dict[str, Any]:
    """An observation in RoboTwin's own shape: ``observation.CAMERA.rgb`` and ``joint_action.vector``."""
    vector = observation.state.get("state", observation.state.get("joint_pos", np.empty(0)))
    cameras: Mapping[str, Any] = {camera: {"rgb": frame} for camera, frame in observation.images.items()}
    return {"observation": dict(cameras), "joint_action": {"vector": vector}}


class _Stopped(BaseException):
    """Unwinds an evaluation whose episode is over; not an Exception, so that a policy does not catch it."""


class _Run:
    """The calls of ``eval`` of one episode, on one thread; exactly one of the two threads runs at any time.

    A thread for each call cost 110 µs of an inference; handing over to one that waits and back takes 18 µs.
    """

    def __init__(self, evaluate: Callable[..., Any], model: Any, action_type: str, instruction: str) -> None:
        self._inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[list[Actions], Exception | None]] = queue.SimpleQueue()
        self._env = _Environment(self, action_type, instruction)
        self._evaluate, self._model = evaluate, model
        self._thread = threading.Thread(target=self._main, daemon=True, name="robotwin-policy")
        self._thread.start()

    def next(self, seen: dict[str, Any]) -> list[Actions]:
        """Hand an observation over and return what was executed until the next look, or until ``eval`` returned."""
        self._inbox.put(seen)
        actions, error = self._outbox.get()
        if error is not None:
            raise error
        return actions

    def stop(self) -> None:
        """Unwind an evaluation that waits for an observation, and end the thread."""
        self._inbox.put(None)
        self._thread.join()

    def look(self) -> dict[str, Any]:
        """Called by the stand-in: give away what was executed and wait."""
        self._outbox.put((self._env.taken(), None))
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        seen = self._inbox.get()
        if seen is None:
            raise _Stopped
        return seen

    def _main(self) -> None:
        with contextlib.suppress(_Stopped):
            while True:
                self._env.current = seen = self._receive()
                error: Exception | None = None
                try:
                    self._evaluate(self._env, self._model, seen)
                except Exception as raised:
                    error = raised
                self._outbox.put((self._env.taken(), error))


class _Environment:
    """What a policy may use of RoboTwin's ``TASK_ENV``."""

    def __init__(self, run: _Run, action_type: str, instruction: str) -> None:
        self._run, self._type, self._instruction = run, action_type, instruction
        self._actions: list[Actions] = []
        self.current: dict[str, Any] = {}
        self.eval_success = False
        self.take_action_cnt = 0
        self.step_lim = 10**9

    def get_instruction(self) -> str:
        return self._instruction

    def get_obs(self) -> dict[str, Any]:
        """The present observation; after an action, the next one."""
        if self._actions:
            self.current = self._run.look()
        return self.current

    def take_action(self, action: Any, action_type: str = "qpos") -> None:
        """Execute one action; raises ``BadInputError`` for another kind than the profile says."""
        if action_type != self._type:
            raise BadInputError(
                f"The policy executes actions of type {action_type!r}, but its profile means {self._type!r}. Set"
                " action_space to joint (qpos) or eef (ee)."
            )
        self._actions.append(np.asarray(action))
        self.take_action_cnt += 1

    def taken(self) -> list[Actions]:
        actions, self._actions = self._actions, []
        return actions
