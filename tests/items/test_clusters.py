"""What is said and refused of clusters before Ray is asked; tests/conformance/cluster.sh plays on one."""

from __future__ import annotations

import sys

import pytest
from toy import LATENCY

CAMERA = ("--robust-model=steady", "--robust-perturbation=camera")


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)


def test_a_cluster_without_ray_says_what_to_install(toy: pytest.Pytester, no_ray: None) -> None:
    toy.makepyfile(test_latency=LATENCY)
    result = toy.runpytest(*CAMERA, "--robust-cluster=local", "-rs")
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(["*needs Ray, which cannot be imported*pip install 'pytest-robustplus[[]ray[]]'*"])
    result.stdout.fnmatch_lines(["*SKIPPED*not timed on a cluster: a latency means something only on a machine where*"])


def test_an_open_cluster_is_refused_before_anything_is_reached(
    toy: pytest.Pytester, no_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    result = toy.runpytest(*CAMERA, "--robust-cluster=10.9.8.7:6379")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*whoever reaches them runs code there*RAY_AUTH_MODE=token*--robust-cluster-open*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--robust-cluster=local", "-n1"), "*--robust-cluster spreads the run itself: leave -n out*"),
        (("--robust-cluster=local", "--robust-policy-at=moon"), "*must be simulator or machine*"),
    ],
)
def test_options_that_do_not_fit_are_refused(toy: pytest.Pytester, options: tuple[str, ...], said: str) -> None:
    result = toy.runpytest(*CAMERA, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
