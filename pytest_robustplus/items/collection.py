"""Which items there are, what they ask, and in which order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from pytest_robustplus.benchmarks.checks import check_interleaving
from pytest_robustplus.benchmarks.contract import Benchmark, Check
from pytest_robustplus.distributed import process
from pytest_robustplus.distributed.board import board_of
from pytest_robustplus.errors import BadInputError, RobustnessError, unknown
from pytest_robustplus.items import fuzzing
from pytest_robustplus.items.cell import Cell
from pytest_robustplus.items.claims import Claim
from pytest_robustplus.items.comparison import Comparison, Contrast
from pytest_robustplus.items.latency import Latency
from pytest_robustplus.items.preflight import Preflight
from pytest_robustplus.items.reports import IDENTITY
from pytest_robustplus.results.identity import Identity, Kind
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.session import session_of

_REFUSED: pytest.StashKey[BadInputError] = pytest.StashKey()
COMPARED: Final[dict[Kind, type[Comparison] | type[Contrast]]] = {"comparison": Comparison, "contrast": Contrast}
CLAIM: Final = "claim"
_SUITES: Final = "pytest_robustplus.suites"
MARKS = (
    "robustness(benchmark): this test is about cells of a benchmark. It gets one item for each cell, check, latency,"
    " frontier, fuzz, play, comparison, contrast or claim that it asks for by that name.",
)


class Question(NamedTuple):
    """What one item asks, before it is an item: ``hand`` puts it into the hands of the item's test."""

    identity: Identity
    hand: Callable[[pytest.Item], object]


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a marked test one item per cell, or per check, latency, axis or space of each model."""
    marker = metafunc.definition.get_closest_marker("robustness")
    name = next((name for name in _NAMES if name in metafunc.fixturenames), None)
    if marker is None or name is None:
        return
    registry = session_of(metafunc.config).registry
    questions: list[Question] = []
    try:
        if (kind := next((kind for kind in COMPARED if kind == name), None)) is not None:
            questions = list(_compared(kind, registry.contests(_benchmark_name(marker))))
        elif name == CLAIM:
            questions = list(_claims(registry.benchmark(_benchmark_name(marker))))
        else:
            questions = list(_QUESTIONS[name](metafunc.config, registry.cells(_benchmark_name(marker))))
    except BadInputError as error:
        # Raised here it would be one more collection error; the run as a whole was asked for something impossible.
        metafunc.config.stash[_REFUSED] = error
    test = metafunc.definition.nodeid
    questions = [question._replace(identity=question.identity._replace(test=test)) for question in questions]
    metafunc.parametrize(name, questions, ids=[question.identity.id for question in questions])


def _benchmark_name(marker: pytest.Mark) -> str:
    match marker.args:
        case (str(name),) if not marker.kwargs:
            return name
    given = ", ".join([*map(repr, marker.args), *(f"{name}={value!r}" for name, value in marker.kwargs.items())])
    raise BadInputError(
        f"@pytest.mark.robustness({given}): the mark takes the name of one benchmark, as in"
        " @pytest.mark.robustness('libero_plus')."
    )


def _cells(config: pytest.Config, cells: list[TableCell]) -> Iterable[Question]:
    for cell in cells:
        identity = Identity(*cell.key, "cell", str(cell.dimension))
        yield Question(identity, lambda item, cell=cell: Cell(cell, item))  # type: ignore[misc]


def _checks(config: pytest.Config, cells: list[TableCell]) -> Iterable[Question]:
    for subject in _subjects(cells):
        checks = () if subject.recorded else (*subject.benchmark.checks(), *_of_a_pool(config))
        for check in checks:
            identity = Identity(*subject.key, "check", check.name)
            yield Question(identity, lambda item, s=subject, check=check: Preflight(s, check, item))  # type: ignore[misc]


def _of_a_pool(config: pytest.Config) -> tuple[Check, ...]:
    """What has to hold besides where a policy plays several episodes at once."""
    settings = session_of(config).settings
    several = settings.policy_at == "machine" if settings.cluster else settings.simulators > 1
    return (Check("interleaving", check_interleaving),) if several else ()


def _latencies(config: pytest.Config, cells: list[TableCell]) -> Iterable[Question]:
    for subject in _subjects(cells):
        yield Question(Identity(*subject.key, "latency"), lambda item, s=subject: Latency(s, item))  # type: ignore[misc]


def _frontiers(config: pytest.Config, cells: list[TableCell]) -> Iterable[Question]:
    for subject in _subjects(cells):
        for axis in fuzzing.axes_of(subject, session_of(config).settings.perturbations):
            identity = Identity(*subject.key, "frontier", axis.name)
            yield Question(identity, lambda item, s=subject, axis=axis: fuzzing.Frontier(s, axis, item))  # type: ignore[misc]


def _fuzzes(config: pytest.Config, cells: list[TableCell]) -> Iterable[Question]:
    for subject in _subjects(cells):
        for name, dimensions in fuzzing.spaces_of(subject, session_of(config).settings.perturbations).items():
            identity = Identity(*subject.key, "fuzz", name)
            yield Question(
                identity,
                lambda item, s=subject, d=dimensions, i=identity: fuzzing.Fuzz(s, i, d, item),  # type: ignore[misc]
            )


def _compared(kind: Kind, contests: list[tuple[TableCell, ...]]) -> Iterable[Question]:
    for cells in contests:
        models = "-vs-".join(cell.card.name for cell in cells)
        identity = Identity(models, cells[0].benchmark.name, kind, str(cells[0].dimension))
        yield Question(identity, lambda item, cells=cells: COMPARED[kind](cells, item))  # type: ignore[misc]


def _plays(config: pytest.Config, cells: list[TableCell]) -> Iterable[Question]:
    for subject in _subjects(cells):
        yield Question(Identity(*subject.key, "play"), lambda item, s=subject: fuzzing.Play(s, item))  # type: ignore[misc]


def _claims(benchmark: Benchmark) -> Iterable[Question]:
    identity = Identity("", benchmark.name, CLAIM)
    yield Question(identity, lambda item: Claim(benchmark, item))


_QUESTIONS: dict[str, Callable[[pytest.Config, list[TableCell]], Iterable[Question]]] = {
    "cell": _cells,
    "check": _checks,
    "latency": _latencies,
    "frontier": _frontiers,
    "fuzz": _fuzzes,
    "play": _plays,
}
_NAMES = (*COMPARED, CLAIM, *_QUESTIONS)


def _subjects(cells: Iterable[TableCell]) -> list[Subject]:
    """The models on their benchmarks that cells are about."""
    return list({cell.key: cell.subject for cell in cells}.values())


def check_selection(config: pytest.Config) -> None:
    """Refuse models and files that nothing offers, and spreading twice, before anything is collected."""
    settings = session_of(config).settings
    if settings.cluster and (process.is_worker(config) or process.is_controller(config)):
        raise pytest.UsageError(
            "--robust-cluster spreads the run itself: leave -n out, or say -n0, and give --robust-simulators=K."
        )
    try:
        for argument in config.args:
            _check_suite(config, argument.partition("::")[0])
        session_of(config).registry.check_selection()
    except BadInputError as error:
        raise pytest.UsageError(str(error)) from error


def _check_suite(config: pytest.Config, argument: str) -> None:
    """Say how a suite of the package is run to whoever takes it for a file of theirs, or misspells it."""
    module = argument.replace(os.sep, ".").removesuffix(".py").strip(".").partition("suites.")[2]
    written = argument == f"{_SUITES}.{module}" if config.option.pyargs else argument.startswith("suites/")
    folder = Path(__file__).parents[1] / "suites"
    place = folder.joinpath(*module.split("."))
    if not module or not written or (config.invocation_params.dir / argument).exists():
        return
    if (place / "__init__.py").is_file() or place.with_suffix(".py").is_file():
        if not config.option.pyargs:
            raise BadInputError(
                f"There is no {argument} in {config.invocation_params.dir}; a checkout of this package has it. An"
                f" installed suite is run by its module: pytest --pyargs {_SUITES}.{module}"
            )
        return
    if not config.option.pyargs and (config.invocation_params.dir / "suites").exists():
        return  # their own, of which pytest says what is not there
    packages = {file.parent for file in folder.glob("*/__init__.py")}
    alone = (file for file in folder.rglob("[!_]*.py") if file.parent not in packages)
    names = [".".join(file.relative_to(folder).with_suffix("").parts) for file in (*packages, *alone)]
    raise unknown("suite of this package", module, names, where=argument)


def check_files(session: pytest.Session) -> None:
    """End a run whose baselines or ledger cannot be read before anything is played, when all is selected."""
    from pytest_robustplus.evaluation.recorded import accepted_file

    config, items = session.config, identities(session.items)
    asked = [identity for identity in items.values() if identity.kind != CLAIM]
    if not asked or config.option.collectonly or _REFUSED in config.stash:
        return
    ours = session_of(config)
    compared = (name for group in ours.settings.compare for name in group)
    try:
        recorded = [
            str(accepted_file(ours, name.removeprefix("recorded:")))
            for name in (*ours.settings.models, *compared)
            if name.startswith("recorded:") and name.endswith(".toml")
        ]
        used = {"cell": [*recorded, *ours.settings.against], "comparison": recorded}
        for name, kind in sorted({(identity.benchmark, identity.kind) for identity in asked if identity.kind in used}):
            ours.references(ours.registry.benchmarks[name]).check(used[kind])
        if ours.ledger_path.exists():
            ours.ledger  # noqa: B018 - opens it
    except RobustnessError as error:
        process.refuse(config, session.items, str(error))


def arrange(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hand questions to their items; checks run first, then latencies; otherwise the order stays.

    Of the latencies that one goes first which others are held against. A run that was asked for cells that cannot be
    ends here.
    """
    for item in items:
        _hand_over(item)
    try:
        if identities(items) and not board_of(config).reachable:
            raise BadInputError(
                "A worker of this run is on a machine that does not share its files, so that it would write a ledger of"
                " its own. pytest-xdist spreads a run over one machine; over several do it with --robust-cluster, or"
                " with --robust-shard."
            )
        if _REFUSED in config.stash:
            raise config.stash[_REFUSED]
        items.sort(key=_turn)
    except BadInputError as error:
        process.refuse(config, items, str(error))


def asked(
    config: pytest.Config, made: Iterable[pytest.Item | pytest.Collector]
) -> list[pytest.Item | pytest.Collector]:
    """Leave out, before pytest counts it, what asks nothing under these options.

    A test that the command line names by its id is not left out without a word: that ends the run.
    """
    found = []
    for node in made:
        why = _unasked(node) if isinstance(node, pytest.Function) else None
        if why is not None and _named(config, node):
            config.stash.setdefault(_REFUSED, why)
        if why is None or _REFUSED in config.stash:
            found.append(node)
    return found


def _named(config: pytest.Config, node: pytest.Item | pytest.Collector) -> bool:
    """Whether an argument ends in the name of a test, and is about a file, or with --pyargs a module, of its name."""
    plain = (argument.partition("[")[0] for argument in config.args)
    named = (argument.split("::") for argument in plain if "::" in argument)
    tests = {(Path(place.removesuffix(".py")).name.rpartition(".")[2], test) for place, *_, test in named}
    return (node.path.stem, node.name.partition("[")[0]) in tests


def _unasked(item: pytest.Function) -> BadInputError | None:
    """Why the options leave nothing to ask for an item, if so.

    Without --robust-compare nothing is compared; with it, and no --robust-model, policies are only compared. A shard
    plays cells, after their checks, and joined ledgers answer them without.
    """
    if item.get_closest_marker("robustness") is None:
        return None
    fixtures, settings, test = {*item.fixturenames}, session_of(item.config).settings, item.originalname
    if settings.merge and "cell" not in fixtures:
        return BadInputError(f"{test} has nothing to ask: --robust-merge answers cells alone. Leave one of them out.")
    if settings.shard and not {"cell", "check"} & fixtures:
        return BadInputError(f"{test} has nothing to ask: --robust-shard plays cells alone. Leave one of them out.")
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if any(not isinstance(params[name], Question) for name in _NAMES if name in params):
        # pytest keeps a test without parameters as a skipped one.
        if {*COMPARED} & fixtures:
            return BadInputError(f"{test} has nothing to compare: name two models with --robust-compare=A:B.")
        return BadInputError(f"{test} has nothing to ask of the chosen models. Choose others with --robust-model.")
    if settings.compare and not settings.models and not {*COMPARED, "check", CLAIM} & fixtures:
        return BadInputError(
            f"{test} has nothing to ask: with --robust-compare alone, policies are only compared. Choose those to ask"
            " it of with --robust-model, too."
        )
    return None


def _hand_over(item: pytest.Item) -> None:
    params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    for name, value in params.items():
        if isinstance(value, Question):
            item.stash[IDENTITY] = value.identity
            params[name] = value.hand(item)
            if value.identity.kind == "play":
                fuzzing.without_deadline(item)


def identities(items: Iterable[pytest.Item]) -> dict[str, Identity]:
    """What each of our items asks, by node id."""
    return {item.nodeid: item.stash[IDENTITY] for item in items if IDENTITY in item.stash}


def lost(item: pytest.Item) -> bool:
    """Whether an item of ours was lost for good with a worker: schedulers by file would hand it out for ever."""
    return IDENTITY in item.stash and board_of(item.config).lost(item.nodeid)


def _turn(item: pytest.Item) -> int:
    identity = item.stash.get(IDENTITY, None)
    if identity is None:
        return 3
    if identity.kind == "check":
        return 0
    if identity.kind == "latency":
        session = session_of(item.config)
        held_against = {row.relative_to for row in session.baselines.latencies}
        return 1 if session.registry.cards[identity.model].baseline in held_against else 2
    return 3
