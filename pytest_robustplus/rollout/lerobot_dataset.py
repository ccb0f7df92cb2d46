"""Episodes that were played again as a LeRobotDataset of version 3.0, written without lerobot and its torch.

One data file, one video a camera, one file about the episodes: the reader takes any number of each. The layout is that
of lerobot 0.4 to 0.6, by which tests/conformance/lerobot_dataset.sh reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.rollout.footage import Take

FOLDER = "robustplus-lerobot"
_QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_FILE = "chunk-000/file-000"
# One value a channel is kept of so many pixels: statistics of pictures need no more.
_EVERY = 8
_COUNTERS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}


class DatasetWriter:
    """Takes episodes one by one, all of the same cameras, sensors and action width, and closes to a dataset."""

    def __init__(self, folder: Path) -> None:
        try:
            import imageio.v2
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise BadInputError("LeRobot datasets need pyarrow: pip install 'pytest-robustplus[lerobot]'") from error
        self.path = folder / FOLDER
        if self.path.exists():
            raise BadInputError(f"{self.path} is there already. Move it away, or name another folder.")
        self._video_of: Callable[..., Any] = imageio.v2.get_writer
        self._films: dict[str, Any] = {}
        self._sizes: dict[str, tuple[int, ...]] = {}
        self._sensors: dict[str, int] = {}
        self._hz = 0.0
        self._tasks: dict[str, int] = {}
        self._rows: dict[str, list[Any]] = {
            name: [] for name in ("observation.state", "action", *_COUNTERS, "next.success")
        }
        self._episodes: list[dict[str, Any]] = []
        self._seen: dict[str, list[NDArray[Any]]] = {}

    def add(self, take: Take) -> None:
        """Take an episode: what was seen before each action, and the action."""
        footage, record = take.footage, take.footage.stored.record
        shown = footage.shown[: len(footage.actions)]
        self._begin(take)
        begin, steps, number = len(self._rows["index"]), len(shown), len(self._episodes)
        task = self._tasks.setdefault(record.instruction, len(self._tasks))
        states = [_vector(seen.state) for seen in shown]
        actions = [np.asarray(action, np.float32) for action in footage.actions]
        own: dict[str, Sequence[Any]] = {
            "observation.state": states,
            "action": actions,
            "timestamp": [step / self._hz for step in range(steps)],
            "frame_index": range(steps),
            "episode_index": [number] * steps,
            "index": range(begin, begin + steps),
            "task_index": [task] * steps,
            "next.success": [bool(record.success) and step == steps - 1 for step in range(steps)],
        }
        pixels: dict[str, list[NDArray[Any]]] = {}
        for seen in shown:
            for camera, image in seen.images.items():
                self._films[camera].append_data(np.ascontiguousarray(image))
                pixels.setdefault(f"observation.images.{camera}", []).append(
                    image[::_EVERY, ::_EVERY].reshape(-1, 3) / 255
                )
        facts: dict[str, Any] = {
            "episode_index": number,
            "tasks": [record.instruction],
            "length": steps,
            "dataset_from_index": begin,
            "dataset_to_index": begin + steps,
            "data/chunk_index": 0,
            "data/file_index": 0,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }
        for camera in self._films:
            facts |= {
                f"videos/observation.images.{camera}/chunk_index": 0,
                f"videos/observation.images.{camera}/file_index": 0,
                f"videos/observation.images.{camera}/from_timestamp": begin / self._hz,
                f"videos/observation.images.{camera}/to_timestamp": (begin + steps) / self._hz,
            }
        values = {name: np.asarray(column, float).reshape(steps, -1) for name, column in own.items()}
        values |= {name: np.concatenate(found) for name, found in pixels.items()}
        for name, found in values.items():
            picture = name.startswith("observation.images.")
            facts |= {f"stats/{name}/{stat}": told for stat, told in _statistics(found, steps, picture).items()}
            self._seen.setdefault(name, []).append(found)
        facts |= {"robustplus/episode": footage.stored.id, "robustplus/cell": take.cell, "robustplus/task": record.task}
        facts |= {"robustplus/success": bool(record.success)}
        self._episodes.append(facts)
        for name, column in own.items():
            self._rows[name] += column

    def close(self) -> Path | None:
        """Write what is left to write; None where nothing was added."""
        import pyarrow
        from pyarrow import parquet

        if not self._episodes:
            return None
        for film in self._films.values():
            film.close()
        meta = self.path / "meta"
        data = self.path / f"data/{_FILE}.parquet"
        episodes = meta / f"episodes/{_FILE}.parquet"
        for place in (data, episodes):
            place.parent.mkdir(parents=True, exist_ok=True)
        kinds = {name: pyarrow.from_numpy_dtype(kind) for name, kind in _COUNTERS.items()}
        columns = {
            name: pyarrow.array([_listed(value) for value in column], kinds.get(name) or _kind(pyarrow, name))
            for name, column in self._rows.items()
        }
        parquet.write_table(pyarrow.table(columns), data)
        parquet.write_table(pyarrow.Table.from_pylist(self._episodes), episodes)
        parquet.write_table(_tasks(pyarrow, self._tasks), meta / "tasks.parquet")
        frames = len(self._rows["index"])
        stats = {
            name: _statistics(np.concatenate(found), frames, name.startswith("observation.images."))
            for name, found in self._seen.items()
        }
        _json(meta / "stats.json", stats)
        _json(meta / "info.json", self._info(frames))
        return self.path

    def _begin(self, take: Take) -> None:
        """Open the films by what the first episode shows, and refuse one that does not fit to it."""
        first = take.footage.shown[0]
        sizes = {camera: image.shape for camera, image in first.images.items()}
        sensors = {name: int(np.size(value)) for name, value in first.state.items()}
        if not self._episodes:
            if take.footage.hz != int(take.footage.hz):
                raise BadInputError(
                    f"{take.cell} acts {take.footage.hz:g} times a second, and LeRobot takes whole numbers."
                )
            self._sizes, self._sensors, self._hz = sizes, sensors, take.footage.hz
            for camera in sizes:
                place = self.path / f"videos/observation.images.{camera}/{_FILE}.mp4"
                place.parent.mkdir(parents=True)
                # A key frame every second frame, as lerobot writes them, since training reads at random.
                self._films[camera] = self._video_of(
                    place,
                    fps=self._hz,
                    codec="libx264",
                    macro_block_size=2,
                    quality=None,
                    output_params=["-g", "2", "-crf", "20"],
                )
        elif (sizes, sensors, take.footage.hz) != (self._sizes, self._sensors, self._hz):
            raise BadInputError(
                f"Episode {take.footage.stored.id} of {take.cell} does not fit into one dataset with those before it:"
                " its cameras, sensors or rate are others. Choose episodes of one model on one benchmark."
            )

    def _info(self, frames: int) -> dict[str, Any]:
        names = [f"{sensor}_{i}" for sensor, size in self._sensors.items() for i in range(size)]
        width = len(self._rows["action"][0])
        features: dict[str, Any] = {
            f"observation.images.{camera}": {
                "dtype": "video",
                "shape": list(shape),
                "names": ["height", "width", "channels"],
                "info": {
                    "video.height": shape[0],
                    "video.width": shape[1],
                    "video.codec": "h264",
                    "video.pix_fmt": "yuv420p",
                    "video.is_depth_map": False,
                    "video.fps": int(self._hz),
                    "video.channels": 3,
                    "has_audio": False,
                },
            }
            for camera, shape in self._sizes.items()
        }
        features["observation.state"] = {"dtype": "float32", "shape": [len(names)], "names": names}
        features["action"] = {"dtype": "float32", "shape": [width], "names": [f"action_{i}" for i in range(width)]}
        features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _COUNTERS.items()}
        features["next.success"] = {"dtype": "bool", "shape": [1], "names": None}
        return {
            "codebase_version": "v3.0",
            "robot_type": None,
            "total_episodes": len(self._episodes),
            "total_frames": frames,
            "total_tasks": len(self._tasks),
            "chunks_size": 1000,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": int(self._hz),
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
            if self._sizes
            else None,
            "features": features,
        }


def _vector(state: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    parts = [np.asarray(value, np.float32).ravel() for value in state.values()]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _statistics(values: NDArray[Any], frames: int, picture: bool) -> dict[str, Any]:
    """As lerobot's stats.json has them; those of a picture by channel, with its shape."""
    found = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        **{name: np.quantile(values, share, axis=0) for name, share in _QUANTILES.items()},
    }
    told = {name: [[[float(v)]] for v in value] if picture else value.tolist() for name, value in found.items()}
    return {**told, "count": [frames]}


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _kind(pyarrow: Any, name: str) -> Any:
    return pyarrow.bool_() if name == "next.success" else pyarrow.list_(pyarrow.float32())


def _tasks(pyarrow: Any, tasks: Mapping[str, int]) -> Any:
    """The instructions as pandas would write a table that has them as its index."""
    described = [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": described, "pandas_version": "2.2.0"}
    table = pyarrow.table({"task_index": pyarrow.array([*tasks.values()], pyarrow.int64()), "task": [*tasks]})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
