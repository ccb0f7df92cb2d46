"""Which Vulkan driver RoboTwin's child draws with, and whether it can trace rays."""

from __future__ import annotations

from pytest_robustplus.benchmarks import vulkan
from pytest_robustplus.benchmarks.rendering import choose_renderer, install_line
from pytest_robustplus.errors import BadInputError

_SOFTWARE = "cpu"


def settle(shader: str) -> str:
    """Settle the driver in this process' environment, which the child inherits, and name it.

    Where this machine's loader shows nothing at all, SAPIEN's own is left to try. Raises ``BadInputError`` when rays
    are to be traced by a processor.
    """
    try:
        renderer = choose_renderer()
    except BadInputError:
        return "found by SAPIEN"
    found = vulkan.devices()
    if shader == "rt" and found and all(device.kind == _SOFTWARE for device in found):
        raise BadInputError(
            f"RoboTwin draws by tracing rays, and here only {renderer.driver} can draw: two minutes a picture. Play on"
            " a machine with a graphics card, or with --robust-protocol=shader=default, by which no published score was"
            " measured."
        )
    return renderer.driver


def advice() -> str:
    """What to do where SAPIEN finds no driver."""
    try:
        choose_renderer()
    except BadInputError as error:
        return f"{error} Without a graphics card, play with --robust-protocol=shader=default."
    return (
        "With a graphics card, install its driver's Vulkan part (libnvidia-gl); without one, play with"
        f" --robust-protocol=shader=default after: {install_line()}"
    )
