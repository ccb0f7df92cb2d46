"""Episodes, conclusions and runs to put into a ledger."""

from __future__ import annotations

from typing import Any

from pytest_robustplus.ledger import AuditKey, EpisodeRecord, Ledger
from pytest_robustplus.results.cell import Conclusion

KEY = AuditKey("pi05", "libero_plus", "camera", "checkpoint-hash", "protocol-hash", "population-hash")
TOTAL = 40


def make_episode(position: int = 0, **changes: Any) -> EpisodeRecord:
    """Build the record of a finished episode whose outcome follows from its position."""
    values: dict[str, Any] = {
        "task": f"task-{position}",
        "suite": "libero_spatial",
        "base": "pick_up_the_bowl",
        "trial": 0,
        "seed": position,
        "instruction": "pick up the bowl",
        "prompt_source": "bddl",
        "success": position % 3 != 0,
        "worker": "gw0",
        "started": "2025-01-01T00:00:00+00:00",
        "provenance": {"mujoco": "3.3.7"},
    }
    return EpisodeRecord(**{**values, **changes})


def make_conclusion(**changes: Any) -> Conclusion:
    """Build a passing conclusion."""
    values: dict[str, Any] = {
        "outcome": "pass",
        "played": 20,
        "successes": 19,
        "low": 0.9,
        "high": 0.99,
        "log_pass": 3.5,
        "log_fail": -2.0,
        "margin": 0.05,
        "margin_raised": True,
        "baseline": 0.95,
        "source": "a paper, table 1",
        "notes": ("e-value reached 1/0.05",),
    }
    return Conclusion(**{**values, **changes})


def join(ledger: Ledger, run: str, key: AuditKey = KEY) -> int:
    """Begin a run and open the audit of ``key`` for it."""
    ledger.begin_run(run, command="pytest suites", versions={"pytest-robustplus": "0.1.0"})
    return ledger.open_audit(key, run=run, total=TOTAL, order_seed="seed").id
