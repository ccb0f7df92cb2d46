"""Official LIBERO-Plus perturbations as values: what the frozen list plays, expressed in parameters of our own."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import requirements
from pytest_robustplus.benchmarks.libero_plus.severities import as_noise
from pytest_robustplus.benchmarks.libero_plus.tasks import variant_name
from pytest_robustplus.perturbations import Background, Camera, Dimension, Perturbation, Robot

NOMINAL_ROBOT = "MountedPanda"


def as_perturbation(task: Task) -> Perturbation | None:
    """Express an official task's perturbation as one of ours: its base task with that ``perturbation`` plays the same.

    None for those that are files and have no parameters: rewritten sentences, lights, added and moved objects, and the
    surfaces of scenes other than libero_object's. Reading a robot pose imports LIBERO-Plus (2 s).
    """
    match task.dimension:
        case Dimension.CAMERA:
            return _camera(task)
        case Dimension.ROBOT:
            return _robot(int(task.parameters["pose"]))
        case Dimension.NOISE:
            return as_noise(task.subdimension, int(task.parameters["severity"]))
        case Dimension.BACKGROUND if task.suite == "libero_object":
            scene = requirements.scene(requirements.declared(task.suite, variant_name(task), objects=False).problem)
            return Background(floor=PurePosixPath(scene.floor).stem, wall=PurePosixPath(scene.walls).stem)
    return None


def _camera(task: Task) -> Camera:
    horizontal, vertical, yaw, pitch = (
        float(task.parameters.get(key, 0)) for key in ("horizontal_deg", "vertical_deg", "yaw_deg", "pitch_deg")
    )
    distance = float(task.parameters.get("distance_scale", 1))
    return Camera(distance=distance, azimuth=horizontal, elevation=vertical, yaw=yaw, pitch=pitch)


def _robot(pose: int) -> Robot:
    from pytest_robustplus.benchmarks.libero_plus import packages
    from pytest_robustplus.benchmarks.libero_plus.scene import stored_joints

    packages.import_environment()
    offset = stored_joints(f"{NOMINAL_ROBOT}{pose}") - stored_joints(NOMINAL_ROBOT)
    return Robot(radius=float(np.linalg.norm(offset)), direction=tuple(offset.tolist()))
