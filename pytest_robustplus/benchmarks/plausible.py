"""Whether a first chunk can be meant: what an un-normalisation left out or a rotation misread asks of an arm.

Each function raises ``CheckFailedError``, or says what it saw. The limits are far outside of what demonstrations do.
"""

from __future__ import annotations

import numpy as np

from pytest_robustplus.errors import CheckFailedError
from pytest_robustplus.policies.contract import Actions, Observation, Vector

LARGEST_DELTA, SMALLEST_DELTA = 3.0, 1e-3
FAR_M, TURNED_DEG, JOINT_RAD = 0.35, 75.0, 0.8
"""A step's: joints go at most 0.43 rad in a demonstration, and deltas taken for joints ask 1.16 of ViperX's arms."""
ARM, POSE = 7, 8
ADVICE = "Check unnormalise, statistics, action and control in the model's profile, and what its server does already."


def deltas(chunk: Actions) -> str:
    """Hold that an arm's relative actions, shape (steps, components) and of the order of one, can be meant."""
    largest = float(np.abs(chunk).max())
    if largest > LARGEST_DELTA:
        raise CheckFailedError(
            f"The policy's first chunk asks for {largest:.3g} where the controller takes -1 to 1: nobody has"
            f" un-normalised it, or it is no delta. {ADVICE}"
        )
    if largest < SMALLEST_DELTA:
        raise CheckFailedError(
            f"The policy's first chunk moves the arm by at most {largest:.1g} of what the controller takes: it would"
            f" stand still. {ADVICE}"
        )
    return f"deltas up to {largest:.2f}"


def poses(chunk: Actions, here: Vector, who: str) -> str:
    """Hold that poses, position in metres and quaternion, go on from the present one; the order of both is the same."""
    path = np.vstack([here, chunk]).astype(np.float64)
    metres = np.linalg.norm(np.diff(path[:, :3], axis=0), axis=1)
    turned = path[:, 3:] / np.maximum(np.linalg.norm(path[:, 3:], axis=1, keepdims=True), 1e-9)
    cosine = np.abs((turned[1:] * turned[:-1]).sum(axis=1))
    degrees = np.degrees(2 * np.arccos(np.minimum(cosine, 1.0)))
    at = int(np.argmax(np.maximum(metres / FAR_M, degrees / TURNED_DEG)))
    if metres[at] > FAR_M or degrees[at] > TURNED_DEG:
        far = f"{100 * metres[at]:.0f} cm and {degrees[at]:.0f}°"
        raise CheckFailedError(
            f"Action {at + 1} of the policy's chunk asks {who} to jump by {far}. It is in another frame, or its"
            f" rotation is read in another order than it was written. {ADVICE}"
        )
    return f"{who} {100 * metres[0]:.0f} cm and {degrees[0]:.0f}° away"


def two_arms(chunk: Actions, seen: Observation) -> str:
    """Hold that RoboTwin's actions, 14 joints and grippers or two poses of 8, go on from where the arms are."""
    if chunk.shape[1] == 2 * ARM:
        arms = [number for number in range(2 * ARM) if number % ARM != ARM - 1]
        path = np.vstack([np.asarray(seen.state["joint_pos"])[arms], chunk[:, arms]])
        radians = np.abs(np.diff(path, axis=0)).max(axis=1)
        at = int(radians.argmax())
        if radians[at] > JOINT_RAD:
            raise CheckFailedError(
                f"Action {at + 1} of the policy's chunk asks a joint to jump by {radians[at]:.2f} rad: its actions are"
                f" deltas, or of another order, or nobody has un-normalised them. {ADVICE}"
            )
        return f"joints up to {radians[0]:.2f} rad away"
    pairs = chunk.reshape(len(chunk), 2, POSE)
    sides = ("left", "right")
    return ", ".join(
        poses(pairs[:, number, :7], seen.state[f"{side}_endpose"], f"the {side} arm")
        for number, side in enumerate(sides)
    )


def unsolved(success: bool, task: str) -> str:
    """Hold that nothing has been achieved by a robot that did not act."""
    if success:
        raise CheckFailedError(
            f"{task} counts as solved though the robot has only stood still: any policy would score. The scene or the"
            " benchmark's goal is not what it should be; check the versions of the simulator and of its assets."
        )
    return "a robot that stands still solves nothing"
