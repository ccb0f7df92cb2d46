"""What RoboTwin's faults mean for a person: one paragraph each, by who has to act."""

from __future__ import annotations

from pathlib import Path

from pytest_robustplus.benchmarks.robotwin_plus import vulkan
from pytest_robustplus.benchmarks.robotwin_plus.checkout import DOWNLOAD, OPTION, PLUS, Checkout
from pytest_robustplus.benchmarks.robotwin_plus.process import KEPT, Faulty, RoboTwinProcess
from pytest_robustplus.errors import BadInputError, RobustnessError, SimulatorError


def check_sapien(version: str, python: Path) -> None:
    """Raise ``BadInputError`` for a SAPIEN that RoboTwin does not run on."""
    if version.partition(".")[0] != "3":
        raise BadInputError(
            f"RoboTwin needs SAPIEN 3, and {python} has {version or 'one of no known version'}. Install it there: pip"
            " install sapien==3.0.0b1, which RoboTwin pins, or 3.0.3, which draws without a graphics card, too."
        )


def explained(fault: Faulty, checkout: Checkout, python: Path, child: RoboTwinProcess) -> RobustnessError:
    """Turn a fault that the child survived into what is to be done about it."""
    where, text = checkout.folder, fault.text
    if fault.kind == "missing":
        return BadInputError(
            f"{OPTION} {where}: a file that RoboTwin needs is not there ({text}). If it is an asset, run there:"
            f" {DOWNLOAD}"
        )
    if fault.kind == "module":
        return BadInputError(
            f"RoboTwin does not run in {python}: {text}. Give {OPTION}-python the Python of the environment in which"
            " the checkout was installed."
        )
    if fault.kind == "vulkan":
        return BadInputError(
            f"RoboTwin draws with Vulkan, and SAPIEN found no driver that it can use ({text}). {vulkan.advice()}"
        )
    if fault.kind == "task":
        return BadInputError(f"{OPTION} {where}: {text}. Choose other tasks by --robust-suite, or update the checkout.")
    if fault.kind == "configuration":
        return BadInputError(f"{OPTION} {where}: {text}. Restore the file as {PLUS} has it.")
    if fault.kind == "camera":
        return BadInputError(
            f"{OPTION} {where}: the configuration collects the cameras {text} only. Set collect_head_camera and"
            " collect_wrist_camera in its task_config."
        )
    return SimulatorError(f"RoboTwin failed in {child.scene or 'loading'}: {text}. {KEPT}{child.tail()}")
