"""What robosuite's controller computes at every physics step, as one compiled function.

The torques are the package's own, to the last bit: its compiled functions are called as they are, sums and products
are written in its order, and products of matrices that it leaves to numpy go to the function that numpy itself calls.
numba keeps the compiled code beside this file, or in the user's cache where nobody may write here; ``jit.py`` says when
it is made.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

import mujoco
import numba
import numpy as np
from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from robosuite.controllers.osc import OperationalSpaceController
from robosuite.models.grippers.panda_gripper import PandaGripper
from robosuite.utils.control_utils import nullspace_torques, opspace_matrices, orientation_error

from pytest_robustplus.policies.contract import Vector

_JOINTS: Final = 7
_FINGERS: Final = 2
# What MuJoCo computes and the controller reads or, the last one, writes.
_READ = ("qpos", "qvel", "site_xpos", "site_xmat", "qM", "qfrc_bias", "ctrl")
# What is handed over and left behind, in one array: each further argument takes 0.1 µs.
_STATE = np.dtype(
    [
        ("goal_pos", float, 3),
        ("goal_mat", float, (3, 3)),
        ("stiffness", float, 6),
        ("damping", float, 6),
        ("rest", float, _JOINTS),
        ("lowest", float, _JOINTS),
        ("highest", float, _JOINTS),
        ("grip", float, _FINGERS),
        ("grip_step", float, _FINGERS),
        ("grip_middle", float, _FINGERS),
        ("grip_reach", float, _FINGERS),
        ("pos", float, 3),
        ("mat", float, (3, 3)),
        ("site", np.int64),
        ("joints", np.int64, _JOINTS),
        ("dofs", np.int64, _JOINTS),
        ("motors", np.int64, _JOINTS),
        ("fingers", np.int64, _FINGERS),
        ("inertia", np.int64, (_JOINTS, _JOINTS)),
        *((name, np.int64) for name in ("model", "data", *_READ)),
        *((f"{name}_size", np.int64) for name in _READ),
    ]
)
_OPENING = np.array([-1.0, 1.0])  # which way each finger's number goes
# As CBLAS numbers them.
_ROW_MAJOR, _COLUMN_MAJOR, _NOT_TRANSPOSED = 101, 102, 111
# By one of these names numpy's module reaches its library: in wheels, in those of numpy 2, elsewhere.
_GEMV_NAMES = ("cblas_dgemv64_", "scipy_cblas_dgemv64_", "cblas_dgemv")


# Integers are 32 or 64 bits wide, as the library was built; either reads a small one right out of 64.
_gemv: Any = types.ExternalFunction(
    "robustplus_gemv",
    types.void(
        *(types.int32, types.int32, types.int64, types.int64),
        *(types.float64, types.intp, types.int64, types.intp, types.int64),
        *(types.float64, types.intp, types.int64),
    ),
)
_jac_site: Any = types.ExternalFunction(
    "robustplus_jac_site", types.void(types.intp, types.intp, types.intp, types.intp, types.int32)
)


@intrinsic
def _pointer(context: Any, address: Any) -> Any:
    """An address as a pointer."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), code


@numba.njit(cache=True)
def _array(address: int, size: int) -> Any:
    return carray(_pointer(address), size, np.float64)  # type: ignore[call-arg]


@numba.njit(cache=True)
def _product(order: int, matrix: Any, lead: int, vector: Any) -> Any:
    rows, columns = matrix.shape
    out = np.empty(rows)
    into, what, by = out.ctypes.data, matrix.ctypes.data, vector.ctypes.data
    _gemv(order, _NOT_TRANSPOSED, rows, columns, 1.0, what, lead, by, 1, 0.0, into, 1)
    return out


@numba.njit(cache=True)
def _clipped(value: float, lowest: float, highest: float) -> float:
    """As numpy clips: what is no number stays none, so that MuJoCo complains."""
    return lowest if value < lowest else highest if value > highest else value


def _compiled(robosuite: str) -> Callable[..., None]:
    @numba.njit(cache=True)
    def drive(states: Any, jacobians: Any) -> None:
        if not robosuite:  # nothing but a name that the cache tells one compilation from another by
            return
        state = states[0]
        qpos, qvel = _array(state.qpos, state.qpos_size), _array(state.qvel, state.qvel_size)
        sites_pos, sites_mat = (
            _array(state.site_xpos, state.site_xpos_size),
            _array(state.site_xmat, state.site_xmat_size),
        )
        inertias, bias = _array(state.qM, state.qM_size), _array(state.qfrc_bias, state.qfrc_bias_size)
        ctrl = _array(state.ctrl, state.ctrl_size)
        moving, turning = jacobians[0], jacobians[1]
        _jac_site(state.model, state.data, moving.ctypes.data, turning.ctypes.data, state.site)
        columns = moving.shape[1]
        pos_vel = _product(_ROW_MAJOR, moving, columns, qvel)
        mat_vel = _product(_ROW_MAJOR, turning, columns, qvel)
        # Columns first, as robosuite's indexing leaves them: the layout decides how products round.
        jac = np.empty((_JOINTS, 6)).T
        jac_pos = np.empty((_JOINTS, 3)).T
        jac_mat = np.empty((_JOINTS, 3)).T
        mass = np.empty((_JOINTS, _JOINTS)).T
        joint_pos, joint_vel = np.empty(_JOINTS), np.empty(_JOINTS)
        for column in range(_JOINTS):
            dof = state.dofs[column]
            joint_pos[column] = qpos[state.joints[column]]
            joint_vel[column] = qvel[dof]
            for row in range(3):
                jac[row, column] = jac_pos[row, column] = moving[row, dof]
                jac[3 + row, column] = jac_mat[row, column] = turning[row, dof]
            for row in range(_JOINTS):
                address = state.inertia[row, column]
                mass[row, column] = inertias[address] if address >= 0 else 0.0
        mat = np.empty((3, 3))
        for row in range(3):
            state.pos[row] = sites_pos[3 * state.site + row]
            for column in range(3):
                mat[row, column] = state.mat[row, column] = sites_mat[9 * state.site + 3 * row + column]
        goal_mat = np.empty((3, 3))
        goal_mat[:] = state.goal_mat
        turn = orientation_error(goal_mat, mat)
        force, torque = np.empty(3), np.empty(3)
        for axis in range(3):
            away = state.goal_pos[axis] - state.pos[axis]
            force[axis] = away * state.stiffness[axis] + -pos_vel[axis] * state.damping[axis]
            torque[axis] = turn[axis] * state.stiffness[3 + axis] + -mat_vel[axis] * state.damping[3 + axis]
        _, weight_pos, weight_mat, nullspace = opspace_matrices(mass, jac, jac_pos, jac_mat)
        wrench = np.empty(6)
        wrench[:3] = _product(_COLUMN_MAJOR, weight_pos, 3, force)
        wrench[3:] = _product(_COLUMN_MAJOR, weight_mat, 3, torque)
        torques = _product(_ROW_MAJOR, jac.T, 6, wrench)
        rest = np.empty(_JOINTS)
        rest[:] = state.rest
        idle = nullspace_torques(mass, nullspace, rest, joint_pos, joint_vel)
        for joint in range(_JOINTS):
            wished = torques[joint] + bias[state.dofs[joint]]
            wished = wished + idle[joint]
            ctrl[state.motors[joint]] = _clipped(wished, state.lowest[joint], state.highest[joint])
        for finger in range(_FINGERS):
            grip = _clipped(state.grip[finger] + state.grip_step[finger], -1.0, 1.0)
            state.grip[finger] = grip
            ctrl[state.fingers[finger]] = state.grip_middle[finger] + state.grip_reach[finger] * grip

    return drive


def _link() -> bool:
    """Tell the compiler where the functions of libraries are; False where numpy multiplies by itself."""
    core = "numpy._core" if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else "numpy.core"
    numpys = ctypes.CDLL(import_module(f"{core}._multiarray_umath").__file__)
    gemv = next((getattr(numpys, name) for name in _GEMV_NAMES if hasattr(numpys, name)), None)
    mujocos = ctypes.CDLL(mujoco._functions.__file__)
    for name, function in {"robustplus_gemv": gemv, "robustplus_jac_site": mujocos.mj_jacSite}.items():
        if function:
            binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return gemv is not None


_drive: Any = _compiled(version("robosuite")) if _link() else None


def known(controller: Any, gripper: Any) -> bool:
    """Whether the compiled function computes what this controller and this gripper compute."""
    return bool(
        _drive
        and type(controller) is OperationalSpaceController
        and type(gripper) is PandaGripper
        and controller.impedance_mode == "fixed"
        and controller.uncoupling
        and controller.interpolator_pos is None
        and controller.interpolator_ori is None
        and len(controller.qvel_index) == _JOINTS
    )


class Compiled:
    """The controller and the gripper of a robot at every physics step; both see what it computes."""

    def __init__(self, robot: Any, site: int, jacobians: Any) -> None:
        """``jacobians`` (2, 3, nv) are written to: what moves the site, what turns it."""
        assert _drive is not None
        self._controller, self._gripper = controller, _ = robot.controller, robot.gripper
        model, data = robot.sim.model._model, robot.sim.data._data
        self._data = data
        states = np.zeros(1, _STATE)
        self._state = state = states[0]
        state["site"], state["joints"], state["dofs"] = site, controller.qpos_index, controller.qvel_index
        state["inertia"] = _shared_inertia(model, controller.qvel_index)
        state["motors"], state["fingers"] = robot._ref_joint_actuator_indexes, robot._ref_joint_gripper_actuator_indexes
        state["lowest"], state["highest"] = robot.torque_limits
        lowest, highest = model.actuator_ctrlrange[state["fingers"]].T
        state["grip_middle"], state["grip_reach"] = 0.5 * (highest + lowest), 0.5 * (highest - lowest)
        state["model"], state["data"] = model._address, data._address
        if not _drive.signatures:
            # Now rather than at the first step, as long as nobody else compiles.
            _drive.compile(tuple(map(numba.typeof, (states, jacobians))))
        self._read = [getattr(data, name) for name in _READ]
        for name, array in zip(_READ, self._read, strict=True):
            state[name], state[f"{name}_size"] = array.ctypes.data, array.size
        self.act: Callable[[], None] = partial(_drive, states, jacobians)
        """Set the motors for one physics step whose positions and velocities are up to date."""

    def locate(self) -> None:
        """Tell the controller where the grip site is: all that it has to know to take a new goal."""
        state, data = self._state, self._data
        site = int(state["site"])
        state["pos"], state["mat"] = data.site_xpos[site], data.site_xmat[site].reshape(3, 3)
        self._controller.new_update = False

    def begin(self, grip: Vector) -> None:
        """Take over from the controller, which has its goal, and from the gripper, which is told ``grip`` (1)."""
        controller, gripper, state = self._controller, self._gripper, self._state
        state["stiffness"], state["damping"], state["rest"] = controller.kp, controller.kd, controller.initial_joint
        state["goal_pos"], state["goal_mat"] = controller.goal_pos, controller.goal_ori
        state["grip"] = gripper.current_action
        state["grip_step"] = _OPENING * gripper.speed * np.sign(grip)
        state["pos"], state["mat"] = controller.ee_pos, controller.ee_ori_mat
        gripper.current_action, controller.ee_pos, controller.ee_ori_mat = state["grip"], state["pos"], state["mat"]
        controller.new_update = True


def _shared_inertia(model: Any, joints: Any) -> Any:
    """Where MuJoCo's sparse inertia holds what two of ``joints`` share; -1 where they share nothing."""
    addresses = np.full((model.nv, model.nv), -1)
    for row in range(model.nv):
        column = row
        for address in range(model.dof_Madr[row], model.nM):
            addresses[row, column] = addresses[column, row] = address
            column = model.dof_parentid[column]
            if column < 0:
                break
    return addresses[np.ix_(joints, joints)]
