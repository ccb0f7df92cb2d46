"""Rotations: values worked out by hand from their definitions, SciPy as a second opinion, and round trips."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from pytest_robustplus.policies.profiles.rotations import (
    REPRESENTATIONS,
    axis_angle_to_quat,
    deinterleave,
    interleave,
    matrix_to_quat,
    matrix_to_rot6d,
    quat_to_axis_angle,
    quat_to_matrix,
    rot6d_to_matrix,
)

HALF = math.sqrt(0.5)
# 120° about (1, 1, 1): half the angle is 60°, so w = 1/2 and each of x, y, z is (√3/2)/√3 = 1/2. It takes x to y, y to
# z and z to x, so its matrix has the columns e_y, e_z, e_x.
THIRD = np.array([0.5, 0.5, 0.5, 0.5])
THIRD_MATRIX = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    ("quat", "axis_angle"),
    [
        pytest.param([0, 0, HALF, HALF], [0, 0, math.pi / 2], id="quarter turn about z"),
        # The same rotation written as -q: w = -√½, so 2·acos(w) = 3π/2, about the axis that -q points along, -z.
        pytest.param([0, 0, -HALF, -HALF], [0, 0, -3 * math.pi / 2], id="its antipode keeps its own angle"),
        pytest.param([1, 0, 0, 0], [math.pi, 0, 0], id="half turn"),
        # 2π/3 along (1, 1, 1)/√3 is 2π/(3√3) = 1.2091995761561452 each.
        pytest.param([0.5, 0.5, 0.5, 0.5], [1.2091995761561452] * 3, id="third of a turn"),
        pytest.param([0, 0, 0, 1], [0, 0, 0], id="no turn"),
        pytest.param([0, 0, 0, -1], [0, 0, 0], id="full turn"),
        pytest.param([0, 0, 1e-9, 1.0000001], [0, 0, 0], id="w rounded above 1"),
    ],
)
def test_axis_angle_of_a_quaternion(quat: list[float], axis_angle: list[float]) -> None:
    np.testing.assert_allclose(quat_to_axis_angle(np.array(quat, float)), axis_angle, atol=1e-12)


def test_matrix_of_a_quaternion() -> None:
    np.testing.assert_allclose(quat_to_matrix(THIRD), THIRD_MATRIX, atol=1e-15)


def test_rot6d_is_two_columns_one_after_the_other() -> None:
    np.testing.assert_array_equal(matrix_to_rot6d(THIRD_MATRIX), [0, 1, 0, 0, 0, 1])


def test_interleaved_rot6d_is_the_same_two_columns_row_by_row() -> None:
    np.testing.assert_array_equal(interleave(matrix_to_rot6d(THIRD_MATRIX)), [0, 0, 1, 0, 0, 1])


def test_wxyz_puts_the_real_part_first() -> None:
    quat = np.array([0.1, 0.3, 0.5, math.sqrt(0.65)])
    np.testing.assert_array_equal(REPRESENTATIONS["quat_wxyz"].from_quat(quat), [math.sqrt(0.65), 0.1, 0.3, 0.5])


def test_a_networks_rot6d_is_made_orthonormal_first_column_first() -> None:
    # b1 = (2,0,0)/2 = e_x; (1,3,0) less its share along e_x is (0,3,0), so b2 = e_y; b3 = e_x × e_y = e_z.
    np.testing.assert_allclose(rot6d_to_matrix(np.array([2.0, 0, 0, 1, 3, 0])), np.eye(3), atol=1e-15)


quaternions = arrays(float, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1)


def unit(quat: np.ndarray) -> np.ndarray:
    return quat / np.linalg.norm(quat)


@given(quaternions)
def test_matrices_agree_with_scipy(quat: np.ndarray) -> None:
    quat = unit(quat)
    np.testing.assert_allclose(quat_to_matrix(quat), Rotation.from_quat(quat).as_matrix(), atol=1e-12)


@given(quaternions)
def test_axis_angle_comes_back_as_the_same_quaternion_and_not_its_antipode(quat: np.ndarray) -> None:
    quat = unit(quat)
    assume(abs(quat[3]) < 1 - 1e-9)
    np.testing.assert_allclose(axis_angle_to_quat(quat_to_axis_angle(quat)), quat, atol=1e-6)


@given(quaternions)
def test_a_matrix_comes_back_as_the_quaternion_with_positive_real_part(quat: np.ndarray) -> None:
    quat = unit(quat)
    found = matrix_to_quat(quat_to_matrix(quat))
    assert found[3] >= 0
    np.testing.assert_allclose(found, quat if found @ quat > 0 else -quat, atol=1e-9)


@given(quaternions, st.sampled_from(sorted(REPRESENTATIONS)))
def test_every_representation_comes_back_as_the_same_rotation(quat: np.ndarray, name: str) -> None:
    quat = unit(quat)
    # Near a full turn robosuite's formula divides two roundings by each other, and that is what models were trained on.
    assume(quat[3] > -1 + 1e-9)
    representation = REPRESENTATIONS[name]
    written = representation.from_quat(quat)
    assert written.shape == (representation.width,)
    read = quat_to_matrix(representation.to_quat(written))
    np.testing.assert_allclose(read, quat_to_matrix(quat), atol=1e-6)


@given(arrays(float, (5, 6), elements=st.floats(-1, 1)))
def test_interleaving_undone(rot6d: np.ndarray) -> None:
    np.testing.assert_array_equal(deinterleave(interleave(rot6d)), rot6d)


def test_many_rotations_at_once_are_the_same_as_one_by_one() -> None:
    quats = np.random.default_rng(0).normal(size=(30, 4))
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    for representation in REPRESENTATIONS.values():
        together = representation.from_quat(quats)
        np.testing.assert_allclose(together, [representation.from_quat(quat) for quat in quats])
        np.testing.assert_allclose(
            representation.to_quat(together), [representation.to_quat(row) for row in together], atol=1e-15
        )
