"""Trackers that cannot be had are refused before anything is played; one that can is told of every episode."""

from __future__ import annotations

import sys
import types

import pytest


def test_what_is_not_there_is_said_at_once(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    result = toy.runpytest("--robust-model=steady", "--robust-track=wandbb")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: Unknown tracker 'wandbb'*Did you mean 'wandb'?*"])
    monkeypatch.setitem(sys.modules, "mlflow", None)
    result = toy.runpytest_inprocess("--robust-model=steady", "--robust-track=mlflow")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --robust-track=mlflow needs its library: pip install*"])


def test_every_episode_is_a_point_and_every_cell_a_verdict(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real libraries are in tests/conformance/trackers.sh."""
    points: list[tuple[str, float, int]] = []
    writer = types.SimpleNamespace(
        add_scalar=lambda name, value, step: points.append((name, value, step)), close=lambda: None
    )
    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    summary = types.ModuleType("tensorboard.summary")
    summary.Writer = lambda place: writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboard.summary", summary)
    options = ("--robust-model=steady", "--robust-perturbation=camera", "--robust-baseline=none")
    toy.runpytest_inprocess(*options, "--robust-track=tensorboard")
    curve = [(step, value) for name, value, step in points if name == "steady/toy/camera/success_rate"]
    assert [step for step, _ in curve] == list(range(1, 61))
    assert curve[-1][1] == pytest.approx(0.8)
    ((rate, step),) = [(value, step) for name, value, step in points if name == "cells/steady/toy/camera/rate"]
    assert rate == pytest.approx(0.8)
    assert step == 60
