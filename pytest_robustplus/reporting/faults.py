"""What stands in the place of a traceback where nothing came of an item: whose fault it is, and what to do."""

from __future__ import annotations

from pytest_robustplus.errors import RobustnessError

# Lines of a traceback that are shown unless all of it is asked for: the last four calls or so.
LINES = 12
UNASKED = (
    "Nothing was played: the test's assertion was compiled away, and with it the question. Leave out PYTHONOPTIMIZE (or"
    " python -O), or --assert=plain, or put the question into a statement of its own before the assert."
)


def told(error: RobustnessError, style: str) -> str:
    """A fault's paragraph, and where foreign code raised it the end of its traceback, or all of it with --tb=long."""
    lines = error.trace.splitlines()
    if not lines or style in ("no", "line"):
        return str(error)
    if style not in ("long", "native") and len(lines) > LINES:
        lines = [f"… {len(lines) - LINES} lines more with --tb=long", *lines[-LINES:]]
    return "\n".join([str(error), "", *lines])
