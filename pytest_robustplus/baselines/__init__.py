"""What cells are held against: published tables and recorded runs, read from TOML with their provenance."""

from __future__ import annotations

from pytest_robustplus.baselines.baseline import Baseline, Dispute, Latency, Row
from pytest_robustplus.baselines.library import Baselines
from pytest_robustplus.baselines.listed import ListedTask
from pytest_robustplus.baselines.recording import write_recorded
from pytest_robustplus.baselines.totals import Total, TotalRule, total

__all__ = [
    "Baseline",
    "Baselines",
    "Dispute",
    "Latency",
    "ListedTask",
    "Row",
    "Total",
    "TotalRule",
    "total",
    "write_recorded",
]
