"""Read what --robust-replay-as=lerobot wrote by the real lerobot, and hold it against the ledger it came from.

Usage: lerobot_dataset.py DATASET LEDGER; run by lerobot_dataset.sh in an environment with lerobot.
"""

from __future__ import annotations

import sqlite3
import sys
import zlib
from pathlib import Path

import numpy as np
import torchvision_ops  # noqa: F401  # before lerobot imports torchvision
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def recorded(ledger: Path, episode: int) -> tuple[np.ndarray, bool, str]:
    """The actions, the outcome and the instruction of an episode, read without the package."""
    database = sqlite3.connect(ledger)
    query = """SELECT a.dtype, a.stored, a.shape, a.data, e.success, e.instruction
        FROM actions a JOIN episode e ON e.id = a.episode WHERE e.id = ?"""
    dtype, stored, shape, data, success, said = database.execute(query, (episode,)).fetchone()
    raw = np.frombuffer(zlib.decompress(data), stored)
    return raw.astype(dtype).reshape([int(n) for n in shape.strip("[]").split(",")]), bool(success), said


def main(place: Path, ledger: Path) -> None:
    dataset = LeRobotDataset("own/robustplus", root=place, video_backend="pyav")
    frames = 0
    for number, episode in enumerate(dataset.meta.episodes):
        actions, success, said = recorded(ledger, episode["robustplus/episode"])
        begin, end = episode["dataset_from_index"], episode["dataset_to_index"]
        items = [dataset[index] for index in range(begin, end)]
        np.testing.assert_allclose(np.stack([item["action"].numpy() for item in items]), actions, rtol=1e-6)
        assert {item["task"] for item in items} == {said}, (items[0]["task"], said)
        assert [bool(item["next.success"]) for item in items] == [False] * (len(items) - 1) + [success]
        assert {int(item["episode_index"]) for item in items} == {number}
        for camera in dataset.meta.camera_keys:
            picture = items[0][camera]
            assert tuple(picture.shape) == (3, *dataset.meta.shapes[camera][:2]), picture.shape
            stats = dataset.meta.stats[camera]["mean"]
            assert stats.shape == (3, 1, 1)
        frames += len(items)
    assert frames == dataset.meta.total_frames
    chunked = LeRobotDataset(
        "own/robustplus", root=place, video_backend="pyav", delta_timestamps={"action": [0.0, 1 / dataset.fps]}
    )
    assert chunked[0]["action"].shape[0] == 2
    print(
        f"lerobot read {dataset.meta.total_episodes} episodes, {frames} frames, {len(dataset.meta.camera_keys)} cameras"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
