"""A policy behind its profile: observations as the model expects them, actions as the environment takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.policies.checked import checked, finite
from pytest_robustplus.policies.contract import Actions, Depth, Image, Observation, Policy, Privileged
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.profiles import actions, images, state


class Profiled:
    """Applies a profile around any transport; every answer is checked, so no NaN and no wrong shape gets through.

    The policy sees ``images`` and ``depth`` of the profile's cameras only and in their order, and, beside everything
    that the simulator senses, the vector that the profile's ``state`` describes under ``state["state"]``. A privileged
    script sees and answers in the environment's own terms; it is only checked. Raises ``BadInputError`` for a profile
    that contradicts itself or statistics that cannot be read, ``PolicyError`` for an answer that no robot can execute.
    """

    def __new__(cls, policy: Policy, profile: Profile, name: str = "") -> Profiled:
        """Give a privileged policy a privileged wrapper, so that it is still handed the simulator."""
        return super().__new__(_PrivilegedProfiled if isinstance(policy, Privileged) else cls)

    def __init__(self, policy: Policy, profile: Profile, name: str = "") -> None:
        self.policy = policy
        self.profile = profile
        self._name = name or type(policy).__name__
        self._calls = 0
        self._images = {camera: images.pipeline(profile, camera) for camera in profile.cameras}
        self._state = state.assembler(profile.state) if profile.state else None
        self._actions = ActionPipeline(profile)
        self._fed_back = list(profile.state_from_action)
        self._last: dict[int, Actions] = {}
        self._sensed_back = {name: list(columns) for name, columns in profile.sensed_from_action.items()}
        self._executed: dict[int, Actions] = {}
        self._names: dict[int, str] = {}

    def begin(self, slot: int, suite: str, task: str) -> None:
        """Take note of the task's name, and pass on what a policy may want to know of its episode."""
        self._names[slot] = task.replace("_", " ")
        told = getattr(self.policy, "begin", None)
        if told is not None:
            told(slot, suite, task)

    def reset(self, slot: int, instruction: str) -> None:
        self._last.pop(slot, None)
        self._executed.pop(slot, None)
        self.policy.reset(slot, self._told(slot, instruction))

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self._calls += 1
        where = f"{self._name}, call {self._calls},"
        answer = self.policy.act([self.seen(observation) for observation in observations])
        chunks = checked(answer, len(observations), self._actions.taken, where)
        if self._fed_back:
            for observation, chunk in zip(observations, chunks, strict=True):
                self._last[observation.slot] = chunk[: self.profile.replan][-1]
        executed = [self._actions(chunk, where) for chunk in chunks]
        if self._sensed_back:
            for observation, chunk in zip(observations, executed, strict=True):
                self._executed[observation.slot] = chunk[: self.profile.replan][-1]
        return executed

    def seen(self, observation: Observation) -> Observation:
        """Return what the policy is shown in place of the simulator's own observation."""
        sensed = observation.state
        executed = self._executed.get(observation.slot)
        if executed is not None:
            sensed = {**sensed, **{name: executed[columns] for name, columns in self._sensed_back.items()}}
        if self._state is not None:
            vector = self._state(sensed)
            last = self._last.get(observation.slot)
            if last is not None:
                vector[self._fed_back] = last[self._fed_back]
            sensed = {**sensed, "state": vector}
        frames = {camera: prepare(_frame(observation, camera)) for camera, prepare in self._images.items()}
        told = self._told(observation.slot, observation.instruction)
        depth = {camera: self._measured(observation, camera) for camera in self.profile.depth}
        return replace(observation, images=frames, state=sensed, instruction=told, depth=depth)

    def _measured(self, observation: Observation, camera: str) -> Depth:
        if camera not in observation.depth:
            raise unknown("camera", camera, observation.depth, where="depth in the model's profile")
        return images.flip(np.asarray(observation.depth[camera]), self.profile.flip.get(camera, "none"))

    def _told(self, slot: int, instruction: str) -> str:
        return self._names.get(slot, instruction) if self.profile.prompt == "task_name" else instruction

    def close(self) -> None:
        """Let the policy close its connection or end its thread, if it has one."""
        close = getattr(self.policy, "close", None)
        if close is not None:
            close()


class _PrivilegedProfiled(Profiled):
    def attach(self, slot: int, simulator: Any) -> None:
        self.policy.attach(slot, simulator)  # type: ignore[attr-defined]  # made only for a Privileged policy

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self._calls += 1
        where = f"{self._name}, call {self._calls},"
        return checked(self.policy.act(observations), len(observations), self.profile.action_width, where)


class ActionPipeline:
    """A profile's way from a model's action chunk, ``taken`` wide, to the environment's, both (steps, width)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._bounds = None
        if profile.unnormalise != "server":
            self._bounds = actions.read_bounds(profile.statistics, profile.statistics_key, profile.unnormalise)
        self._layout = actions.layout(profile.action) if profile.action else None
        self._order = list(profile.action_order)
        given = self._layout.given if self._layout else len(self._order) or profile.action_width
        self.taken = self._layout.taken if self._layout else given
        self._check(given)

    def __call__(self, chunk: Actions, where: str) -> Actions:
        """Convert a finite chunk; raises ``PolicyError`` where no robot could execute what comes of it."""
        # What is no rotation, or too large for its type, is found below and told better than by a warning.
        with np.errstate(all="ignore"):
            converted = self._converted(chunk)
        cure = (
            "The policy's own numbers were finite: zero or parallel columns are no rotation, and statistics may hold"
            " something else than numbers. Check action, statistics and gripper in the model's profile."
        )
        return finite(converted, f"{where} gave actions that its profile turns into", cure)

    def _converted(self, chunk: Actions) -> Actions:
        profile = self._profile
        if self._bounds is not None:
            chunk = self._bounds.unnormalise(chunk, clip=profile.unnormalise == "min_max")
        if self._layout is not None:
            chunk = self._layout.convert(chunk)
        if self._order:
            chunk = chunk[:, self._order]
        if profile.gripper != "identity" or profile.gripper_invert:
            # A decoded reply may be read-only, and the caller's array is not ours to change.
            chunk = chunk.copy()
            columns = list(profile.gripper_columns)
            chunk[:, columns] = actions.gripper(
                chunk[:, columns], profile.gripper, profile.gripper_threshold, profile.gripper_invert
            )
        return chunk

    def _check(self, given: int) -> None:
        width = self._profile.action_width
        ordered = len(self._order) if self._order else given
        if ordered != width:
            raise BadInputError(
                f"The model's profile makes actions {ordered} wide, but action_width is {width}. Check action and"
                " action_order."
            )
        for name, columns, wide in (
            ("action_order", self._order, given),
            ("gripper_columns", self._profile.gripper_columns, width),
        ):
            if any(not -wide <= column < wide for column in columns):
                raise BadInputError(f"{name} = {list(columns)} reaches outside an action that is {wide} wide.")
        if self._bounds is not None and len(self._bounds.low) != self.taken:
            raise BadInputError(
                f"{self._profile.statistics} describes {len(self._bounds.low)} components, but the model's actions have"
                f" {self.taken}. Check statistics_key and action in its profile."
            )


def _frame(observation: Observation, camera: str) -> Image:
    if camera not in observation.images:
        raise unknown("camera", camera, observation.images, where="cameras in the model's profile")
    return np.asarray(observation.images[camera])
