"""What RoboTwin's robots see and sense, in RoboTwin's own names; bimanual has the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CAMERAS = ("head_camera", "left_camera", "right_camera")
"""Those of every published table."""
DRAWN = (*CAMERAS, "front_camera")
"""All that can be drawn: some models look from the front, too."""
GRIPPERS = [6, 13]
"""Where an action of joints has the two grippers, 0 closed to 1 open."""
CLOSED = 0.5
MATRICES: Mapping[str, int] = MappingProxyType({"intrinsic_cv": 9, "extrinsic_cv": 12, "cam2world_gl": 16})
SENSORS: Mapping[str, int] = MappingProxyType(
    {"joint_pos": 14, "left_endpose": 7, "right_endpose": 7}
    | {f"{camera}.{matrix}": width for camera in DRAWN for matrix, width in MATRICES.items()}
)
