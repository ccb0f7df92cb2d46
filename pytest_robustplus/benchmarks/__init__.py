"""Benchmarks, one folder each, all behind the contract in ``contract.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_robustplus.benchmarks.contract import Benchmark
    from pytest_robustplus.options import Settings


def built_in(settings: Settings) -> list[Benchmark]:
    """The benchmarks that come with this package; building them imports no simulator."""
    from pytest_robustplus.benchmarks.bimanual.benchmark import Bimanual
    from pytest_robustplus.benchmarks.libero.benchmark import Libero
    from pytest_robustplus.benchmarks.libero_generated.benchmark import LiberoGenerated
    from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
    from pytest_robustplus.benchmarks.libero_pro.benchmark import LiberoPro
    from pytest_robustplus.benchmarks.maniskill.benchmark import ManiSkill, ManiSkillTwoArms
    from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus

    return [
        LiberoPlus(settings.protocol, settings.libero_assets),
        LiberoGenerated(settings.protocol),
        Libero(settings.protocol),
        LiberoPro(settings.protocol),
        Bimanual(settings.protocol),
        RoboTwinPlus(settings.protocol, settings.robotwin, settings.robotwin_python, settings.episode_limit),
        ManiSkill(settings.protocol),
        ManiSkillTwoArms(settings.protocol),
    ]
