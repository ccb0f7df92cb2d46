"""Policies written for RoboTwin: ``get_model``, ``eval`` and ``reset_model``, which drive its environment."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustplus.errors import BadInputError, PolicyError, PolicyUnreachableError
from pytest_robustplus.policies.contract import Actions, Observation

if TYPE_CHECKING:
    from pytest_robustplus.policies.request import PolicyRequest

FUNCTIONS = ("get_model", "eval", "reset_model")
ACTION_TYPES = {"joint": "qpos", "eef": "ee"}
IDLE_OBSERVATIONS = 4
# How long a model may go on with an episode that nobody wants any more; a denoising loop takes seconds.
STOPPING_S = 30.0
JOINTS = 7
MATRICES = {9: (3, 3), 12: (3, 4), 16: (4, 4)}
"""The shape of a camera's matrix by its numbers, which an observation has row by row."""


def is_robotwin(module: ModuleType) -> bool:
    """Whether a module has the three functions of a RoboTwin policy."""
    return all(callable(getattr(module, name, None)) for name in FUNCTIONS)


class RoboTwinPolicy:
    """Turns a policy that drives the environment into one that is asked.

    ``eval(TASK_ENV, model, observation)`` runs on a thread of its own against a stand-in for the environment. What it
    executes until it looks again, or returns, is an action chunk; ``get_obs`` then waits for the next observation.
    Where the profile's ``looks`` is ``chunk``, the looks in between ``replan`` actions show the last observation once
    more, so that nothing is drawn for them. ``get_model`` is given the profile's ``request``. The model keeps one
    episode at a time.
    """

    remembers_one = True

    def __init__(self, module: ModuleType, request: PolicyRequest) -> None:
        self._module = module
        self._request = request
        self._model = _model(module, request)
        self._replan = request.profile.replan
        self._interval = self._replan if request.profile.looks == "chunk" else 1
        self._suite = ""
        self._left: list[Actions] = []
        self._action_type = ACTION_TYPES[request.profile.action_space]
        self.checkpoint = str(getattr(self._model, "checkpoint", "")) or _fingerprint(module, request)
        self._run: _Run | None = None
        self._slot: int | None = None

    def begin(self, slot: int, suite: str, task: str) -> None:
        """Take note of the suite, whose step limit the stand-in shows."""
        self._suite = suite

    def reset(self, slot: int, instruction: str) -> None:
        if not self._stop():
            raise PolicyUnreachableError(
                f"{self._module.__name__}.eval() has not come back from the episode before for {STOPPING_S:g} s, so no"
                " other can begin on its model. Find out where it hangs; it may wait for a device or a server."
            )
        self._left = []
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
        if not self._left:
            self._left = self._executed(observation)
        # All that it executed before it looked is executed; a longer chunk than the profile's goes out in pieces.
        answer, self._left = self._left[: self._replan], self._left[self._replan :]
        return np.stack(answer)

    def _executed(self, observation: Observation) -> list[Actions]:
        if self._run is None:
            environment = _Environment(self._action_type, observation.instruction, self._limit(), self._interval)
            self._run = _Run(self._module.eval, self._model, environment)
        seen = robotwin_observation(observation)
        # It may look twice in a row, or only look: it needs nothing newer than what it has just been given.
        actions: list[Actions] = []
        idle = 0
        while len(actions) < self._interval and idle < IDLE_OBSERVATIONS:
            more = self._run.next(seen)
            actions += more
            idle = 0 if more else idle + 1
        if not actions:
            raise PolicyError(f"{self._module.__name__}.eval() executed no action after {IDLE_OBSERVATIONS} looks.")
        return actions

    def _limit(self) -> int:
        """How many actions an episode of this suite takes at most."""
        profile = self._request.profile
        limit = profile.horizons.get(self._suite, 10**9)
        return min(limit, profile.longest or limit)

    def _stop(self) -> bool:
        """Unwind what the last episode left, and say whether that has come to an end."""
        if self._run is None or self._run.stop():
            self._run = None
        return self._run is None


def _fingerprint(module: ModuleType, request: PolicyRequest) -> str:
    """Name a model that does not name itself by its module's source and what it was built with."""
    digest = hashlib.sha256(repr(sorted(request.profile.request.items())).encode())
    file: str | None = getattr(module, "__file__", None)
    if file:
        digest.update(Path(file).read_bytes())
    return f"source-{digest.hexdigest()[:12]}"


def _model(module: ModuleType, request: PolicyRequest) -> Any:
    """Call ``get_model`` with the profile's ``request`` beside what RoboTwin itself always tells.

    Raises ``BadInputError`` naming what the module asks for and where it goes.
    """
    arms = {"left_arm_dim": 6, "right_arm_dim": 6}
    told = {"policy_name": module.__name__, "seed": request.profile.env_seed, **arms, **request.profile.request}
    try:
        return module.get_model(told)
    except (KeyError, ValueError) as error:
        key = error.args[0] if isinstance(error, KeyError) and error.args else ""
        if key in told:
            raise
        asks = f"asks for {key!r}" if key else f"refuses what it is told: {error}"
        raise BadInputError(
            f"{module.__name__}.get_model() {asks}. What RoboTwin's deploy_policy.yml would hold goes into the model's"
            f" profile: request = {{ {key or 'NAME'} = … }} under [tool.robustplus.model.{request.card.name}.profile."
            f"{request.benchmark.name}]. Told now: {', '.join(told)}."
        ) from error


def robotwin_observation(observation: Observation) -> dict[str, Any]:
    """An observation in RoboTwin's own shape, as ``get_obs`` of its environments makes it.

    ``observation.CAMERA`` has ``rgb``, ``depth`` in millimetres where the profile wants it, and the camera's matrices;
    ``joint_action`` both arms' joints and grippers and all fourteen as ``vector``; ``endpose`` both arms'
    poses and grippers.
    """
    state = observation.state
    cameras: dict[str, dict[str, Any]] = {camera: {"rgb": frame} for camera, frame in observation.images.items()}
    for camera, metres in observation.depth.items():
        # In millimetres, as RoboTwin has it; in double precision what is divided by 1,000 again is what it was.
        cameras[camera]["depth"] = metres.astype(np.float64) * 1000
    for name, value in state.items():
        camera, dot, matrix = name.partition(".")
        if dot and camera in cameras:
            cameras[camera][matrix] = np.asarray(value).reshape(MATRICES.get(len(value), (-1,)))
    vector = np.asarray(state.get("joint_pos", np.empty(0)))
    if len(vector) != 2 * JOINTS:
        # On a robot with other arms a module reads what its profile puts together.
        vector = np.asarray(state.get("state", vector))
    seen: dict[str, Any] = {"observation": cameras, "pointcloud": [], "joint_action": {"vector": vector}, "endpose": {}}
    for number, side in enumerate(("left", "right")):
        if len(vector) == 2 * JOINTS:
            joints = vector[number * JOINTS : (number + 1) * JOINTS].tolist()
            seen["joint_action"] |= {f"{side}_arm": joints[:-1], f"{side}_gripper": joints[-1]}
            seen["endpose"][f"{side}_gripper"] = joints[-1]
        if f"{side}_endpose" in state:
            seen["endpose"][f"{side}_endpose"] = np.asarray(state[f"{side}_endpose"]).tolist()
    return seen


class _Stopped(BaseException):
    """Unwinds an evaluation whose episode is over; not an Exception, so that a policy does not catch it."""


class _Run:
    """The calls of ``eval`` of one episode, on one thread; exactly one of the two threads runs at any time.

    A thread for each call cost 110 µs of an inference; handing over to one that waits and back takes 18 µs.
    """

    def __init__(self, evaluate: Callable[..., Any], model: Any, environment: _Environment) -> None:
        self._inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[tuple[list[Actions], Exception | None]] = queue.SimpleQueue()
        self._env = environment
        self._env.run = self
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

    def stop(self) -> bool:
        """Unwind an evaluation that waits for an observation, and say whether the thread has ended."""
        self._inbox.put(None)
        self._thread.join(STOPPING_S)
        return not self._thread.is_alive()

    def observe(self) -> dict[str, Any]:
        """Called by the stand-in: give away what was executed and wait."""
        self._outbox.put((self._env.taken(), None))
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        seen = self._inbox.get()
        if seen is None:
            raise _Stopped
        if seen is not self._env.current:
            self._env.refresh()
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

    run: _Run

    def __init__(self, action_type: str, instruction: str, limit: int, interval: int) -> None:
        """Take how many actions an episode has at most, and how many are executed before a look shows something new."""
        self._type, self._instruction = action_type, instruction
        self._interval = interval
        self._fresh = 0
        self._actions: list[Actions] = []
        self.current: dict[str, Any] = {}
        self.eval_success = False
        self.take_action_cnt = 0
        self.step_lim = limit

    def get_instruction(self) -> str:
        return self._instruction

    def get_obs(self) -> dict[str, Any]:
        """The present observation; after as many actions as are executed between looks, the next one."""
        if self._fresh >= self._interval:
            self.current = self.run.observe()
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
        self._fresh += 1

    def refresh(self) -> None:
        """Count anew what is executed: something new is about to be seen."""
        self._fresh = 0

    def taken(self) -> list[Actions]:
        actions, self._actions = self._actions, []
        return actions
