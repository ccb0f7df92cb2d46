"""robosuite's operational-space controller, asked for what it needs at every physics step, once.

robosuite recomputes the forward dynamics (again), every Jacobian (twice), all limits and all names at each of the 25
physics steps of a control step, and keeps statistics that no observation holds. What is left is one compiled function
where that gives the same bits. The torques are the package's own, to the last bit.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from pytest_robustplus.policies.contract import Actions, Vector

_ARM_WIDTH = 6


class Arm:
    """Arm and gripper of an environment that has just been reset, which gives it a new controller."""

    def __init__(self, environment: Any) -> None:
        from pytest_robustplus.benchmarks.libero_plus import torques  # imports robosuite, which `packages` prepares

        robot, sim = environment.robots[0], environment.sim
        self._model, self._data = sim.model._model, sim.data._data
        self._controller, self._gripper = robot.controller, robot.gripper
        self._controller.update = self._update
        self._site = sim.model.site_name2id(self._controller.eef_name)
        self._motors = robot._ref_joint_actuator_indexes
        self._lowest, self._highest = robot.torque_limits
        self._fingers = robot._ref_joint_gripper_actuator_indexes
        lowest, highest = sim.model.actuator_ctrlrange[self._fingers].T
        self._finger_middle, self._finger_reach = 0.5 * (highest + lowest), 0.5 * (highest - lowest)
        self._jacobians = np.zeros((2, 3, self._model.nv))
        self._moving, self._turning = self._jacobians
        self._inertia = np.zeros((self._model.nv, self._model.nv))
        known = torques.known(self._controller, self._gripper)
        self._compiled = torques.Compiled(robot, self._site, self._jacobians) if known else None

    def begin(self, action: Actions) -> None:
        """Take the goal of a control step, whose physics steps come next."""
        controller, self._grip = self._controller, action[_ARM_WIDTH:]
        # What the controller learned at the reset holds for one physics step, whatever the stored state has changed.
        self._learned = not controller.new_update
        if self._compiled and not self._learned:
            self._compiled.locate()
        controller.set_goal(action[:_ARM_WIDTH])
        if self._compiled and not self._learned:
            self._compiled.begin(self._grip)

    def act(self) -> None:
        """Set the motors for one physics step whose positions and velocities are up to date."""
        if self._compiled and not self._learned:
            self._compiled.act()
            return
        grip = self._gripper.format_action(self._grip)
        wished = self._controller.run_controller()
        self._data.ctrl[self._fingers] = self._finger_middle + self._finger_reach * grip
        self._data.ctrl[self._motors] = np.clip(wished, self._lowest, self._highest)
        self._learned = False
        if self._compiled:
            self._compiled.begin(self._grip)

    def take_poses(self) -> None:
        """From now on an action is where the grip site shall be: position in metres, axis-angle, gripper."""
        self._controller.use_delta = False

    def pose(self) -> dict[str, Vector]:
        """Where the controller last saw the grip site: ``controller_pos`` (3, metres), ``controller_mat`` (9)."""
        pos, mat = self._controller.ee_pos, self._controller.ee_ori_mat
        return {"controller_pos": np.array(pos), "controller_mat": np.array(mat).ravel()}

    def _update(self, force: bool = False) -> None:
        """Stand in for the controller's method of that name, which computes the forward dynamics first."""
        controller, data = self._controller, self._data
        if not (controller.new_update or force):
            return
        mujoco.mj_jacSite(self._model, data, self._moving, self._turning, self._site)
        mujoco.mj_fullM(self._model, self._inertia, data.qM)
        joints = controller.qvel_index
        controller.ee_pos = np.array(data.site_xpos[self._site])
        controller.ee_ori_mat = np.array(data.site_xmat[self._site].reshape(3, 3))
        controller.ee_pos_vel = np.dot(self._moving, data.qvel)
        controller.ee_ori_vel = np.dot(self._turning, data.qvel)
        controller.joint_pos = np.array(data.qpos[controller.qpos_index])
        controller.joint_vel = np.array(data.qvel[joints])
        controller.J_pos = np.array(self._moving[:, joints])
        controller.J_ori = np.array(self._turning[:, joints])
        controller.J_full = np.vstack([controller.J_pos, controller.J_ori])
        # Indexed as robosuite does it: the result's memory layout decides how products round.
        controller.mass_matrix = self._inertia[joints, :][:, joints]
        controller.new_update = False
