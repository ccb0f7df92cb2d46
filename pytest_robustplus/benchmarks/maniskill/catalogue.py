"""ManiSkill3's tasks that need no download: what a policy is told, which robot plays and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# The words are this package's own: ManiSkill's tasks come without any.
ONE_ARM: Mapping[str, str] = MappingProxyType(
    {
        "PickCube-v1": "pick up the red cube and hold it at the goal",
        "PushCube-v1": "push the blue cube to the round target",
        "PullCube-v1": "pull the blue cube to the round target",
        "StackCube-v1": "pick up the red cube and place it on the green cube",
        "PegInsertionSide-v1": "pick up the peg and put it into the hole of the box from the side",
        "LiftPegUpright-v1": "lift the peg and place it upright on the table",
        "PlugCharger-v1": "pick up the charger and put it into the receptacle",
        "PokeCube-v1": "pick up the peg and push the cube with it",
        "PlaceSphere-v1": "pick up the ball and place it in the bin",
        "RollBall-v1": "push the ball so that it rolls to the target",
        "PullCubeTool-v1": "pick up the tool and pull the cube with it",
        "StackPyramid-v1": "place the red cube next to the green cube and put the blue cube on top of both",
    }
)
TWO_ARMS: Mapping[str, str] = MappingProxyType(
    {
        "TwoRobotPickCube-v1": "push the red cube to the other arm, which picks it up and holds it at the goal",
        "TwoRobotStackCube-v1": "place the green cube on the target and put the blue cube on top of it",
    }
)
# Scenes alike but for what a state holds, with nothing else drawn for an episode: many of them step together on a card.
TOGETHER = (
    "PickCube-v1",
    "PushCube-v1",
    "PullCube-v1",
    "StackCube-v1",
    "TwoRobotPickCube-v1",
    "TwoRobotStackCube-v1",
)


def wording(base: str) -> str:
    """What a policy is told; of a task that is not listed here, its name in words."""
    known = {**ONE_ARM, **TWO_ARMS}.get(base)
    if known is not None:
        return known
    name = base.partition("-v")[0]
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
