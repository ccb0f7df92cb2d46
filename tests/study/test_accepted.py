"""The kept members take what the product gives, and their baselines are what the committed outcomes say of them."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.benchmarks.libero_generated.tasks import tasks
from pytest_robustplus.perturbations import Dimension
from study.accepted import write
from study.report import BENCHMARK

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "study"


@pytest.mark.parametrize("member", ["vla-0", "joint-0", "inverse-0", "hybrid-0"])
def test_a_kept_member_takes_what_the_product_gives(member: str) -> None:
    inputs = {given.name for given in onnx.load(STUDY / "checkpoints" / f"{member}.onnx").graph.input}
    # The instruction as text: the product knows no numbered words.
    assert inputs == {"agentview", "wrist", "state", "instruction"}


def test_baselines_are_written_from_the_committed_outcomes_and_files(tmp_path: Path) -> None:
    like = ROOT / "baselines" / "reference_generated.toml"
    written = write(STUDY / "outcomes.csv", STUDY / "checkpoints", tmp_path, like)
    assert {path.stem for path in written} == {"vla-0", "joint-0", "inverse-0", "hybrid-0"}
    for path in written:
        assert path.read_text() == (STUDY / "baselines" / path.name).read_text()


def test_the_product_reads_them() -> None:
    baselines = Baselines.load([STUDY / "baselines"], {BENCHMARK: tasks()})
    found = baselines.find("vla-0", BENCHMARK, Dimension.CAMERA)
    assert found is not None
    assert found.outcomes is not None
    assert (sum(found.outcomes.values()), found.n) == (70, 200)
