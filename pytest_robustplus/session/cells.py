"""Cells: (model, benchmark, perturbation dimension), each one test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_robustplus.benchmarks.contract import Benchmark, Task
from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.options import Settings
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import Card
from pytest_robustplus.policies.profile import Profile


@dataclass(frozen=True, slots=True)
class Subject:
    """A model on a benchmark; ``suites`` are those of the benchmark that its tasks come from."""

    card: Card
    benchmark: Benchmark
    suites: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The names of the model and of the benchmark."""
        return self.card.name, self.benchmark.name

    @property
    def recorded(self) -> bool:
        """Whether only results of the model are at hand."""
        return self.card.policy.startswith("recorded:")

    @property
    def profile(self) -> Profile:
        """How the model sees and acts on the benchmark."""
        return self.card.profiles[self.benchmark.name]

    def tasks(self) -> list[Task]:
        """The benchmark's tasks in these suites, blocked ones included."""
        return [task for task in self.benchmark.tasks() if task.suite in self.suites]

    def playable(self) -> list[Task]:
        """The tasks that this installation can play."""
        return [task for task in self.tasks() if not task.blocked]


@dataclass(frozen=True, slots=True)
class TableCell(Subject):
    """One cell of a robustness table: a model on a benchmark under one perturbation dimension."""

    dimension: Dimension

    @property
    def id(self) -> str:
        """The stable name between the brackets of the test's id."""
        return f"{self.card.name}-{self.benchmark.name}-{self.dimension}"

    @property
    def subject(self) -> Subject:
        """The model on the benchmark, whatever the dimension."""
        return Subject(self.card, self.benchmark, self.suites)

    def tasks(self) -> list[Task]:
        """The benchmark's tasks that belong to this cell, blocked ones included."""
        return [task for task in Subject.tasks(self) if task.dimension is self.dimension]


def select(
    benchmark: Benchmark, cards: Mapping[str, Card], models: Iterable[str], settings: Settings
) -> list[TableCell]:
    """List the cells of ``models`` that the settings choose, models in the order given, dimensions in the table's.

    Raises ``BadInputError`` for a model, suite or dimension that the benchmark does not have.
    """
    for suite in settings.suites:
        if suite not in benchmark.suites:
            raise unknown("suite", suite, benchmark.suites, where=f"--robust-suite for {benchmark.title}")
    chosen = _cards(models, cards, benchmark)
    wanted = settings.perturbations or _usual(benchmark)
    dimensions = [dimension for dimension in benchmark.dimensions if dimension in wanted]
    if not dimensions:
        raise BadInputError(
            f"{benchmark.title} has none of the dimensions {', '.join(wanted)}. Choose others by --robust-perturbation:"
            f" it has {', '.join(benchmark.dimensions)}."
        )
    suites = tuple(suite for suite in benchmark.suites if not settings.suites or suite in settings.suites)
    return [TableCell(card, benchmark, suites, dimension) for card in chosen for dimension in dimensions]


def _usual(benchmark: Benchmark) -> tuple[Dimension, ...]:
    """What a benchmark's table shows: all but the column without perturbation, unless it has no other."""
    perturbed = (one for one in benchmark.dimensions if one not in (Dimension.ORIGINAL, Dimension.COMBINED))
    return tuple(perturbed) or tuple(benchmark.dimensions)


def find_benchmark(
    name: str, benchmarks: Mapping[str, Benchmark], *, where: str = "pytest.mark.robustness"
) -> Benchmark:
    """Look a benchmark up by name; a hyphen is as good as an underscore."""
    key = name.replace("-", "_")
    if key not in benchmarks:
        raise unknown("benchmark", name, benchmarks, where=where)
    return benchmarks[key]


def _cards(names: Iterable[str], cards: Mapping[str, Card], benchmark: Benchmark) -> list[Card]:
    playable = {name: card for name, card in cards.items() if benchmark.name in card.profiles}
    chosen: dict[str, Card] = {}
    for name in names:
        if name == "all":
            chosen.update(playable)
        elif name not in cards:
            raise unknown("model", name, [*cards, "all"], where="--robust-model")
        elif name in playable:
            chosen[name] = cards[name]
        else:
            raise BadInputError(
                f"{cards[name].title} has no profile for {benchmark.title}; it has one for"
                f" {', '.join(cards[name].profiles) or 'none'}. Add [profile.{benchmark.name}] to its card, or choose"
                f" another of {', '.join(playable)}."
            )
    return list(chosen.values())
