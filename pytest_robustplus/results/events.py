"""What happened in an episode, as its simulator saw it: subgoals, events and, where it failed, how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class Failure(StrEnum):
    """How an episode failed; of several that fit, the first of this order, but for ``UNKNOWN``."""

    NEVER_MOVED = "never moved"
    LOST = "goal met then lost"
    KNOCKED = "knocked the goal's support"
    TIMEOUT = "timeout while progressing"
    MISPLACED = "placed but off"
    DROPPED = "dropped"
    WRONG_OBJECT = "wrong object"
    NOT_GRASPED = "reached but did not grasp"
    NEVER_REACHED = "never reached the target"
    UNKNOWN = "unknown"
    """Nobody watched: an episode of an older ledger, of another tool, or of a simulator that cannot tell."""


class Subgoal(NamedTuple):
    """One stage of a task, such as "lift milk_1"; ``step`` counts the policy's actions, 0 while it was not reached."""

    name: str
    step: int


class Event(NamedTuple):
    """Something that happened after so many of the policy's actions."""

    step: int
    what: str


@dataclass(frozen=True, slots=True)
class EpisodeEvents:
    """What a simulator saw of one episode; ``failure`` is None where the goal was reached.

    ``subgoals`` are all stages of the task in order, those of its goal counted by how the episode ended.
    ``peak_force_n`` is the greatest sum of normal forces on the robot at the end of a control step. The rest counts
    control steps: with a joint at its limit, with the robot against something fixed, with an action cut to its range.
    None is what a simulator cannot tell.
    """

    failure: Failure | None
    subgoals: tuple[Subgoal, ...] = ()
    events: tuple[Event, ...] = ()
    peak_force_n: float | None = None
    joint_limit_steps: int | None = None
    workspace_steps: int | None = None
    clipped_steps: int | None = None

    @property
    def progress(self) -> float | None:
        """Share of the subgoals that were reached, 1 for a success; None where the task has none."""
        if self.failure is None:
            return 1.0
        if not self.subgoals:
            return None
        return sum(subgoal.step > 0 for subgoal in self.subgoals) / len(self.subgoals)

    def to_json(self) -> dict[str, Any]:
        """Everything, of JSON's own types; ``from_json`` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> EpisodeEvents:
        """Read back what ``to_json`` wrote; what a later version added is left out."""
        failure = told.get("failure")
        return cls(
            failure=None if failure is None else _failure(failure),
            subgoals=tuple(Subgoal(*subgoal) for subgoal in told.get("subgoals", ())),
            events=tuple(Event(*event) for event in told.get("events", ())),
            peak_force_n=told.get("peak_force_n"),
            joint_limit_steps=told.get("joint_limit_steps"),
            workspace_steps=told.get("workspace_steps"),
            clipped_steps=told.get("clipped_steps"),
        )


def _failure(name: str) -> Failure:
    return Failure(name) if name in {*Failure} else Failure.UNKNOWN
