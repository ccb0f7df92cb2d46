"""What the policy is told: RoboTwin's seen and unseen wordings, and 2.0-Plus' 15 + 25 + 10 rewordings of each task.

R1 distracts with talk, R2 rewords with common sense, R3 states what must be the case at the end. The counts are
RoboTwin 2.0-Plus'; the words are this package's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pytest_robustplus.benchmarks.bimanual.draws import Rewrite, Setup, generator
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.perturbations import Language, part
from pytest_robustplus.perturbations.rewording import reword


class Wording(NamedTuple):
    """One task in words: imperatives, five of them in other words, and its end state; none begins with a capital."""

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    reworded: tuple[str, ...]
    state: str


_TALK = (
    "Hey, I know we were chatting, but could you {}?",
    "Before the next delivery comes in, please {}.",
    "The lamp has been humming all day; anyway, {}.",
    "I was thinking about lunch just now, but first, {}.",
    "By the way, whenever you are ready, {}.",
    "Sorry to interrupt, but please {} now.",
    "This may seem sudden, but {} right away.",
    "Oh, and one more thing: {}.",
    "Somebody left the window open again. Could you {}?",
    "While we wait for the others, go ahead and {}.",
    "Not to change the subject, but please {}.",
    "A quick job before we go on: {}.",
    "I have just remembered it: {}.",
    "Never mind the noise next door, {}.",
    "Forget what I said a minute ago, just {}.",
)
_MANNERS = ("{}", "with your grippers, {}", "carefully {}", "using the two arms, {}", "{} without hurry")
_ENDS = (
    "Make sure that {}.",
    "The aim is that {}.",
    "At the end, {}.",
    "When you are done, {}.",
    "I want to find that {}.",
    "Do whatever is needed until {}.",
    "The task counts as solved once {}.",
    "Check before you stop that {}.",
    "Change the table such that {}.",
    "After the last motion it must hold that {}.",
)

WORDINGS: Mapping[str, Wording] = {
    "lift_block": Wording(
        ("pick up the red block", "lift the red block off the table", "grab the red block and raise it"),
        ("raise the red block into the air", "take the red block and hold it up"),
        (
            "hoist the scarlet cube from the surface",
            "elevate the small red die",
            "take hold of the tomato-coloured cube and bring it up",
            "pull the red toy brick upwards",
            "get the crimson cube off the tabletop",
        ),
        "the red block hangs in the air above the table, held by a gripper",
    ),
    "stack_blocks_two": Wording(
        (
            "move the red block to the centre and stack the green block on it",
            "stack the green block on the red block in the middle of the table",
            "place the red block centrally, then the green block on top",
        ),
        (
            "build a tower of two in the middle, red below and green above",
            "put the green block onto the red block at the centre",
        ),
        (
            "pile the leaf-coloured cube onto the tomato-coloured one in the middle",
            "set the crimson cube at the centre and crown it with the emerald cube",
            "make a little tower with the scarlet die as its base and the green die as its top",
            "lay the red toy brick down centrally and heap the green toy brick on it",
            "bring both cubes to the middle, the grass-coloured one over the red one",
        ),
        "the green block rests on the red block in the middle of the table",
    ),
    "stack_blocks_three": Wording(
        (
            "stack the green block on the red block and the blue block on the green block in the centre",
            "move the red block to the centre, then stack the green block and the blue block on it",
            "build a tower in the middle: red, green, blue from the bottom",
        ),
        (
            "put red, green and blue on top of each other at the centre, red lowest",
            "make a tower of three in the middle with the blue block on top",
        ),
        (
            "pile up the three cubes in the middle: tomato-coloured, leaf-coloured, sky-coloured",
            "use the crimson cube as the foundation, the emerald one above it and the sapphire one as the roof",
            "make a tower of dice with scarlet at the bottom, green between and blue at the top",
            "heap the toy bricks centrally, red first, then green, then blue",
            "set the red cube down in the middle and crown it with the green and then the navy cube",
        ),
        "the blue block rests on the green block, and that on the red block, in the middle of the table",
    ),
    "blocks_ranking_rgb": Wording(
        (
            "place the red block, the green block and the blue block in a row from left to right",
            "set the blocks side by side in the order red, green, blue",
            "arrange the blocks from left to right: red, green, blue",
        ),
        (
            "line the three blocks up with red leftmost and blue rightmost",
            "make a row of blocks, red then green then blue",
        ),
        (
            "line up the cubes like a traffic of colours: tomato, leaf, sky",
            "form a row of dice that begins with crimson on the left and ends with sapphire",
            "sort the toy bricks next to each other, scarlet first, emerald second, navy third",
            "queue the cubes from left to right in the order of the letters R, G and B",
            "put the grass-coloured cube between the red one on its left and the blue one on its right",
        ),
        "the red, the green and the blue block lie side by side in this order from the left",
    ),
    "handover_block": Wording(
        (
            "take the red bar with the left arm, hand it to the right arm and place it on the blue pad",
            "pass the red bar from the left to the right arm and set it on the blue pad",
            "hand the red bar over to the right arm, then put it on the blue pad",
        ),
        (
            "grab the red bar on the left, give it to the right gripper and lay it on the pad",
            "let the right arm receive the red bar from the left and place it on blue",
        ),
        (
            "give the long crimson block from one hand to the other and rest it on the blue mat",
            "pass the scarlet stick across and park it on the navy square",
            "relay the tomato-coloured beam to the other gripper, which sets it on the blue tile",
            "let the left hand fetch the red rod and the right hand lay it on the sky-coloured patch",
            "swap the red beam between the grippers and put it down on the blue plate",
        ),
        "the right arm has received the red bar from the left one and the bar lies on the blue pad",
    ),
    "place_blocks_bin": Wording(
        (
            "put the red block and the green block into the bin",
            "place both blocks in the grey bin",
            "pick up the red and the green block and drop them into the bin",
        ),
        ("clear both blocks away into the grey box", "move the two blocks into the bin"),
        (
            "tidy the tomato-coloured and the leaf-coloured cube away into the tray",
            "throw the two dice into the ash-coloured container",
            "collect both toy bricks in the grey receptacle",
            "dispose of the crimson and the emerald cube in the open box",
            "stow the little cubes in the grey holder in the middle",
        ),
        "both the red and the green block lie inside the grey bin",
    ),
}


def instruction(task: Task, setup: Setup, protocol: BimanualProtocol) -> str:
    """The words of an episode: its rewording, or a seen (unseen) one by its seed; reworded by the perturbation."""
    wording = WORDINGS[task.base]
    if setup.rewrite is not None:
        said = rewording(wording, setup.rewrite)
    else:
        choices = wording.seen if protocol.instructions == "seen" else wording.unseen
        said = _sentence(choices[int(generator(task.init_state, "instruction").integers(len(choices)))])
    language = part(task.perturbation, Language)
    # Rules for rewording know neither capitals nor full stops.
    return said if language.is_identity else _capital(reword(said[0].lower() + said[1:-1], language)) + said[-1]


def rewording(wording: Wording, rewrite: Rewrite) -> str:
    """Number ``rewrite.number`` of the 15 R1, 25 R2 or 10 R3 rewordings of a task."""
    number = rewrite.number
    if rewrite.kind == "R1":
        return _capital(_TALK[number].format(wording.seen[number % len(wording.seen)]))
    if rewrite.kind == "R2":
        return _sentence(_MANNERS[number // 5].format(wording.reworded[number % 5]))
    return _capital(_ENDS[number].format(wording.state))


def _sentence(words: str) -> str:
    return f"{_capital(words)}."


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
