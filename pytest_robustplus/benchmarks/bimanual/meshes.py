"""Triangle meshes of the arms, made low-poly: on a processor a picture costs by its triangles, not by its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER_BYTES = 84


class Mesh(NamedTuple):
    """Flat-shaded triangles: ``vertices`` and ``normals`` (3·n, 3) float32, ``triangles`` (n, 3) uint32."""

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    triangles: NDArray[np.uint32]


def read_stl(path: Path) -> NDArray[np.float64]:
    """Corners of a binary STL's facets, (n, 3, 3)."""
    facets = np.frombuffer(path.read_bytes()[_HEADER_BYTES:], _FACET)
    return facets["corners"].astype(np.float64)


def simplified(corners: NDArray[np.float64], cell: float) -> Mesh:
    """Merge all corners within each cube of side ``cell`` into their mean and drop what that flattens."""
    points = corners.reshape(-1, 3)
    _, owner = np.unique(np.floor(points / cell).astype(np.int64), axis=0, return_inverse=True)
    owner = owner.reshape(-1)
    counts = np.bincount(owner)
    means = np.stack([np.bincount(owner, points[:, axis]) / counts for axis in range(3)], axis=1)
    faces = owner.reshape(-1, 3)
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    kept = means[faces[np.sort(first)]]
    normals = np.cross(kept[:, 1] - kept[:, 0], kept[:, 2] - kept[:, 0])
    area = np.linalg.norm(normals, axis=1)
    kept, normals = kept[area > 0], normals[area > 0] / area[area > 0, None]
    return Mesh(
        kept.reshape(-1, 3).astype(np.float32),
        np.repeat(normals, 3, axis=0).astype(np.float32),
        np.arange(3 * len(kept), dtype=np.uint32).reshape(-1, 3),
    )
