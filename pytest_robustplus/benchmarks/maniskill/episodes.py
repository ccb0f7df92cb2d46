"""What an episode is beside its scene: its words, noise in its pictures, and what its result depends on."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.maniskill.catalogue import wording
from pytest_robustplus.benchmarks.maniskill.protocol import ManiSkillProtocol
from pytest_robustplus.benchmarks.playing import versions
from pytest_robustplus.benchmarks.rendering import Renderer, choose_renderer
from pytest_robustplus.perturbations import Language, Noise, Perturbation, part
from pytest_robustplus.perturbations.rewording import reword
from pytest_robustplus.policies.contract import Image

_VERSIONS = ("mani_skill", "sapien", "torch", "numpy")
_SHADER = "minimal"


def renderer(cameras: Sequence[str]) -> Renderer | None:
    """What draws with ManiSkill's shader; None without cameras."""
    return choose_renderer()._replace(shader=_SHADER) if cameras else None


def facts(protocol: ManiSkillProtocol, physics: str, drawing: Renderer | None) -> dict[str, str]:
    """Versions, where physics runs, and what draws; ``none`` without rendering."""
    return {
        **versions(*_VERSIONS),
        "physics": physics,
        "renderer": drawing.name if drawing else "none",
        "maniskill_protocol": protocol.digest(),
    }


def told(task: Task) -> str:
    """The instruction of an episode."""
    return reword(wording(task.base), part(task.perturbation, Language))


def noisy(images: dict[str, Image], perturbation: Perturbation | None, moment: tuple[int, int]) -> dict[str, Image]:
    """Every camera's picture with the noise of a perturbation; ``moment`` is (seed, step)."""
    noise = part(perturbation, Noise)
    if not noise.level or not images:
        return images
    from pytest_robustplus.benchmarks.bimanual.noise import disturb, sensor_noise

    seed, step = moment
    drawn = sensor_noise(noise)
    return {
        name: disturb(picture, drawn, "documented", (seed, number, step))
        for number, (name, picture) in enumerate(images.items())
    }
