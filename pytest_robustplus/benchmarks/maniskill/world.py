"""ManiSkill's environment of one task: one scene on the processor, or many that step together on a card."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks import vulkan
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.maniskill.protocol import ManiSkillProtocol
from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.perturbations import Layout, Robot, part
from pytest_robustplus.policies.contract import Actions, Depth, Image

INSTALL = "pip install 'pytest-robustplus[maniskill]'"
MAIN_CAMERA = "base_camera"

Array = NDArray[Any]
Pixels = TypeVar("Pixels", Image, Depth)


class World:
    """Scenes of one task. Numbered from 0; what is asked of several comes stacked, one row a scene."""

    def __init__(
        self, base: str, count: int, protocol: ManiSkillProtocol, cameras: Sequence[str], size: tuple[int, int]
    ) -> None:
        """Build the scenes; ``size`` is (height, width) in pixels. Seconds, the first of a process 5–10.

        Raises ``BadInputError`` for a task, controller or camera that is not there, or a task that needs a download.
        """
        make = _registered(base)
        import requests  # of sapien
        import sapien
        import torch

        if protocol.physics == "cuda" and not torch.cuda.is_available():
            raise BadInputError("physics=cuda needs a graphics card, and torch sees none. Leave physics=cuda out.")
        self.base, self.count, self._control = base, count, protocol.control
        self._rows: dict[str, dict[str, Array]] | None = None
        self.conditions: Mapping[str, Any] = {}
        """What ManiSkill's task said after the last step, yes or no: a tensor of (scenes,) each."""
        height, width = size
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wrapped = make(
                    base,
                    num_envs=count,
                    obs_mode="none",
                    reward_mode="none",
                    control_mode=protocol.control,
                    sim_backend=f"physx_{protocol.physics}",
                    render_backend=_renders() if cameras else "none",
                    sensor_configs={"width": width, "height": height},
                )
            except requests.RequestException as error:
                release = sapien.physx.version()
                raise BadInputError(
                    "physics=cuda needs PhysX' library for graphics cards, which SAPIEN fetches when it is first used:"
                    f" {error}. Unpack linux-so.zip of github.com/sapien-sim/physx-precompiled, release {release}, into"
                    f" ~/.sapien/physx/{release}, or leave physics=cuda out."
                ) from error
            except (AssertionError, KeyError) as error:
                raise BadInputError(
                    f"{base} cannot be played with control={protocol.control}: {error}. ManiSkill's controllers are"
                    " pd_joint_pos, pd_joint_delta_pos, pd_ee_delta_pos, pd_ee_delta_pose, pd_ee_pose."
                ) from error
            except AttributeError as error:
                if cameras:
                    raise
                raise BadInputError(
                    f"{base} paints its scene while it builds it, so it cannot be built undrawn ({error}). Play it by a"
                    " policy that looks at a camera, or leave the task out."
                ) from error
        self.env: Any = wrapped.unwrapped
        for camera in cameras:
            if camera not in self.env._sensors:
                raise unknown(f"camera of {base}", camera, self.env._sensors)
        self._cameras = tuple(cameras)
        self._space = self.env.single_action_space
        self.agents: list[Any] = getattr(self.env.agent, "agents", None) or [self.env.agent]
        self.keys = list(self._space.spaces) if len(self.agents) > 1 else []
        self.widths = [self._space[key].shape[0] for key in self.keys] or [self._space.shape[0]]

    @property
    def action_width(self) -> int:
        return sum(self.widths)

    def check_width(self, wanted: int) -> None:
        """Raise ``BadInputError`` unless actions are ``wanted`` wide; the environment is closed then."""
        if self.action_width != wanted:
            self.close()
            raise BadInputError(
                f"{self.base} takes actions {self.action_width} wide under control={self._control}, the profile says"
                f" {wanted}. Correct action_width in the model's card, or leave the task out."
            )

    def scene(self, number: int) -> Any:
        """SAPIEN's scene; another one after a reset that rebuilt it."""
        return self.env.scene.sub_scenes[number]

    def camera(self, number: int) -> Any | None:
        """SAPIEN's component of the main camera, None where no camera stands in the scene or none is drawn."""
        sensor = self.env._sensors.get(MAIN_CAMERA) if self._cameras else None
        return None if sensor is None else sensor.camera._render_cameras[number]

    def place(self, task: Task) -> None:
        """Put the only scene into the initial state of a task, the robot perturbed; raises ``BadInputError``."""
        if part(task.perturbation, Layout).severity:
            raise BadInputError(
                f"{task.name}: no layout is changed: ManiSkill places its objects by the seed and has none to spare."
            )
        self._rows = None
        self.env.reset(seed=task.init_state)
        self._start(part(task.perturbation, Robot), task.name)

    def take(self, states_of: Mapping[int, Mapping[str, Any]]) -> None:
        """Put some scenes into states that ``state`` has told of another world of the same task."""
        import torch

        self._rows = None
        numbers = sorted(states_of)
        states = [states_of[number] for number in numbers]
        together = {
            kind: {
                name: torch.cat([state[kind][name] for state in states]).to(self.env.device) for name in states[0][kind]
            }
            for kind in ("actors", "articulations")
        }
        index = torch.tensor(numbers, device=self.env.device)
        self.env.reset(options={"env_idx": index, "reset_to_env_states": {"env_states": together}})

    def state(self) -> Mapping[str, Any]:
        """Poses and velocities of actors and articulations, as ManiSkill holds them: one row a scene."""
        state: Mapping[str, Any] = self.env.get_state_dict()
        return state

    def step(self, actions: Actions) -> Array:
        """Advance all scenes by one control step, (scenes, width); which of them are at their goal."""
        import torch

        self._rows = None
        given = torch.as_tensor(np.asarray(actions, np.float32), device=self.env.device)
        if self.keys:
            pieces = torch.split(given, self.widths, dim=1)
            told = self.env.step(dict(zip(self.keys, pieces, strict=True)))[-1]
        else:
            told = self.env.step(given)[-1]
        self.conditions = {name: value for name, value in told.items() if getattr(value, "dtype", None) == torch.bool}
        return np.asarray(told["success"].cpu()).astype(bool)

    def pictures(self) -> Mapping[str, NDArray[np.uint8]]:
        """Every camera's pictures, (scenes, height, width, 3) uint8, without what ManiSkill hides from policies."""
        for thing in self.env._hidden_objects:
            thing.hide_visual()
        self.env.scene.update_render(update_sensors=True, update_human_render_cameras=False)
        sensors = {camera: self.env._sensors[camera] for camera in self._cameras}
        for sensor in sensors.values():
            sensor.capture()
        return {
            name: sensor.get_obs(rgb=True, depth=False, position=False, segmentation=False)["rgb"].cpu().numpy()
            for name, sensor in sensors.items()
        }

    def depths(self, cameras: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """What some cameras measured as the last pictures were taken, (scenes, height, width) metres; whole mm."""
        sensors = {camera: self.env._sensors[camera] for camera in cameras}
        told = {
            name: sensor.get_obs(rgb=False, depth=True, position=False, segmentation=False)["depth"].cpu().numpy()
            for name, sensor in sensors.items()
        }
        return {name: millimetres[..., 0].astype(np.float32) / np.float32(1000) for name, millimetres in told.items()}

    def sensed(self) -> Mapping[str, Array]:
        """``qpos`` (radians, metres for fingers) and ``tcp_pose`` (metres, quaternion wxyz), arm after arm."""
        found = {"qpos": _joined([agent.robot.get_qpos() for agent in self.agents])}
        if all(hasattr(agent, "tcp") for agent in self.agents):
            found["tcp_pose"] = _joined([agent.tcp.pose.raw_pose for agent in self.agents])
        return found

    def digest(self, number: int) -> str:
        """Digest the physical state of a scene; the state of all is fetched once a step."""
        if self._rows is None:
            state = self.state()
            self._rows = {
                kind: {name: value.cpu().numpy() for name, value in state[kind].items()}
                for kind in ("actors", "articulations")
            }
        digest = hashlib.sha256()
        for rows in self._rows.values():
            for name, values in sorted(rows.items()):
                digest.update(name.encode())
                digest.update(np.ascontiguousarray(values[number]).tobytes())
        return digest.hexdigest()

    def close(self) -> None:
        self.env.close()

    def _start(self, robot: Robot, where: str) -> None:
        if robot.is_identity:
            return
        for agent in self.agents:
            names = [joint.name for joint in agent.robot.active_joints]
            arm = [names.index(name) for name in getattr(agent, "arm_joint_names", ())]
            if not arm:
                raise BadInputError(f"{where}: ManiSkill does not say which joints of {agent.uid} are an arm's.")
            qpos = agent.robot.get_qpos().clone()
            for joint, offset in zip(arm, robot.offset, strict=False):
                qpos[:, joint] += offset
            fingers = [number for number, name in enumerate(names) if "finger" in name]
            qpos[:, fingers] *= 1 - robot.gripper
            agent.robot.set_qpos(qpos)
            agent.reset(qpos)
        # Controllers hold what they were set to before.
        controllers = self.env.agent.controller
        for controller in controllers.values() if isinstance(controllers, dict) else [controllers]:
            controller.reset()


def image(pictures: Mapping[str, Pixels], number: int) -> dict[str, Pixels]:
    """One scene's pictures, or depths."""
    return {name: stacked[number] for name, stacked in pictures.items()}


def _joined(parts: Sequence[Any]) -> Array:
    return np.concatenate([np.asarray(value.cpu(), np.float64) for value in parts], axis=1)


def _renders() -> str:
    """What ManiSkill calls the device that draws; the driver has been chosen before."""
    return "cpu" if all(device.kind == "cpu" for device in vulkan.devices()) else "gpu"


def _registered(base: str) -> Any:
    """How to make an environment; raises ``BadInputError`` where ManiSkill is not, or not with this task."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import gymnasium
            import mani_skill.envs
            from mani_skill.utils.registration import REGISTERED_ENVS
        except ImportError as error:
            raise BadInputError(f"The ManiSkill benchmark needs ManiSkill3 ({error}). Run: {INSTALL}") from error
    mani_skill.logger.setLevel("ERROR")  # it tells of each object that has no pose before its first
    if base not in REGISTERED_ENVS:
        raise unknown("task of ManiSkill", base, REGISTERED_ENVS)
    assets = REGISTERED_ENVS[base].asset_download_ids
    if assets:
        raise BadInputError(
            f"{base} needs the assets {', '.join(assets)}, which ManiSkill downloads. Only tasks that need no download"
            " are played."
        )
    return gymnasium.make
