"""What there is to choose from, and what a run has chosen: models, benchmarks, ways of reaching policies, cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_robustplus.benchmarks.contract import Benchmark, Configured, Ranging
from pytest_robustplus.errors import BadInputError, refuse_name, unknown
from pytest_robustplus.options import Settings
from pytest_robustplus.policies import places, specs
from pytest_robustplus.policies.cards import Card, card_from_mapping, load_cards
from pytest_robustplus.policies.request import PolicyFactory
from pytest_robustplus.session.cells import TableCell, find_benchmark, select

DEFAULT_MODELS = ("demo_replay",)


class Registry:
    """Everything on offer, gathered from the package, from plugins and from pyproject on first use."""

    def __init__(self, hook: Any, settings: Settings) -> None:
        self._hook, self._settings = hook, settings

    @cached_property
    def cards(self) -> Mapping[str, Card]:
        """Every model on offer: built-in, from plugins, and from ``[tool.robustplus.model]``."""
        offered = self._hook.pytest_robustplus_models()
        cards = dict(load_cards([card for group in offered for card in group]))
        for name, table in self._settings.own_models.items():
            cards[name] = card_from_mapping(name, table, cards)
            for benchmark in table.get("profile", {}):
                if benchmark not in self.benchmarks:
                    where = f"[tool.robustplus.model.{name}.profile.{benchmark}]"
                    raise unknown("benchmark", benchmark, self.benchmarks, where=where)
        compared = [name for group in self._settings.compare for name in group]
        for spec in filter(_is_spec, dict.fromkeys([*self._settings.models, *compared])):
            name = specs.model_name(spec)
            if name in cards and cards[name].policy != spec:
                option = "--robust-compare" if spec in compared else "--robust-model"
                raise BadInputError(
                    f"{option} {spec} would be called {name}, as another model is. Give it a name of its own:"
                    f" policy = '{spec}' in [tool.robustplus.model.NAME] of pyproject.toml."
                )
            cards[name] = _card_of_spec(name, spec, self.benchmarks)
        return cards

    def plays_inside(self) -> bool:
        """Whether a chosen policy may take memory of its worker's graphics card: others do but scripts and servers."""
        names = self.cards if "all" in self._settings.models else self._settings.models
        chosen = [self.cards[name].policy for name in names if name in self.cards]
        return any(specs.inside(spec) for spec in [self._settings.policy, *chosen] if spec)

    @cached_property
    def benchmarks(self) -> Mapping[str, Benchmark]:
        """Every benchmark on offer, by name."""
        offered = self._hook.pytest_robustplus_benchmarks(settings=self._settings)
        benchmarks = [benchmark for group in reversed(offered) for benchmark in group]
        for benchmark in benchmarks:
            refuse_name("benchmark", benchmark.name)
            if not benchmark.title.isprintable():
                raise BadInputError(
                    f"The title of the benchmark {benchmark.name}, {benchmark.title!r}, is not printable."
                )
        return {benchmark.name: benchmark for benchmark in benchmarks}

    @cached_property
    def factories(self) -> Mapping[str, PolicyFactory]:
        """Every way of reaching a policy, by the scheme of its spec."""
        offered = self._hook.pytest_robustplus_policies()
        return {scheme: factory for group in reversed(offered) for scheme, factory in group.items()}

    @cached_property
    def baselines(self) -> tuple[Path, ...]:
        """Files of published and recorded numbers, later ones outranking earlier: of plugins, then of the options."""
        offered = self._hook.pytest_robustplus_baselines()
        groups = ([group] if isinstance(group, str | Path) else group for group in reversed(offered))
        return (*(Path(place) for group in groups for place in group), *self._settings.baselines)

    def check_selection(self) -> None:
        """Refuse models and benchmarks that nothing offers; which suites there are depends on the benchmark."""
        for name in self._settings.models:
            if name != "all" and not _is_spec(name) and name not in self.cards:
                raise _unknown_model(name, [*self.cards, "all"], "--robust-model")
        for name in (name for group in self._settings.compare for name in group):
            if not _is_spec(name) and name not in self.cards:
                raise _unknown_model(name, self.cards, "--robust-compare")
        self._other_benchmark()
        if self._settings.policy and self._settings.compare:
            raise BadInputError(
                "--robust-policy says how to reach one model, and --robust-compare names several. Say how to reach each"
                " by policy = 'SPEC' in [tool.robustplus.model.NAME] of pyproject.toml."
            )
        if self._settings.policy and len(self._settings.models) > 1:
            raise BadInputError("--robust-policy says how to reach one model; choose that one with --robust-model.")

    def cells(self, benchmark_name: str) -> list[TableCell]:
        """The cells that this run was asked for on one benchmark, or on the one that it was asked to play instead.

        Raises ``BadInputError`` for names, options and protocols of the benchmark that cannot be.
        """
        compared = dict.fromkeys(name for group in self._settings.compare for name in group)
        return self._selected(benchmark_name, self._settings.models or tuple(compared) or DEFAULT_MODELS)

    def benchmark(self, benchmark_name: str) -> Benchmark:
        """The benchmark of that name, or the one that this run was asked to play instead."""
        return self._other_benchmark() or find_benchmark(benchmark_name, self.benchmarks)

    def contests(self, benchmark_name: str) -> list[tuple[TableCell, ...]]:
        """The cells that --robust-compare sets against each other, one group a dimension; raises as ``cells`` does."""
        found: list[tuple[TableCell, ...]] = []
        for group in self._settings.compare:
            cells = self._selected(benchmark_name, group)
            dimensions = dict.fromkeys(cell.dimension for cell in cells)
            found += [tuple(cell for cell in cells if cell.dimension is dimension) for dimension in dimensions]
        return found

    def _selected(self, benchmark_name: str, models: Sequence[str]) -> list[TableCell]:
        benchmark = self.benchmark(benchmark_name)
        names = [specs.model_name(name) if _is_spec(name) else name for name in models]
        cells = select(benchmark, self._reached(benchmark.name), names, self._settings)
        if isinstance(benchmark, Configured):
            benchmark.check_options()
        for cell in cells:
            benchmark.protocol(cell.profile)
            _check_depth(cell)
        self._check_places(cells)
        return cells

    def _check_places(self, cells: Sequence[TableCell]) -> None:
        """Refuse a policy that cannot play all suites of its cells, before any is played."""
        known = {*self.benchmarks, *(suite for benchmark in self.benchmarks.values() for suite in benchmark.suites)}
        for cell in {cell.card.name: cell for cell in cells}.values():
            spec = self._settings.policy or cell.card.policy
            if spec:
                specs.check(spec, cell.card, cell.benchmark.name, cell.suites, known)

    def _other_benchmark(self) -> Benchmark | None:
        name = self._settings.benchmark
        return find_benchmark(name, self.benchmarks, where="--robust-benchmark") if name else None

    def _reached(self, benchmark: str) -> Mapping[str, Card]:
        """The cards with the profiles that hold over the transport by which this run reaches each model."""
        specs = {name: places.on(self._settings.policy or card.policy, benchmark) for name, card in self.cards.items()}
        return {name: card.over(places.scheme(specs[name])) for name, card in self.cards.items()}


def _unknown_model(name: str, known: Iterable[str], where: str) -> BadInputError:
    return unknown(
        "model",
        name,
        known,
        where=where,
        remedy="pytest --robust-models lists them. A policy of your own is chosen by how it is reached, such as"
        " python:my_policy:Policy or openpi:ws://gpu1:8000, or by its name in a [tool.robustplus.model.NAME] of"
        " pyproject.toml.",
    )


def _check_depth(cell: TableCell) -> None:
    """Refuse a profile that wants depth of cameras that measure none."""
    measured = isinstance(cell.benchmark, Ranging) and cell.benchmark.ranging
    if cell.profile.depth and not measured:
        raise BadInputError(
            f"{cell.card.title} is to see the depth of {', '.join(cell.profile.depth)}, but {cell.benchmark.title}"
            f" measures none. Leave depth out of [profile.{cell.benchmark.name}] of its card, or leave the model out."
        )


def _is_spec(name: str) -> bool:
    return ":" in name


def _card_of_spec(name: str, spec: str, benchmarks: Mapping[str, Benchmark]) -> Card:
    profiles = {key: benchmark.profile for key, benchmark in benchmarks.items()}
    return Card(name=name, title=name, family="own", baseline=name, profiles=profiles, policy=spec)
