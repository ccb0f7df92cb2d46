"""What an episode's perturbation does beside the scene: its words, and noise in its pictures."""

from __future__ import annotations

from pytest_robustplus.benchmarks.bimanual.draws import NOISES, SensorNoise
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.maniskill.catalogue import wording
from pytest_robustplus.perturbations import Language, Noise, Perturbation, part
from pytest_robustplus.perturbations import noise as kinds
from pytest_robustplus.perturbations.rewording import reword
from pytest_robustplus.policies.contract import Image

VERSIONS = {"mani_skill": "mani_skill", "sapien": "sapien", "torch": "torch", "numpy": "numpy"}


def told(task: Task, perturbation: Perturbation | None) -> str:
    """The instruction of an episode."""
    return reword(wording(task.base), part(perturbation, Language))


def noisy(images: dict[str, Image], perturbation: Perturbation | None, moment: tuple[int, int]) -> dict[str, Image]:
    """Every camera's picture with the noise of a perturbation; ``moment`` is (seed, step)."""
    noise = part(perturbation, Noise)
    if not noise.level or not images:
        return images
    from pytest_robustplus.benchmarks.bimanual.noise import disturb

    seed, step = moment
    # Severities 1 to 5 are strengths from 0 to 1; between 0 and 1 the noise is that of severity 1.
    disturbance = SensorNoise(NOISES[kinds.NOISES.index(noise.kind)], max(noise.level - 1, 0.0) / 4)
    return {
        name: disturb(picture, disturbance, "documented", (seed, number, step))
        for number, (name, picture) in enumerate(images.items())
    }
