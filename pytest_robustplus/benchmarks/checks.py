"""What must hold on any benchmark; the words that help are the benchmark's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import CheckContext, Task, settle
from pytest_robustplus.errors import CheckFailedError, CheckSkipped
from pytest_robustplus.policies.contract import Actions, Observation, Privileged, begin


def need_cameras(context: CheckContext) -> None:
    """Raise ``CheckSkipped`` for a policy that looks at no camera."""
    if not context.profile.cameras:
        raise CheckSkipped("the policy looks at no camera")


def check_renderer(context: CheckContext, task: Task, advice: str) -> str:
    """Hold that no camera draws one plain colour, or one depth; ``advice`` ends the complaint. Returns what draws."""
    need_cameras(context)
    context.simulator.reset(task)
    seen = context.simulator.observe()
    for name, image in seen.images.items():
        if image.std() < 1:
            raise CheckFailedError(f"The camera {name!r} draws one plain colour. {advice}")
    for name, metres in seen.depth.items():
        if metres.std() < 1e-3:
            raise CheckFailedError(f"The camera {name!r} measures the same depth everywhere. {advice}")
    return context.simulator.provenance()["renderer"]


def begun(context: CheckContext, task: Task) -> Observation:
    """Bring scene and policy to where an episode of ``task`` begins; returns what is seen there."""
    simulator, policy, profile = context.simulator, context.policy, context.profile
    instruction = simulator.reset(task)
    settle(simulator, profile)
    begin(policy, 0, instruction, suite=task.suite, task=task.base)
    if isinstance(policy, Privileged):
        policy.attach(0, simulator)
    return simulator.observe()


def answer(context: CheckContext, observation: Observation) -> Any:
    """What the policy answers, of shape (actions, width) if it is as it should be."""
    return np.asarray(context.policy.act([observation])[0])


def check_shape(context: CheckContext, observation: Observation, advice: str) -> str:
    """Hold that the policy's answer is long and wide enough; ``advice`` follows the width that is asked for."""
    chunk = answer(context, observation)
    needed = min(context.profile.replan, context.profile.chunk or 1)
    if chunk.shape[1] != context.simulator.action_width or len(chunk) < needed:
        raise CheckFailedError(
            f"The policy answers chunks of shape {chunk.shape}; its profile asks for at least {needed} actions, each"
            f" {context.simulator.action_width} wide{advice}"
        )
    return f"chunks of {len(chunk)} actions, {chunk.shape[1]} wide"


Motion = Callable[[Actions, Observation], str]
"""Says of a chunk, after what was seen, how it moves; raises ``CheckFailedError`` for what cannot be meant."""


def check_motion(context: CheckContext, task: Task, motion: Motion) -> str:
    """Hold that what a policy plays of its first chunk can be meant."""
    need_cameras(context)
    seen = begun(context, task)
    return motion(answer(context, seen)[: context.profile.replan], seen)


GRIPPER_MOVES = 0.3
"""Of a gripper's range, which is 1 where RoboTwin's arms are and 2 on LIBERO: what a decision to grasp exceeds."""


class Demonstration(NamedTuple):
    """A demonstration's actions, shape (steps, width), and which of its grippers each asks to be closed."""

    task: Task
    actions: Actions
    closed: NDArray[np.bool_]


def check_grasp(context: CheckContext, demonstrations: Iterable[Demonstration], motion: Motion) -> str:
    """Hold that the policy's gripper moves somewhere along one of ``demonstrations``; raises ``CheckFailedError``.

    A first chunk is all approach. So the policy is shown, until its gripper moves, where an episode begins, where the
    demonstration closes a gripper, and what that gripper then carries. ``motion`` is asked of each of its chunks, too:
    where a robot's arms begin with all joints at zero, deltas and joints look alike.
    """
    need_cameras(context)
    if isinstance(context.policy, Privileged):
        raise CheckSkipped("a script is no model, whose gripper may get lost on the way")
    asked: list[Any] = []
    for demonstration in demonstrations:
        for seen in _along(context, demonstration):
            chunk = answer(context, seen)[: context.profile.replan]
            motion(chunk, seen)
            asked.append(chunk[:, list(context.profile.gripper_columns)])
            values = np.concatenate(asked)
            if np.ptp(values, axis=0).max() > GRIPPER_MOVES:
                return f"the policy's gripper moves: {values.min():+.2f} to {values.max():+.2f} along a demonstration"
    if not asked:
        raise CheckSkipped("there is no demonstration that closes a gripper")
    raise CheckFailedError(
        f"The policy's gripper never moves: at {len(asked)} moments of demonstrations, from where an episode begins to"
        f" where something is carried, the policy asks for {values.min():+.2f} to {values.max():+.2f}. So it would"
        " grasp nothing. Check gripper, gripper_columns and action in the model's profile, and that the mask of the"
        " statistics leaves the gripper out; or the policy was not trained on these tasks."
    )


def _along(context: CheckContext, demonstration: Demonstration) -> Iterator[Observation]:
    """What is seen at an episode's beginning, where a gripper closes, and halfway to where it opens again."""
    task, actions, closed = demonstration
    closing = np.flatnonzero((closed & ~closed[0]).any(axis=1))[:1].tolist()
    for first in closing:
        opens = np.flatnonzero(~(closed & closed[first]).any(axis=1)[first:])
        held = int(opens[0]) if len(opens) else len(actions) - first
        instruction, done = context.simulator.reset(task), 0
        settle(context.simulator, context.profile)
        for moment in (0, first, first + held // 2):
            for at in range(done, moment):
                context.simulator.step(actions[at], render=at == moment - 1)
            done = moment
            begin(context.policy, 0, instruction, suite=task.suite, task=task.base)
            yield context.simulator.observe()


def check_interleaving(context: CheckContext) -> str:
    """Hold that the policy keeps two episodes apart that it plays at once; raises ``CheckFailedError``.

    What it answers about each must be what it answers about that episode alone. A policy that draws its actions cannot
    be told apart from one that mixes them; for it the check is skipped.
    """
    if isinstance(context.policy, Privileged):
        raise CheckSkipped("a script reads the simulator itself, and runs beside each one")
    first = next(iter(context.tasks), None)
    second = next((task for task in context.tasks if first is not None and task.base != first.base), None)
    if first is None or second is None:
        raise CheckSkipped("it takes two different tasks to mix them up")
    seen = [_seen(context, task, slot) for slot, task in enumerate((first, second))]
    alone = [_answers(context, [one])[0] for one in seen]
    if not np.array_equal(alone[0], _answers(context, seen[:1])[0]):
        raise CheckSkipped("the policy draws its actions, so what it mixes up cannot be told from chance")
    together = _answers(context, seen)
    # What the policy would say of the first scene if it were told to do the second task.
    told = replace(seen[0][1], instruction=seen[1][1].instruction)
    mistaken = _answers(context, [(second, told)])[0]
    apart = max(map(_distance, alone, together))
    nearer = _distance(together[0], mistaken) < _distance(together[0], alone[0])
    # A network that answers several at once rounds otherwise than one that answers them one by one.
    if apart > ROUNDING or (nearer and apart > 0):
        raise CheckFailedError(
            "The policy mixes up episodes that it plays at once: with a second one under way it answers the same"
            f" observation by actions that are up to {apart:.2g} of their range away. Take the instruction from each"
            " observation and not from the last reset, and keep whatever is remembered apart by the observation's slot;"
            " or let the policy say remembers_one = True and leave --robust-simulators out."
        )
    return "two episodes at once are answered as each one alone"


ROUNDING = 0.05


def _seen(context: CheckContext, task: Task, slot: int) -> tuple[Task, Observation]:
    instruction = context.simulator.reset(task)
    settle(context.simulator, context.profile)
    return task, replace(context.simulator.observe(), instruction=instruction, slot=slot)


def _answers(context: CheckContext, episodes: Sequence[tuple[Task, Observation]]) -> list[Any]:
    """Begin each episode, then ask about all of them at once, the last one first: an order like any other."""
    for task, seen in episodes:
        begin(context.policy, seen.slot, seen.instruction, suite=task.suite, task=task.base)
    answers = context.policy.act([seen for _, seen in reversed(episodes)])
    return [np.asarray(chunk) for chunk in reversed(answers)]


def _distance(one: Any, other: Any) -> float:
    """The largest difference between two chunks as a share of the larger one's extent; 1 for unequal shapes."""
    if one.shape != other.shape:
        return 1.0
    extent = max(float(np.abs(one).max()), float(np.abs(other).max()))
    return float(np.abs(one - other).max()) / extent if extent else 0.0
