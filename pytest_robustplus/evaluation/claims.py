"""A paper's sentences, held against published tables, accepted files and what a ledger has recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.evaluation.recorded import recording
from pytest_robustplus.perturbations import PERTURBATIONS, Dimension
from pytest_robustplus.policies.cards import Card
from pytest_robustplus.policies.recorded import Recorded
from pytest_robustplus.results.claims import ClaimReport, Verdict
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.session import Session
from pytest_robustplus.statistics.claims import Rate, p_greater_mean, p_less

By = Literal["leader", "mean"]


class Known(NamedTuple):
    """One model's rate in one dimension, and how the model is called where it was found."""

    model: str
    dimension: Dimension
    rate: Rate

    @property
    def told(self) -> list[str | float]:
        """As a note holds it: dimension, rate, episodes."""
        return [str(self.dimension), self.rate.value, self.rate.n]


class Claims:
    """Judges sentences about models on one benchmark.

    A model is a card's name, for its published row, ``NAME@LABEL`` for another of its rows, or ``recorded:FILE.toml``
    or ``recorded:NAME`` for an accepted file or what the ledger holds.
    """

    def __init__(self, session: Session, benchmark: Benchmark) -> None:
        self._session, self._benchmark = session, benchmark
        self._alpha = session.settings.alpha_pass

    def family(self, *families: str) -> list[str]:
        """The models of these families that have a published row on the benchmark."""
        cards = self._session.registry.cards.values()
        chosen = [card.name for card in cards if card.family in families]
        return [name for name in chosen if self._rates(name, missing=True)]

    def hardest(self, dimension: Dimension, models: Sequence[str]) -> ClaimReport:
        """Judge "this dimension is the hardest for each of these models"."""
        lines, refuted = list[Note](), list[str]()
        holds = True
        tables = {model: self._rates(model) for model in models}
        compared = sum(len(rates) - 1 for rates in tables.values())
        for model, rates in tables.items():
            if dimension not in rates:
                raise BadInputError(f"Nothing is known about {model} under {dimension} on {self._benchmark.title}.")
            own, others = rates[dimension], [known for d, known in rates.items() if d is not dimension]
            lowest = min(others, key=lambda known: known.rate.value)
            p = p_less(lowest.rate, own.rate)
            if p <= self._alpha / compared:
                refuted.append(f"{model} ({lowest.dimension})")
            holds &= all(p_less(own.rate, other.rate) <= self._alpha for other in others)
            below = lowest.rate.value < own.rate.value
            order, tail = ("below", p) if below else ("above", p_less(own.rate, lowest.rate))
            lines.append(Note.of("claim_lowest", model=model, lowest=lowest.told, order=order, own=own.told, p=tail))
        sentence = Note.of("claim_hardest", dimension=str(dimension), models=list(models))
        return ClaimReport(
            sentence, _verdict(holds, refuted), tuple(refuted), tuple(lines), (self._binomial(compared),)
        )

    def better(
        self, first: Sequence[str], second: Sequence[str], dimensions: Sequence[Dimension], by: By
    ) -> ClaimReport:
        """Judge "the first group is better in each of these dimensions", by its leader or by the groups' means."""
        judge = self._leaders if by == "leader" else self._means
        lines, refuted, holds = list[Note](), list[str](), True
        tables = {model: self._rates(model) for model in (*first, *second)}
        for dimension in dimensions:
            groups = [[tables[m][dimension] for m in group if dimension in tables[m]] for group in (first, second)]
            if not all(groups):
                holds = False
                lines.append(Note.of("claim_no_figure", dimension=str(dimension)))
                continue
            line, wins, loses = judge(groups[0], groups[1], len(dimensions))
            lines.append(line)
            holds &= wins
            refuted += [str(dimension)] if loses else []
        note = (
            self._binomial(len(dimensions))
            if by == "leader"
            else Note.of("claim_sample", first=len(first), second=len(second))
        )
        told = [str(dimension) for dimension in dimensions]
        sentence = Note.of("claim_better", first=list(first), second=list(second), by=by, dimensions=told)
        return ClaimReport(sentence, _verdict(holds, refuted), tuple(refuted), tuple(lines), (note,))

    def slower(self, models: Sequence[str], than: str, by: tuple[float, float]) -> ClaimReport:
        """Judge "each of these models takes so many times as long as another", by published ratios."""
        least, most = by
        rows = [row for row in self._session.baselines.latencies if row.model in models and row.relative_to == than]
        lines, refuted, unclear = list[Note](), list[str](), list[str]()
        for row in rows:
            same = row.same_device
            lines.append(
                Note.of("claim_ratio", name=row.name, ratio=row.ratio, than=than, same_device=same, source=row.source)
            )
            if not least <= row.ratio <= most:
                (refuted if row.same_device else unclear).append(row.name)
        missing = [model for model in models if model not in {row.model for row in rows}]
        notes = [Note.of("claim_no_latency", models=missing)] if missing else []
        if unclear:
            notes.append(Note.of("claim_other_device", models=unclear))
        sentence = Note.of("claim_slower", models=list(models), least=least, most=most, than=than)
        verdict = _verdict(bool(rows) and not unclear, refuted)
        return ClaimReport(sentence, verdict, tuple(refuted), tuple(lines), tuple(notes))

    def _leaders(self, first: Sequence[Known], second: Sequence[Known], family: int) -> tuple[Note, bool, bool]:
        best, rival = (max(group, key=lambda known: known.rate.value) for group in (first, second))
        wins, loses = p_less(rival.rate, best.rate), p_less(best.rate, rival.rate)
        told = [[known.model, known.rate.value] for known in (best, rival)]
        line = Note.of("claim_leaders", dimension=str(best.dimension), leaders=told, p=min(wins, loses))
        return line, wins <= self._alpha, loses <= self._alpha / family

    def _means(self, first: Sequence[Known], second: Sequence[Known], family: int) -> tuple[Note, bool, bool]:
        values = [[known.rate.value for known in group] for group in (first, second)]
        wins, loses = p_greater_mean(*values), p_greater_mean(*reversed(values))
        means = [sum(group) / len(group) for group in values]
        sizes = [len(first), len(second)]
        p, dimension = min(wins, loses), str(first[0].dimension)
        line = Note.of("claim_means", dimension=dimension, means=means, models=sizes, p=p)
        return line, wins <= self._alpha, loses <= self._alpha / family

    def _binomial(self, compared: int) -> Note:
        return Note.of("claim_binomial", alpha=self._alpha, compared=compared)

    def _rates(self, model: str, *, missing: bool = False) -> Mapping[Dimension, Known]:
        """Everything that is known of a model, by dimension; raises ``BadInputError`` for nothing unless allowed."""
        if model.startswith("recorded:"):
            found = dict(self._recorded(model))
        else:
            name, _, label = model.partition("@")
            known = self._session.references(self._benchmark).known
            cells = [(d, known.find(name, self._benchmark.name, d, label=label or None)) for d in PERTURBATIONS]
            found = {
                d: Known(model, d, Rate(round(cell.rate * cell.n), cell.n))
                for d, cell in cells
                if cell is not None and cell.n
            }
        if not found and not missing:
            raise BadInputError(
                f"Nothing is known about {model} on {self._benchmark.title}, or not of how many episodes. Name a model"
                " with a published row, or recorded:FILE.toml, or recorded:NAME of the ledger."
            )
        return found

    def _recorded(self, model: str) -> Iterable[tuple[Dimension, Known]]:
        source = Recorded(model.partition(":")[2])
        card = Card(name=source.source, title=source.source, family="own", baseline="", profiles={}, policy=model)
        for dimension in self._benchmark.dimensions:
            if dimension is Dimension.ORIGINAL:
                continue
            try:
                cell = TableCell(card, self._benchmark, self._benchmark.suites, dimension)
                outcomes = recording(self._session, cell, source).outcomes
            except BadInputError:
                continue
            yield dimension, Known(source.source, dimension, Rate(sum(outcomes.values()), len(outcomes)))


def _verdict(holds: bool, refuted: Sequence[str]) -> Verdict:
    return "refuted" if refuted else "holds" if holds else "undecided"
