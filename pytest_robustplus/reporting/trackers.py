"""Runs in the trackers that a team has already, by the hooks for plugins: W&B, MLflow, TensorBoard, trackio.

Each takes its place and its manner, online or off, from its own environment variables or files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.results.rows import CellRow, EpisodeRow, RunRecord

PROJECT = "pytest-robustplus"
_VERDICTS = {"pass": 1.0, "fail": 0.0}


class Tracker(Protocol):
    """Where figures go: opened with what is known of the run, closed with what it has written."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Take figures, of one cell, after so many of its episodes."""

    def close(self, run: RunRecord) -> None:
        """Take the table of cells and the files, and end."""


class Tracking:
    """Turns what has finished into curves: each cell's success rate over its episodes, then its figures.

    A plugin like any other; nothing is opened before something has finished.
    """

    def __init__(self, opened: Callable[[str, Mapping[str, str]], Tracker]) -> None:
        self._open = opened
        self._tracker: Tracker | None = None
        self._counts: dict[str, tuple[int, int]] = {}

    def pytest_robustplus_episode(self, config: pytest.Config, episode: EpisodeRow) -> None:
        """Draw the cell's curve on by one."""
        cell = f"{episode.model}/{episode.benchmark}/{episode.dimension}"
        successes, played = self._counts.get(cell, (0, 0))
        successes, played = self._counts[cell] = successes + episode.success, played + 1
        figures = {"success_rate": successes / played, "success": float(episode.success), "steps": float(episode.steps)}
        self._of(config).log(_keyed(cell, {**figures, "wall_s": episode.wall_s}), played)

    def pytest_robustplus_cell(self, config: pytest.Config, cell: CellRow) -> None:
        """Note what the cell ended with; what was not played has no figures."""
        if cell.rate is None:
            return
        known = {
            "rate": cell.rate,
            "low": cell.low,
            "high": cell.high,
            "baseline": cell.baseline,
            "needed": cell.needed,
        }
        known |= {"played": cell.played, "passed": _VERDICTS.get(cell.state)}
        figures = {name: float(value) for name, value in known.items() if value is not None}
        place = f"{cell.model}/{cell.benchmark}/{cell.dimension}"
        self._of(config).log(_keyed(f"cells/{place}", figures), cell.played or 0)

    def pytest_robustplus_run(self, config: pytest.Config, run: RunRecord) -> None:
        """Hand over the table and the files."""
        self._of(config).close(run)

    def _of(self, config: pytest.Config) -> Tracker:
        from pytest_robustplus.session.session import session_of

        if self._tracker is None:
            session = session_of(config)
            self._tracker = self._open(session.run[:8], {"command": session.command, "run": session.run})
        return self._tracker


def trackers(names: tuple[str, ...], folder: Path) -> Iterator[tuple[str, Tracking]]:
    """The plugins for these trackers; raises ``BadInputError`` for one that is not known or not installed."""
    for text in names:
        name, _, place = text.partition(":")
        if name not in _KINDS:
            raise unknown("tracker", name, _KINDS, where="--robust-track")
        module, opened = _KINDS[name]
        try:
            __import__(module)
        except ImportError as error:
            raise BadInputError(
                f"--robust-track={name} needs its library: pip install 'pytest-robustplus[{name}]' ({error})"
            ) from error
        where = folder / (place or "runs")
        yield name, Tracking(lambda run, facts, opened=opened, where=where: opened(run, facts, where))  # type: ignore[misc]


class _Wandb:
    """Weights & Biases, and trackio, which speaks as it does."""

    def __init__(self, module: Any, run: str, facts: Mapping[str, str]) -> None:
        self._module = module
        own = {"reinit": "create_new"} if module.__name__ == "wandb" else {"embed": False}
        project = os.environ.get(f"{module.__name__.upper()}_PROJECT", PROJECT)
        self._run = module.init(project=project, name=f"robustness-{run}", config=dict(facts), **own)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        # Its own step counts calls; cells are played at once, so each has an axis of its own.
        cell = next(iter(figures)).rpartition("/")[0]
        self._run.log({**figures, f"{cell}/episodes": step})

    def close(self, run: RunRecord) -> None:
        rows = run.cells.dicts()
        if rows:
            columns = [*rows[0]]
            data = [[*row.values()] for row in rows]
            if self._module.__name__ == "wandb":
                self._run.log({"cells": self._module.Table(columns=columns, data=data)})
                rates = {f"{row['model']}/{row['dimension']}": row["rate"] for row in rows}
                self._run.summary.update({place: rate for place, rate in rates.items() if rate is not None})
        if run.files and self._module.__name__ == "wandb":
            artifact = self._module.Artifact(f"robustness-{run.run[:8]}", type="robustness")
            for file in run.files:
                artifact.add_file(str(file))
            self._run.log_artifact(artifact)
        if self._module.__name__ == "wandb":
            self._run.finish(exit_code=run.exitstatus or 0)
        else:
            self._run.finish()


class _Mlflow:
    """MLflow by its client, which is of no thread and disturbs no run that the project itself has open."""

    def __init__(self, run: str, facts: Mapping[str, str]) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self._client.get_experiment_by_name(name)
        experiment = self._client.create_experiment(name) if known is None else known.experiment_id
        self._run = self._client.create_run(experiment, run_name=f"robustness-{run}").info.run_id
        for key, value in facts.items():
            self._client.set_tag(self._run, f"robustplus.{key}", value)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self, run: RunRecord) -> None:
        for name, value in run.versions.items():
            self._client.log_param(self._run, name, value)
        self._client.log_text(self._run, run.cells.to_csv(), "cells.csv")
        for file in run.files:
            self._client.log_artifact(self._run, str(file))
        self._client.set_terminated(self._run, "FINISHED" if run.exitstatus == 0 else "FAILED")


class _TensorBoard:
    """TensorBoard's event files, written by its own package without TensorFlow or torch."""

    def __init__(self, run: str, facts: Mapping[str, str], folder: Path) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(str(folder / f"robustness-{run}"))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self, run: RunRecord) -> None:
        self._writer.close()


def _wandb(run: str, facts: Mapping[str, str], folder: Path) -> Tracker:
    import wandb

    return _Wandb(wandb, run, facts)


def _trackio(run: str, facts: Mapping[str, str], folder: Path) -> Tracker:
    import trackio

    return _Wandb(trackio, run, facts)


_KINDS: Mapping[str, tuple[str, Callable[[str, Mapping[str, str], Path], Tracker]]] = {
    "wandb": ("wandb", _wandb),
    "mlflow": ("mlflow", lambda run, facts, folder: _Mlflow(run, facts)),
    "tensorboard": ("tensorboard", _TensorBoard),
    "trackio": ("trackio", _trackio),
}


def _keyed(place: str, figures: Mapping[str, float]) -> dict[str, float]:
    # Names as every tracker takes them: models of a spec hold colons.
    clean = "".join(sign if sign.isalnum() or sign in "_-./ " else "_" for sign in place)
    return {f"{clean}/{name}": value for name, value in figures.items()}
