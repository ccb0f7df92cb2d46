"""The page of a run that is over, made from the ledger alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.ledger import Ledger, StoredAudit, summaries
from pytest_robustplus.reporting.filming import films
from pytest_robustplus.reporting.html import page
from pytest_robustplus.reporting.json import stories
from pytest_robustplus.reporting.notes import texts
from pytest_robustplus.reporting.reading import chosen_run, finished, is_cell
from pytest_robustplus.results.cell import CellReport, Conclusion, Group
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.notes import Note
from pytest_robustplus.results.run import CellName, CellResult

_SHOWN = 5
_LACKING = "told from the ledger's episodes and conclusion alone: of several questions only the strictest is known"


def recorded_page(
    ledger: Ledger, wanted: str, benchmarks: Mapping[str, Benchmark], videos: int, say: Callable[[str], None]
) -> str:
    """Build the page of a run, by its id, how that begins, its date, or "last"; raises ``BadInputError``."""
    run = chosen_run(ledger, wanted)
    audits = ledger.audits(run.run)
    kept = ledger.findings(run.run)
    found = _concluded(ledger, audits) if kept is None else Findings.read(kept)
    found = _present(found)
    names = [cell.name.benchmark for cell in found.cells]
    names += [one.benchmark for one in found.about]
    for name in names:
        if name not in benchmarks:
            raise unknown("benchmark", name, benchmarks, where=str(ledger.path))
    if not found:
        raise BadInputError(f"Run {run.run} of {ledger.path} ended before anything was found out.")
    until = max((audit.opened for audit in audits), default=run.ended or run.started)
    told = stories(found.cells, ledger, until=until)
    filmed = films(told, found.comparisons, ledger, benchmarks, videos, say)
    return page(told, benchmarks, run, found, filmed)


def _present(found: Findings) -> Findings:
    """Without the pictures and films of fuzzing that are no longer where they were written."""

    def there(path: str) -> str:
        return path if path and Path(path).is_file() else ""

    searches = [
        replace(search, before=there(search.before), after=there(search.after), video=there(search.video))
        for search in found.searches
    ]
    return replace(found, searches=tuple(searches))


def _concluded(ledger: Ledger, audits: list[StoredAudit]) -> Findings:
    """What is known of a run that was killed, or is of a release that kept no findings."""
    return Findings(tuple(_cell(ledger, audit) for audit in audits if is_cell(audit)))


def _cell(ledger: Ledger, audit: StoredAudit) -> CellResult:
    key, ended = audit.key, audit.conclusion
    name = CellName(key.model, key.benchmark, key.dimension)
    if ended is None:
        return CellResult(str(name), name, "unfinished", Note.of("unfinished"))
    if ended.outcome == "error":
        return CellResult(str(name), name, "error", " ".join(texts(ended.notes)))
    counted = [one for one in finished(ledger.episodes(audit.id)) if one.position < ended.played]
    groups: dict[str, list[bool]] = defaultdict(list)
    for one in counted:
        groups[one.record.subdimension or one.record.suite].append(bool(one.record.success))
    report = CellReport(
        **{
            **{field.name: getattr(ended, field.name) for field in fields(Conclusion)},
            "notes": (*ended.notes, _LACKING),
        },
        model=key.model,
        benchmark=key.benchmark,
        dimension=key.dimension,
        total=audit.total,
        playable=audit.total,
        listed=audit.total,
        seconds=0.0,
        order_seed=audit.order_seed,
        audit=audit.id,
        groups=tuple(Group(part, sum(own), len(own)) for part, own in sorted(groups.items())),
        failed=tuple(summaries.failed(counted)[:_SHOWN]),
        failures=summaries.failures(counted),
        progress=summaries.progress(counted),
        needed=None if ended.baseline is None else max(ended.baseline - ended.margin, 0.0),
        checkpoint=key.checkpoint,
    )
    return CellResult(str(name), name, ended.outcome, "", report)
