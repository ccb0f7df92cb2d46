"""Real RoboTwin code through the subprocess driver: its four tasks made of boxes, on gym-aloha's arms, without a card.

    python scripts/prove_robotwin.py --checkout DIR --python FILE [--episodes 5] [--tasks …] [--configurations …]
    python scripts/prove_robotwin.py --runtime --python FILE

``DIR`` is an unmodified checkout of RoboTwin 2.0-Plus, of which a clone is made; ``--runtime`` takes the package
rlinf-robotwin-runtime, laid out as a checkout, instead. ``FILE`` is a Python 3.10 with numpy<2, scipy 1.10.1, sapien
3.0.3, mplib 0.2.1, gymnasium 0.29.1, toppra, transforms3d, trimesh, h5py, opencv-python-headless, imageio and PyYAML.

What the hub's 4 GB of assets would hold is stood in for by what scripts/robotwin_stand_ins.py describes, by textures of
plain colours and by a box for a distractor. ViperX is not Aloha-AgileX: the figures say that the driver drives, nothing
about published scores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.bimanual.viperx import JOINTS, Frame, links
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus
from pytest_robustplus.benchmarks.robotwin_plus.expert import Expert
from pytest_robustplus.benchmarks.robotwin_plus.tasks import CONFIGURATIONS
from pytest_robustplus.benchmarks.two_arms import DRAWN
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.rollout.episode import play

TASKS = ("stack_blocks_two", "stack_blocks_three", "blocks_ranking_rgb", "blocks_ranking_size")
# Where the arms stand in the frame of RoboTwin's robot: 0.6 m apart on the table's near edge.
BASES = {"left": (0.23, 0.30, 0.75), "right": (0.23, -0.30, 0.75)}
HOME = [0, -0.96, 1.16, 0, 0.9, 0]
BASE_MASS_KG = 1.0
TABLE_M = 0.74


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and print; 0 when the expert solved its episodes and their replays through the driver did not fail."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkout", type=Path, metavar="DIR")
    source.add_argument("--runtime", action="store_true")
    parser.add_argument("--python", type=Path, required=True, metavar="FILE")
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--replays", type=int, default=1, help="episodes to play again as a policy's")
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--configurations", nargs="+", default=list(CONFIGURATIONS.values()))
    parser.add_argument("--folder", type=Path, help="where to build; kept (default: a temporary one)")
    parser.add_argument(
        "--depth", action="store_true", help="draw all four cameras, and hold their depth against the table"
    )
    parser.add_argument("--picture", type=Path, help="write what the cameras of the first episodes see")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        os.environ["ROBUSTPLUS_CACHE"] = str(folder / "cache")
        checkout, python = prepare(folder.absolute(), options.checkout, options.python.absolute())
        benchmark = RoboTwinPlus({"shader": "default", "trials": "100"}, checkout, python)
        return prove(benchmark, options)


def prove(benchmark: RoboTwinPlus, options: argparse.Namespace) -> int:
    """Verify seeds task by task, play some again, and print a table."""
    tasks = {(t.base, name, t.init_state): t for t in benchmark.tasks() for name in [CONFIGURATIONS[t.dimension]]}
    profile = replace(benchmark.profile, cameras=DRAWN, depth=DRAWN) if options.depth else benchmark.profile
    simulator = benchmark.simulator(profile, benchmark.protocol(profile))
    total = tried = lost = replayed = 0
    pictures = []
    try:
        for base in options.tasks:
            for configuration in options.configurations:
                chosen = [tasks[base, configuration, number] for number in range(options.episodes)]
                if chosen[0].blocked:
                    print(f"{base:22}{configuration:22}blocked: {chosen[0].blocked}")
                    continue
                start = perf_counter()
                try:
                    skipped = verified(simulator, chosen)
                except RobustnessError as error:
                    print(f"{base:22}{configuration:22}{error}")
                    tried += 1
                    continue
                seconds = (perf_counter() - start) / (len(chosen) + len(skipped))
                again = [play(simulator, Expert(), task, benchmark.profile) for task in chosen[: options.replays]]
                won = sum(episode.success for episode in again)
                total, tried = total + len(chosen), tried + len(chosen) + len(skipped)
                replayed, lost = replayed + len(again), lost + len(again) - won
                print(
                    f"{base:22}{configuration:22}expert {len(chosen)}/{len(chosen) + len(skipped)}"
                    f"  {seconds:4.1f} s each  replayed {won}/{len(again)}"
                    f"  {np.mean([episode.steps for episode in again] or [0]):4.0f} steps"
                    f"  {'; '.join(skipped[:3])}",
                    flush=True,
                )
                if options.depth:
                    simulator.reset(chosen[0])
                    print(f"  of the table by depth: {on_the_table(simulator.observe())}")
                if options.picture and options.replays:
                    simulator.reset(chosen[0])
                    pictures.append(np.concatenate(list(simulator.observe().images.values()), axis=1))
        for name, value in simulator.provenance().items():
            print(f"{name}: {value}")
    finally:
        simulator.close()
    if pictures:
        import imageio.v3

        imageio.v3.imwrite(options.picture, np.concatenate(pictures))
    print(f"expert {total} of {tried} seeds, replayed as a policy {replayed - lost} of {replayed}")
    return 0 if tried and total >= 0.85 * tried else 1


def on_the_table(seen: Observation) -> str:
    """The share of each camera's pixels that depth and the camera's matrices put on the table; exits if there are none.

    It is right to a millimetre, or a pixel is not on it.
    """
    shares = {}
    for camera, depth in seen.depth.items():
        extrinsic = seen.state[f"{camera}.extrinsic_cv"].reshape(3, 4)
        inverse = np.linalg.inv(seen.state[f"{camera}.intrinsic_cv"].reshape(3, 3))
        row, column = np.mgrid[: depth.shape[0], : depth.shape[1]] + 0.5
        rays = np.stack([column, row, np.ones(depth.shape)], -1) @ inverse.T
        places = (rays * depth[..., None] - extrinsic[:, 3]) @ extrinsic[:, :3]
        shares[camera] = float((np.abs(places[..., 2] - TABLE_M) < 1e-3).mean())
    if not all(shares.values()):
        sys.exit(f"Depth puts nothing on the table: {shares}")
    return ", ".join(f"{camera} {share:.0%}" for camera, share in shares.items())


def verified(simulator: object, tasks: Sequence[Task]) -> list[str]:
    """Find the seeds of episodes and say which were left out before them, and why."""
    skipped = []
    for task in tasks:
        for _ in simulator.prepare(task):  # type: ignore[attr-defined]
            pass
        for seed, found in simulator.verified.skipped:  # type: ignore[attr-defined]
            skipped.append(f"{seed} {found.outcome} {found.detail}".strip()[:90])
    return skipped


def prepare(folder: Path, checkout: Path | None, python: Path) -> tuple[Path, Path]:
    """Lay a checkout and an interpreter out in ``folder``: the clone or the packaged runtime, and what stands in."""
    place = folder / ("robotwin_plus" if checkout else "robotwin_runtime")
    if not place.is_dir():
        if checkout is not None:
            subprocess.run(["git", "clone", "--quiet", checkout, place], check=True)
        else:
            lay_out_runtime(place, python)
    write_assets(place / "assets")
    shims = folder / "stand_ins"
    shims.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("robotwin_stand_ins.py"), shims / "sitecustomize.py")
    wrapper = folder / "python"
    bare = place / "assets/embodiments/aloha-agilex/bare.urdf"
    wrapper.write_text(
        f'#!/bin/sh\nexport PYTHONPATH="{shims}" ROBOTWIN_BARE_ARMS="{bare}" ASSETS_PATH="{place}"\n'
        f'exec "{python}" "$@"\n'
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return place, wrapper


def lay_out_runtime(place: Path, python: Path) -> None:
    """Give the packaged runtime the layout of a checkout: modules that import its own, and its configurations."""
    found = subprocess.run(
        [python, "-c", "import importlib.util; print(importlib.util.find_spec('robotwin').origin)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    package = Path(found.stdout.strip()).parent
    for module in (package / "envs").glob("*.py"):
        write(place / "envs" / module.name, f"from robotwin.envs.{module.stem} import *\n")
    write(place / "envs/__init__.py", "")
    write(place / "envs/_base_task.py", "from robotwin.envs._base_task import *\n")
    write(place / "script/eval_policy.py", "")
    write(
        place / "description/utils/generate_episode_instructions.py",
        "from robotwin.description.instructions import *\n",
    )
    shutil.copytree(package / "configs" / "task", place / "task_config", ignore=shutil.ignore_patterns("*.py*", "__*"))
    for name in ("demo_clean", "demo_randomized"):
        with (place / "task_config" / f"{name}.yml").open("a") as file:
            file.write("\nplanner_backend: mplib\n")
    embodiments = place / "task_config" / "_embodiment_config.yml"
    embodiments.write_text('aloha-agilex:\n  file_path: "./assets/embodiments/aloha-agilex/"\n')


def write_assets(assets: Path) -> None:
    """Write the robot, two textures and one distractor."""
    robot = assets / "embodiments" / "aloha-agilex"
    write(robot / "aloha.urdf", urdf(robot, bare=False))
    write(robot / "bare.urdf", urdf(robot, bare=True))
    write(robot / "config.yml", json.dumps(embodiment()))
    for side in ("left", "right", "left_tmp", "right_tmp"):
        write(robot / f"curobo_{side}.yml", json.dumps({"robot_cfg": {}, "planner": {"frame_bias": [0, 0, 0]}}))
    name, size = "crate", 0.03
    write(
        assets / "objects/objaverse/list.json",
        json.dumps(
            {
                "item_names": [name],
                "list_of_items": {name: ["0"]},
                "z_max": {f"{name}_0": size},
                "radius": {f"{name}_0": size},
                "z_offset": {f"{name}_0": -size / 2},
            }
        ),
    )
    write(assets / "objects/same.json", "{}")
    geometry = f'<geometry><box size="{size} {size} {size}"/></geometry>'
    solid = (
        '<inertial><mass value="0.05"/><inertia ixx="1e-5" iyy="1e-5" izz="1e-5" ixy="0" ixz="0" iyz="0"/></inertial>'
    )
    body = f"{solid}<visual>{geometry}</visual><collision>{geometry}</collision>"
    document = f'<robot name="{name}"><link name="{name}">{body}</link></robot>'
    write(assets / f"objects/objaverse/{name}/0/model.urdf", document)
    import cv2

    for kind in ("seen", "unseen"):
        for number, colour in enumerate(((40, 90, 160), (150, 160, 60), (90, 60, 120))):
            path = assets / "background_texture" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((64, 64, 3), colour, np.uint8))


def embodiment() -> dict[str, object]:
    """The arms as RoboTwin describes a robot; the head camera stands where Aloha-AgileX has it."""
    sides = ("left", "right")
    return {
        "urdf_path": "./aloha.urdf",
        "srdf_path": None,
        "joint_stiffness": 1000,
        "joint_damping": 200,
        "gripper_stiffness": 1000,
        "gripper_damping": 200,
        "move_group": [f"{side}_gripper_link" for side in sides],
        "ee_joints": [f"{side}_wrist_rotate" for side in sides],
        "arm_joints_name": [[f"{side}_{joint}" for joint in JOINTS] for side in sides],
        "gripper_name": [
            {"base": f"{side}_left_finger", "mimic": [[f"{side}_right_finger", -1.0, 0.0]]} for side in sides
        ],
        "gripper_bias": 0.135,
        "gripper_scale": [0.018, 0.057],
        "homestate": [HOME, HOME],
        "delta_matrix": np.eye(3).tolist(),
        "global_trans_matrix": np.eye(3).tolist(),
        "robot_pose": [[0, -0.65, 0, 0.707107, 0, 0, 0.707107]],
        "planner": "mplib_RRT",
        "dual_arm": True,
        "rotate_lim": [0, 1],
        "grasp_perfect_direction": ["front_right", "front_left"],
        "static_camera_list": [
            {
                "name": "head_camera",
                "type": "D435",
                "position": [-0.032, -0.45, 1.35],
                "forward": [0, 0.6, -0.8],
                "left": [-1, 0, 0],
            },
            {
                "name": "front_camera",
                "type": "D435",
                "position": [0, -0.45, 0.85],
                "forward": [0, 1, -0.1],
                "left": [-1, 0, 0],
            },
        ],
    }


def urdf(folder: Path, *, bare: bool) -> str:
    """Both arms in one URDF, their simplified meshes beside it; ``bare`` leaves all shapes out."""
    parts = [_link("base", f'<inertial><mass value="{BASE_MASS_KG}"/>{_inertia((0.01,) * 3)}</inertial>')]
    for side, place in BASES.items():
        for number, link in enumerate(links()):
            name = f"{side}_{link.name}"
            body = ""
            if link.inertia is not None:
                mass, moments, frame = link.inertia
                body += f'<inertial>{_origin(frame)}<mass value="{mass}"/>{_inertia(moments)}</inertial>'
            else:
                body += f'<inertial><mass value="0.5"/>{_inertia((1e-3,) * 3)}</inertial>'
            for count, shape in enumerate(() if bare else link.shapes):
                file = folder / "meshes" / f"{number}_{count}.obj"
                if not file.is_file():
                    write(file, _obj(shape.mesh.vertices, shape.mesh.triangles))
                geometry = f'<geometry><mesh filename="{file}"/></geometry>'
                colour = '<material name="dark"><color rgba="0.12 0.12 0.13 1"/></material>'
                body += f"<visual>{_origin(shape.frame)}{geometry}{colour}</visual>"
                if shape.solid:
                    body += f"<collision>{_origin(shape.frame)}{geometry}</collision>"
            if "finger" in link.joint and not bare:
                inwards = -0.0184 if link.joint.startswith("left") else 0.0184
                pad = f'<origin xyz="0.055 {inwards} 0"/><geometry><box size="0.060 0.008 0.024"/></geometry>'
                body += f"<collision>{pad}</collision>"
            parts.append(_link(name, body))
            parent = "base" if link.parent < 0 else f"{side}_{links()[link.parent].name}"
            frame = link.frame if link.parent >= 0 else Frame(np.array(place), np.array([1.0, 0.0, 0.0, 0.0]))
            if not link.joint:
                parts.append(_joint(f"{name}_fixed", "fixed", parent, name, frame))
                continue
            low, high = link.limits
            more = (
                f'<axis xyz="{_numbers(link.axis)}"/><limit lower="{low}" upper="{high}" effort="100" velocity="3.14"/>'
            )
            kind = "prismatic" if link.sliding else "revolute"
            parts.append(_joint(f"{side}_{link.joint}", kind, parent, name, frame, more))
        small = f'<inertial><mass value="0.01"/>{_inertia((1e-5,) * 3)}</inertial>'
        parts.append(_link(f"{side}_camera", small))
        origin = '<origin xyz="-0.07 0 0.09" rpy="0 0.6 0"/>'
        parts.append(
            f'<joint name="{side}_camera_fixed" type="fixed"><parent link="{side}_gripper_link"/>'
            f'<child link="{side}_camera"/>{origin}</joint>'
        )
    return '<?xml version="1.0"?>\n<robot name="aloha">\n' + "\n".join(parts) + "\n</robot>\n"


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _link(name: str, body: str) -> str:
    return f'<link name="{name}">{body}</link>'


def _joint(name: str, kind: str, parent: str, child: str, frame: Frame, more: str = "") -> str:
    ends = f'<parent link="{parent}"/><child link="{child}"/>'
    return f'<joint name="{name}" type="{kind}">{ends}{_origin(frame)}{more}</joint>'


def _origin(frame: Frame) -> str:
    from scipy.spatial.transform import Rotation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # gimbal lock: any of the angles will do
        angles = Rotation.from_quat(np.asarray(frame.quaternion)[[1, 2, 3, 0]]).as_euler("xyz")
    return f'<origin xyz="{_numbers(frame.position)}" rpy="{_numbers(angles)}"/>'


def _inertia(moments: Iterable[float]) -> str:
    x, y, z = moments
    return f'<inertia ixx="{x}" iyy="{y}" izz="{z}" ixy="0" ixz="0" iyz="0"/>'


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.6f}" for value in values)


def _obj(vertices: np.ndarray[Any, Any], triangles: np.ndarray[Any, Any]) -> str:
    corners = "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in vertices)
    return corners + "".join(f"f {a + 1} {b + 1} {c + 1}\n" for a, b, c in triangles)


if __name__ == "__main__":
    sys.exit(main())
