"""Play a toy run that is told to the real trackers, offline or into files, and read back by their readers what came.

Usage: trackers.py FOLDER; run by trackers.sh in an environment with wandb, mlflow, tensorboard and trackio.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import toy

SPREAD = ("-n0", "-n2")


def played(folder: Path, spread: str) -> None:
    """Two cells, one that passes and one that fails, spread over workers or not."""
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text("from toy import pytest_robustplus_benchmarks, pytest_robustplus_models\n")
    (folder / "test_suite.py").write_text(toy.SUITE)
    (folder / "toy_baselines.toml").write_text(toy.BASELINES)
    (folder / "pytest.ini").write_text(
        "[pytest]\nrobust_baselines = toy_baselines.toml\nrobust_perturbations = camera\n"
    )
    tracked = "--robust-track=wandb,mlflow,tensorboard,trackio"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        spread,
        "--robust-model=steady,weak",
        tracked,
        "--robust-json=run.json",
    ]
    own = {
        "WANDB_MODE": "offline",
        "MLFLOW_TRACKING_URI": f"file:{folder / 'mlruns'}",
        "TRACKIO_DIR": str(folder / "trackio"),
    }
    own |= {"MLFLOW_ALLOW_FILE_STORE": "true", "HF_HUB_OFFLINE": "1", "WANDB_SILENT": "true"}
    done = subprocess.run(command, cwd=folder, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr  # weak fails
    assert "not affected" not in done.stdout, done.stdout


def count(folder: Path) -> dict[str, int]:
    """Finished episodes a model, by the ledger."""
    from pytest_robustplus import load_run

    run = load_run(folder / ".robustplus" / "ledger.sqlite")
    return {model: sum(one.model == model for one in run.episodes) for model in ("steady", "weak")}


def check_mlflow(folder: Path) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"file:{folder / 'mlruns'}")
    experiment = client.get_experiment_by_name("pytest-robustplus")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    for model, episodes in count(folder).items():
        curve = client.get_metric_history(run.info.run_id, f"{model}/toy/camera/success_rate")
        assert [point.step for point in curve] == list(range(1, episodes + 1)), (model, curve)
    assert run.data.metrics["cells/steady/toy/camera/passed"] == 1
    assert run.data.metrics["cells/weak/toy/camera/passed"] == 0
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= {"cells.csv", "run.json"}


def check_tensorboard(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (place,) = (folder / "runs").iterdir()
    events = EventAccumulator(str(place), size_guidance={"tensors": 0})
    events.Reload()
    tags = events.Tags()["tensors"]
    for model, episodes in count(folder).items():
        assert len(events.Tensors(f"{model}/toy/camera/success_rate")) == episodes
        assert f"cells/{model}/toy/camera/rate" in tags


def records(file: Path) -> Iterator[bytes]:
    """What stands in an offline file of wandb: LevelDB's log in blocks of 32 KiB, after a head of seven bytes."""
    data, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""


def check_wandb(folder: Path) -> None:
    from wandb.proto import wandb_internal_pb2

    (file,) = (folder / "wandb").glob("offline-run-*/run-*.wandb")
    kinds, seen = Counter[str](), 0
    for data in records(file):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kinds[str(record.WhichOneof("record_type"))] += 1
        if record.WhichOneof("record_type") == "history":
            keys = [item.key or "/".join(item.nested_key) for item in record.history.item]
            seen += any(key.endswith("/success_rate") for key in keys)
    assert seen == sum(count(folder).values()), (seen, kinds)
    assert kinds["artifact"] >= 1, kinds
    assert kinds["exit"] == 1, kinds


def check_trackio(folder: Path) -> None:
    import sqlite3

    (file,) = (folder / "trackio").glob("*.db")
    database = sqlite3.connect(file)
    (rows,) = database.execute(
        "SELECT count(*) FROM metrics WHERE CAST(metrics AS TEXT) LIKE '%success_rate%'"
    ).fetchone()
    assert rows == sum(count(folder).values()), rows


def main(place: Path) -> None:
    for spread in SPREAD:
        folder = place / spread.strip("-")
        played(folder, spread)
        for check in (check_mlflow, check_tensorboard, check_wandb, check_trackio):
            check(folder)
    print(
        f"trackers: MLflow, TensorBoard, W&B and trackio hold every episode and cell of a run, {' and '.join(SPREAD)}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
