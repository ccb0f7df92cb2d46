"""Every command-line option, ini key and ``[tool.robustplus]`` key, in one place.

Each value is looked for on the command line, then in ``[tool.robustplus]`` of pyproject.toml, then in the ini file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import iniconfig
import pytest

from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.perturbations import Dimension

MODALITIES = ("vision", "language", "proprioception")

Names = tuple[str, ...]


def _words(value: str) -> list[str]:
    return [word for word in value.replace(",", " ").split() if word]


def _references(value: str) -> list[str]:
    names = [name for name in value.replace(",", " ").split() if name]
    for name in names:
        if name not in ("paper", "last", "none") and not name.endswith(".toml"):
            raise ValueError(f"{name!r} is neither paper, last, none nor a .toml file")
    if "none" in names and len(names) > 1:
        raise ValueError("none cannot stand beside another")
    return names


def _modalities(value: str) -> list[str]:
    names = _words(value)
    for name in names:
        if name not in MODALITIES:
            raise ValueError(f"{name!r} is none of {', '.join(MODALITIES)}")
    return names


def _group(value: str) -> list[tuple[str, ...]]:
    names = _words(value)
    if len(names) == 1 and names[0].count(":") == 1:
        names = names[0].split(":")
    if len(names) < 2 or not all(names):
        raise ValueError("must name two models as A:B, or several with commas between them, as in A,recorded:B")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"names {name!r} twice; compare it with another one")
    return [tuple(f"recorded:{name}" if name.endswith(".toml") and ":" not in name else name for name in names)]


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError("must be a whole number of at least 1")
    return int(value)


class Budget(int):
    """Episodes per cell at most, and where ``own`` names its dimension, how many there."""

    own: Mapping[Dimension, int]

    def of(self, dimension: Dimension) -> int:
        """The budget of one dimension."""
        return self.own.get(dimension, int(self))


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` equal shares of every cell's order; ``index`` counts from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def places(self, total: int) -> range:
        """The positions of an order of ``total`` that it plays: every ``count``-th, so that all shares are alike."""
        return range(self.index - 1, total, self.count)


ALL = Shard(1, 1)


def _shard(value: str) -> Shard:
    index, slash, count = value.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise ValueError("must be i/N, such as 3/8 for the third of eight shares")
    return Shard(int(index), int(count))


def _budget(value: str) -> Budget:
    usual, *rest = value.split(",")
    budget = Budget(_positive(usual))
    budget.own = {_dimensions([name])[0]: _positive(count) for name, _, count in (one.partition("=") for one in rest)}
    return budget


def _points(value: str) -> float:
    number = _number(value)
    if not 0 <= number < 100:
        raise ValueError("must be percentage points from 0 to below 100")
    if 0 < number < 1:
        raise ValueError(f"looks like a fraction, but is read as percentage points; write {100 * number:g} for {value}")
    return number / 100


def _probability(value: str) -> float:
    number = _number(value)
    if not 0 < number < 1:
        raise ValueError("must lie strictly between 0 and 1")
    return number


AUTO = 0
"""As many simulators as find a place and are of use."""


def _simulators(value: str) -> int:
    return AUTO if value == "auto" else _positive(value)


def _cards(value: str) -> float:
    number = _number(value)
    if not 0 <= number < 64:
        raise ValueError("must be a part of a card such as 0.25, or a number of cards")
    return number


def _policy_at(value: str) -> str:
    if value not in ("simulator", "machine"):
        raise ValueError("must be simulator or machine")
    return value


def _seconds(value: str) -> float:
    number = _number(value)
    if not 0 < number < float("inf"):
        raise ValueError("must be seconds, more than 0")
    return number


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError("must be a number") from None


def _automatic(value: str) -> str:
    if value not in ("auto", "off"):
        raise ValueError("must be auto or off")
    return value


def _accept(place: str) -> str:
    if place == "default" or place.endswith(".toml"):
        return place
    raise BadInputError(
        f"--robust-accept {place!r} does not end in .toml. If it is what pytest should collect, write"
        " --robust-accept=default before it; otherwise name a .toml file."
    )


def _dimensions(names: Iterable[str]) -> tuple[Dimension, ...]:
    known = [str(dimension) for dimension in Dimension]
    chosen: set[Dimension] = set()
    for name in names:
        if name == "all":
            chosen.update(Dimension)
        elif name in known:
            chosen.add(Dimension(name))
        else:
            raise unknown("perturbation", name, [*known, "all"], where="--robust-perturbation")
    return tuple(dimension for dimension in Dimension if dimension in chosen)


def _pairs(words: Iterable[str]) -> Mapping[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise BadInputError(f"--robust-protocol {word!r} is not of the form KEY=VALUE, such as prompt_source=bddl.")
        pairs[key] = value
    return pairs


def _unique(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


@dataclass(frozen=True, slots=True)
class Option:
    """One option: a flag and, if it is ``keyed``, a key of ``[tool.robustplus]`` and with ``robust_`` of the ini file.

    ``parse`` makes a value of a text, and a list of values where several may be given; ``many`` makes the field's value
    of all of them. ``bare`` stands for an option without its value; one with ``several`` takes what a shell
    makes of ``*``. An option without a ``metavar`` takes none: it is a switch of the command line.
    """

    help: str
    metavar: str = ""
    parse: Callable[[str], Any] = str
    flag: str = ""
    many: Callable[[list[Any]], Any] | None = None
    keyed: bool = True
    bare: str | None = None
    key: str = ""
    default: Any = None
    several: bool = False

    @property
    def dest(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")

    def named(self, name: str, default: Any) -> Option:
        """Return the option of the field ``name``, called as the field is unless the declaration has a flag."""
        flag = f"--robust-{self.flag or name}".replace("_", "-")
        return replace(self, flag=flag, key=name if self.metavar and self.keyed else "", default=default)

    def add_to(self, group: pytest.OptionGroup) -> None:
        """Register the option on the command line."""
        if not self.metavar:
            group.addoption(self.flag, action="store_true", dest=self.dest, help=self.help)
            return
        attributes: dict[str, Any] = {} if self.bare is None else {"nargs": "?", "const": self.bare}
        attributes |= {"action": "append" if self.many else "store", "metavar": self.metavar}
        if self.several:
            attributes |= {"action": "extend", "nargs": "+"}
        group.addoption(self.flag, dest=self.dest, help=self.help, **attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What this run was asked for; rates and margins are fractions, not points.

    A field is the one declaration of its option: the command line, the keys of pyproject.toml and of the ini file, and
    the table of docs/reference/options.md are made from it.
    """

    # fmt: off
    models: Annotated[Names, Option(
        "models to test, by card, or 'all'; or python:module:attribute",
        "NAME", _words, flag="model", many=_unique)] = ()
    perturbations: Annotated[tuple[Dimension, ...] | None, Option(
        "dimensions to test (default: the seven; 'all' adds 'original')",
        "NAME", _words, flag="perturbation", many=_dimensions)] = None
    benchmark: Annotated[str | None, Option("benchmark to play instead of the one that a suite names", "NAME")] = None
    suites: Annotated[Names, Option(
        "suites of the benchmark to draw tasks from (default: all)", "NAME", _words, flag="suite", many=_unique)] = ()
    compare: Annotated[tuple[tuple[str, ...], ...], Option(
        "which of A and B solves more of the same tasks; which of A,B,C,D nobody beats",
        "A:B", _group, many=_unique)] = ()
    repeat: Annotated[int | None, Option(
        "play the first N tasks of each cell a second time: how far do two runs differ?", "N", _positive)] = None
    policy: Annotated[str | None, Option(
        "how to reach the model's policy, such as python:module:attribute", "SPEC")] = None
    budget: Annotated[Budget | None, Option(
        "at most N episodes per cell, in some dimensions another N (7,camera=20); a cell's verdict is then about the "
        "first N tasks of the order, a comparison's answer still about all tasks",
        "N[,DIMENSION=N…]", _budget)] = None
    margin: Annotated[float, Option(
        "percentage points that a cell may lose against its baseline (default: 5)", "POINTS", _points)] = 0.05
    alpha_pass: Annotated[float, Option(
        "probability of passing a cell that fails the full run (default: 0.05)", "P", _probability)] = 0.05
    alpha_fail: Annotated[float, Option(
        "probability of failing a cell that passes the full run (default: 0.01)", "P", _probability)] = 0.01
    protocol: Annotated[Mapping[str, str], Option(
        "how the benchmark is played, such as prompt_source=bddl",
        "KEY=VALUE", _words, many=_pairs)] = field(default_factory=dict)
    ledger: Annotated[Path | None, Option(
        "SQLite file that records every episode (default: .robustplus/ledger.sqlite)", "FILE", Path)] = None
    baselines: Annotated[tuple[Path, ...], Option(
        "further baseline files or directories", "PATH", Path, many=_unique)] = ()
    libero_assets: Annotated[Path | None, Option(
        "unpacked LIBERO-Plus assets archive; unlocks the tasks that packages lack", "DIR", Path)] = None
    robotwin: Annotated[Path | None, Option(
        "checkout of RoboTwin 2.0-Plus, or of RoboTwin 2.0, with its assets", "DIR", Path)] = None
    robotwin_python: Annotated[Path | None, Option(
        "Python of the checkout's environment (default: its .venv, else python3)", "FILE", Path)] = None
    against: Annotated[Names, Option(
        "compare cells with paper, last, none or a baseline FILE; several at once",
        "NAME", _references, flag="baseline", many=_unique)] = ("any",)
    episode_limit: Annotated[float | None, Option(
        "seconds after which an episode counts as hung: retried once, then an error", "SECONDS", _seconds)] = None
    workers_per_gpu: Annotated[int, Option(
        "workers of pytest-xdist that share a GPU under -n auto (default: 1 for policies inside the worker, else as"
        " many as the machine has room for)", "N", _positive)] = 0
    simulators: Annotated[int, Option(
        "simulator processes that share a worker's policy, or of a cluster (default: 1: none); auto: as many as fit",
        "K", _simulators)] = 1
    tasks: Annotated[Names, Option(
        "base tasks that fuzzing plays, by name or pattern (default: all unperturbed)",
        "GLOB", _words, flag="task", many=_unique)] = ()
    share: Annotated[float, Option(
        "share of its unperturbed success rate that a fuzzed policy must keep (default: 0.5)", "P", _probability)] = 0.5
    corpus: Annotated[Path | None, Option(
        "file of failing perturbations: replayed first, new ones added", "FILE", Path)] = None
    frontiers: Annotated[Path | None, Option(
        "accepted frontiers that new ones are compared with (default: frontiers/MODEL.toml)", "FILE", Path)] = None
    ablations: Annotated[Names, Option(
        "play each cell again without vision, language or proprioception",
        "MODALITY", _modalities, flag="ablation", many=_unique)] = ()
    html: Annotated[Path | None, Option("write a self-contained page about this run", "FILE", Path)] = None
    html_videos: Annotated[int, Option(
        "failing episodes on video in the page, each beside a success of its task (default: none)", "N", _positive)] = 0
    json: Annotated[Path | None, Option("write this run's figures as JSON, for machines", "FILE", Path)] = None
    csv: Annotated[Path | None, Option("write this run's cells as CSV, one line each", "FILE", Path)] = None
    markdown: Annotated[Path | None, Option(
        "write a markdown table, for a job summary or a comment", "FILE", Path)] = None
    track: Annotated[Names, Option(
        "trackers to send episodes, cells and the run to: wandb, mlflow, tensorboard[:DIR], trackio",
        "NAME", _words, many=_unique)] = ()
    progress: Annotated[str, Option(
        "auto or off: a line per running cell (default: auto)", "WHEN", _automatic)] = "auto"
    strict_junit: Annotated[bool, Option(
        "keep JUnit's file to its schemas: figures as properties of the suite, not of the test cases")] = False
    fresh: Annotated[bool, Option("start anew instead of resuming an unfinished run")] = False
    two_sided: Annotated[bool, Option("also fail a cell that is far above its baseline")] = False
    subgoals: Annotated[float | None, Option(
        "a second question: the mean share of subgoals that a cell reaches is at least P (default: not asked)", "P",
        _probability)] = None
    all_runs: Annotated[bool, Option(
        "one verdict over this and all earlier runs of the same checkpoint; plays until it is known")] = False
    spots: Annotated[int, Option(
        "episodes beyond an early PASS, spread over the order, that may contradict it (default: none)", "N",
        _positive)] = 0
    accept: Annotated[str | None, Option(
        "record this run's outcomes as a baseline (default: baselines/MODEL.toml)",
        "FILE.toml", _accept, keyed=False, bare="default")] = None
    accept_partial: Annotated[bool, Option("accept a run although cells are missing")] = False
    cluster: Annotated[str | None, Option(
        "play on a Ray cluster: its ADDRESS, auto, or local to start one on this machine", "ADDRESS",
        keyed=False)] = None
    cluster_open: Annotated[bool, Option("use a cluster beyond this machine although it requires no token")] = False
    policy_at: Annotated[str, Option(
        "of a cluster: a policy per simulator, or per machine, which then answers in batches (default: simulator)",
        "WHERE", _policy_at)] = "simulator"
    gpus_per_simulator: Annotated[float, Option(
        "of a cluster: share of a GPU that each simulator takes (default: 0)", "X", _cards)] = 0.0
    one_renderer: Annotated[bool, Option("refuse a cell whose images come from several renderers")] = False
    shard: Annotated[Shard | None, Option(
        "play one of N equal shares of every cell, on any machine, without a verdict; see --robust-merge", "i/N",
        _shard, keyed=False)] = None
    merge: Annotated[tuple[Path, ...], Option(
        "join ledgers of shards into --robust-ledger, play nothing, and report the cells of the chosen models",
        "LEDGER…", Path, many=_unique, keyed=False, several=True)] = ()
    # fmt: on
    own_models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


# What pytest does instead of testing, see items/commands.py.
_COMMANDS = {
    "export": Option("write the ledger's results: .csv, .parquet, .vectors.json, .leaderboard.json or .yaml, and exit",
                     "FILE", many=_unique, keyed=False),
    "import": Option("read results of another tool into the ledger as those of --robust-model=NAME, and exit",
                     "FILE", many=_unique, keyed=False),
    "models": Option("list the models that have a card, and exit"),
    "init": Option("write a suite, a policy to fill in, configuration and a CI job to DIR (default: here), and exit",
                   "DIR", keyed=False, bare="."),
    "page": Option("write the page of a run that LEDGER holds to --robust-html (default: robustness.html), and exit",
                   "LEDGER", keyed=False),
    "run": Option("the run that --robust-page is about, by its id or date (default: last)", "RUN", keyed=False),
    "episodes": Option("list the ledger's runs and cells, or the episodes that a filter chooses, such as "
                       "failure,camera, and exit; --robust-csv and --robust-json write them, to - for the terminal",
                       "FILTER", many=_unique, keyed=False, bare=" "),
    "replay": Option("replay recorded episodes, by number or filter, write videos of them, and exit",
                     "FILTER", many=_unique, keyed=False),
    "replay_as": Option("what --robust-replay writes: mp4, png, rrd or lerobot (default: mp4)", "FORM",
                        many=_unique, keyed=False),
    "replay_to": Option("where --robust-replay writes (default: here)", "DIR", keyed=False),
}  # fmt: skip


def _declared() -> Iterator[tuple[str, Option]]:
    """Yield the options by the field of ``Settings`` that holds them."""
    hints = get_type_hints(Settings, include_extras=True)
    for entry in fields(Settings):
        for option in getattr(hints[entry.name], "__metadata__", ()):
            default = entry.default_factory() if entry.default_factory is not MISSING else entry.default
            yield entry.name, option.named(entry.name, default)


_SETTINGS = dict(_declared())
OPTIONS = (*_SETTINGS.values(), *(option.named(name, None) for name, option in _COMMANDS.items()))


def add_options(parser: pytest.Parser) -> None:
    """Register every option and ini key."""
    group = parser.getgroup("robustplus", "robustness of robot policies")
    for option in OPTIONS:
        option.add_to(group)
        if option.key:
            kind: Literal["args", "string"] = "args" if option.many else "string"
            parser.addini(f"robust_{option.key}", option.help, type=kind, default=None)


def read_settings(config: pytest.Config) -> Settings:
    """Resolve every option; raises ``BadInputError`` naming the option and where its value came from."""
    _refuse_unseen(config)
    table = _project_table(config.rootpath)
    values = {name: _value(option, config, table) for name, option in _SETTINGS.items()}
    settings = Settings(**values, own_models=table.get("model", {}))
    _refuse_beside_shards(settings)
    return settings


def _refuse_beside_shards(settings: Settings) -> None:
    """Refuse what a share of the episodes cannot answer, and what cannot be had without playing."""
    for ours in ("shard", "merge"):
        if not getattr(settings, ours):
            continue
        no_answer = ["compare", "repeat", "ablations", "fresh", "all_runs", "spots"]
        other = next((name for name in [*no_answer, "merge"] if name != ours and getattr(settings, name)), None)
        if ours == "shard" and other is None and settings.accept is not None:
            other = "accept"
        if other is not None:
            flags = _SETTINGS[ours].flag, _SETTINGS[other].flag
            raise BadInputError(
                f"{flags[0]} and {flags[1]} do not go together: a shard plays a fixed share of every cell, and the"
                " joined ledgers are reported without playing more. Join the shards with --robust-merge first; what"
                " needs further episodes is asked of the joined ledger by a run of its own (--robust-ledger=FILE)."
            )


def _refuse_unseen(config: pytest.Config) -> None:
    """Refuse a run whose configuration lies where pytest does not look, so that it would say something else.

    A value written after a space in place of = is to pytest a path to collect as soon as there is such a file, which
    moves its root directory. Of the configuration files of one folder pytest reads a single one.
    """
    if config.getoption("inifilename", None):
        return
    folder = config.invocation_params.dir
    for place in (folder, *folder.parents):
        said = [(place / name, section) for name in _CONFIGURATIONS for section in _sections(place / name)]
        for path, section in said:
            if not _seen(config, path, section):
                other = f" or say --rootdir={place}" if section == _TABLE else f" or say -c {path}"
                raise BadInputError(
                    f"[{section}] in {path} would not be read: pytest took {config.rootpath} for its root directory and"
                    f" {config.inipath or 'no file'} for its configuration. Write values of options with =, as in"
                    f" --robust-ledger=FILE, keep settings of pytest and of this package in one file,{other}."
                )
        if said:
            return


_TABLE = "tool.robustplus"
# As pytest looks for them; the section or table that it reads in each.
_CONFIGURATIONS = {
    "pytest.toml": ("pytest",),
    ".pytest.toml": ("pytest",),
    "pytest.ini": ("pytest",),
    ".pytest.ini": ("pytest",),
    "pyproject.toml": (_TABLE, "tool.pytest", "tool.pytest.ini_options"),
    "tox.ini": ("pytest",),
    "setup.cfg": ("tool:pytest",),
}


def _seen(config: pytest.Config, path: Path, section: str) -> bool:
    if section == _TABLE:
        return path.parent == config.rootpath or bool(config.getoption("rootdir", None))
    return path == config.inipath


def _sections(path: Path) -> list[str]:
    """The sections of a configuration file that hold settings of this package; none of one that cannot be read."""
    if not path.is_file():
        return []
    try:
        if path.suffix != ".toml":
            sections: Mapping[str, Any] = {section.name: section for section in iniconfig.IniConfig(str(path))}
        else:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
            sections = {name: _table_at(document, name.split(".")) for name in _CONFIGURATIONS[path.name]}
    except (OSError, ValueError, iniconfig.ParseError):
        return []  # another project's, or pytest says what is wrong with it
    return [
        name
        for name in _CONFIGURATIONS[path.name]
        if name in sections and any(name == _TABLE or str(key).startswith("robust_") for key in sections[name])
    ]


def _table_at(document: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    for name in names:
        document = document.get(name, {}) if isinstance(document, dict) else {}
    return document if isinstance(document, dict) else {}


def _project_table(root: Path) -> Mapping[str, Any]:
    path = root / "pyproject.toml"
    if not path.is_file():
        return {}
    # pytest has read the file before and refused it if it is no TOML.
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    table: Mapping[str, Any] = document.get("tool", {}).get("robustplus", {})
    known = {option.key for option in OPTIONS if option.key} | {"model"}
    for key in table:
        if key not in known:
            raise unknown("key", key, known, where=f"[tool.robustplus] in {path}")
    if isinstance(table.get("models"), dict):
        names = " and ".join(f"[tool.robustplus.model.{name}]" for name in table["models"])
        raise BadInputError(
            f"[tool.robustplus.models] in {path} is no table, but a list of the models to test: models = ['NAME']."
            f" Models of your own are described without the s: {names or '[tool.robustplus.model.NAME]'}."
        )
    for option in OPTIONS:
        if option.key and option.many is not _pairs and isinstance(table.get(option.key), dict):
            raise BadInputError(
                f"[tool.robustplus.{option.key}] in {path}: {option.key} is a value, {option.metavar}, not a table."
            )
    own = table.get("model", {})
    if not (isinstance(own, dict) and all(isinstance(entry, dict) for entry in own.values())):
        raise BadInputError(
            f"[tool.robustplus] model in {path} must hold a table per model of your own, [tool.robustplus.model.NAME]."
            " To choose the models to test, write models = ['NAME']."
        )
    return table


def _value(option: Option, config: pytest.Config, table: Mapping[str, Any]) -> Any:
    given, source, folder = _given(option, config, table)
    if not given:
        return option.default
    if not option.metavar:
        return given
    try:
        if not option.many:
            return _parsed(option, given, folder)
        parts = [_parsed(option, part, folder) for part in ([given] if isinstance(given, str) else given)]
    except ValueError as error:
        raise BadInputError(f"{source} {given!r}: {error}.") from error
    return option.many([item for part in parts for item in (part if isinstance(part, list) else [part])])


def _given(option: Option, config: pytest.Config, table: Mapping[str, Any]) -> tuple[Any, str, Path]:
    """Return what was given, where, and the folder that paths of it are relative to."""
    if (given := config.getoption(option.dest)) is not None or not option.key:
        return given, option.flag, config.invocation_params.dir
    if option.key in table:
        return _plain(table[option.key]), f"[tool.robustplus] {option.key}", config.rootpath
    return _ini(config, f"robust_{option.key}"), f"ini key robust_{option.key}", config.rootpath


def _ini(config: pytest.Config, key: str) -> Any:
    try:
        return config.getini(key)
    except (TypeError, pytest.UsageError):
        # pytest 9 reads TOML with its types, and refuses a number where a key is declared as a string.
        assert config.inipath is not None
        document = tomllib.loads(config.inipath.read_text(encoding="utf-8"))
        table = document["pytest"] if "pytest" in document else document["tool"]["pytest"]
        return _plain(table[key])


def _parsed(option: Option, text: str, folder: Path) -> Any:
    value = option.parse(text)
    return folder / value.expanduser() if isinstance(value, Path) else value


def _plain(value: Any) -> str | list[str]:
    if isinstance(value, dict):
        return [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, list):
        return [str(item) for item in value]
    return str(value)
