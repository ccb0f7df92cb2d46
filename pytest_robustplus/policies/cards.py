"""Model cards: who made a model, how it is served and what it expects, read from one TOML file each."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pytest_robustplus.errors import BadInputError, parsed, printable, refuse_name, unknown
from pytest_robustplus.policies import places, schema
from pytest_robustplus.policies.profile import Profile

Family = Literal["vla", "hybrid", "wam", "script", "own"]

FOLDER = Path(__file__).parent / "cards"
DEFAULTS = Path(__file__).parent / "defaults.toml"
PUBLISHED = "published"
"""The option of every choice that the profiles are written with."""


@dataclass(frozen=True, slots=True)
class Card:
    """One model; an empty string or tuple means that nobody has published the fact.

    ``benchmarks`` are those with a published or recorded baseline, ``checkpoints`` the public ones per benchmark.
    ``policy`` is the policy that plays the card when the user names none. ``unavailable`` says why its cells cannot be
    played without a policy of the user's own. ``baseline`` is the key of the row that the card is held against.
    ``transports`` are the schemes of policy specs that reach it, its own server's first, and ``dialect`` is what that
    server speaks. ``per_suite`` says of a benchmark what there is one of for each suite, so that a server plays only
    one. ``profiles`` say per benchmark how the model's own server wants to be asked; ``via`` says it for the transports
    whose far end differs. ``choices`` are named alternatives to what the profiles say, by name, option and benchmark;
    the profiles are what published numbers were measured with. ``serve`` are the commands that serve the model, read
    from its repository, and ``follows`` the scripts of it that the profiles follow, by file and revision.
    """

    name: str
    title: str
    family: Family
    baseline: str
    profiles: Mapping[str, Profile]
    via: Mapping[str, Mapping[str, Profile]] = field(default_factory=dict)
    benchmarks: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    dialect: str = ""
    policy: str = ""
    per_suite: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]] = field(default_factory=dict)
    serve: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    follows: Mapping[str, str] = field(default_factory=dict)
    unavailable: str = ""
    parameters: str = ""
    backbone: str = ""
    denoising_steps: str = ""
    checkpoints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    licence: str = ""
    hardware: str = ""
    training_data: str = ""
    paper: str = ""
    repository: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that cannot name files, and make printable what is told."""
        refuse_name("model", self.name)
        for spec in fields(self):
            value = getattr(self, spec.name)
            if isinstance(value, str) and not value.isprintable():
                object.__setattr__(self, spec.name, printable(value))

    def over(self, transport: str) -> Card:
        """The same card with the profiles that hold when the model is reached through ``transport``."""
        special = self.via.get(transport)
        return replace(self, profiles=MappingProxyType({**self.profiles, **special})) if special else self


def load_cards(extra: Iterable[Path | Card] = ()) -> Mapping[str, Card]:
    """Read the cards of the package and the ``extra`` ones, sorted by name; an extra card replaces its namesake.

    An extra path is a card file, or a folder of them. Raises ``BadInputError`` naming file and key.
    """
    cards = {path.stem: _from_file(path, path.name) for path in FOLDER.glob("*.toml")}
    for item in extra:
        if isinstance(item, Card):
            cards[item.name] = item
            continue
        for path in sorted(item.glob("*.toml")) if item.is_dir() else [item]:
            cards[path.stem] = _from_file(path, str(path))
    return MappingProxyType(dict(sorted(cards.items())))


def card_from_mapping(name: str, mapping: Mapping[str, Any], cards: Mapping[str, Card]) -> Card:
    """Build a user's card from ``[tool.robustplus.model.NAME]``; with ``like`` it changes a copy of that card.

    A table of the name of a card is like that card, unless it says otherwise: it says how to reach that very model.

    Tables (``profile``, ``checkpoints``, ``flip``, ``horizons``) merge key by key. A card that names its own ``policy``
    is available whatever it is like; one like no other has the default profile on every benchmark. ``choose`` takes
    other options of that card's ``choices``. Raises ``BadInputError`` naming the table and the key.
    """
    where = f"[tool.robustplus.model.{name}]"
    own = dict(mapping)
    known = {spec.name for spec in fields(Card)} - {"name", "profiles", "via"} | {"like", "profile", "choose"}
    for key in own:
        if key not in known:
            raise unknown("key", key, known, where=where)
    if isinstance(own.get("policy"), Mapping):
        own["policy"] = _by_suite(own["policy"], where)
    changes = _subtable(own.pop("profile", {}), "profile", where)
    like = own.pop("like", name if name in cards else None)
    if like is None:
        bases = _default(_named(changes, own) or list(_defaults().profiles), where)
        return _card({"title": name, "family": "own", **own}, name, where, _profiles(changes, bases, where))
    if not isinstance(like, str):
        raise BadInputError(f"{where}: like must be the name of a card, not {like!r}.")
    if like not in cards:
        raise unknown("model", like, cards, where=f"{where} like")
    base = cards[like]
    if "policy" in own and like != name:
        # What answers is the user's own, whoever's profile it follows.
        base = replace(base, checkpoints={})
    for choice, option in _subtable(own.pop("choose", {}), "choose", where).items():
        base = _chosen(base, choice, option, where)
    profiles = _profiles(changes, {**_default(changes, where), **base.profiles}, where)
    # The user's own changes win over what a transport is known to do already.
    via = {transport: _profiles(changes, special, where) for transport, special in base.via.items()}
    title = base.title if like == name else f"{name} (like {base.title})"
    own = {"title": title, "unavailable": "" if "policy" in own else base.unavailable} | own
    return _card(own, name, where, profiles, via, base)


def _chosen(card: Card, choice: str, option: Any, where: str) -> Card:
    """The card with one of its choices taken otherwise."""
    if choice not in card.choices:
        raise unknown("choice", choice, card.choices, where=f"{where} choose; {card.title}'s card")
    options = card.choices[choice]
    if option == PUBLISHED:
        return card
    if option not in options:
        raise unknown("option", str(option), [PUBLISHED, *options], where=f"{where} choose.{choice}")
    profiles = _profiles(options[option], card.profiles, where)
    via = {transport: _profiles(options[option], special, where) for transport, special in card.via.items()}
    return replace(card, profiles=MappingProxyType(profiles), via=MappingProxyType(via))


def _by_suite(table: Mapping[str, Any], where: str) -> str:
    for name, spec in table.items():
        if not isinstance(spec, str) or ":" not in spec or " " in spec:
            raise BadInputError(
                f"{where}: policy.{name} must be a policy spec, such as 'act:http://gpu1:8777', not {spec!r}."
            )
    return f"{places.SCHEME}:" + " ".join(f"{name}={spec}" for name, spec in table.items())


def default_profile(benchmark: str) -> Profile:
    """Return what the benchmark's own protocol says, for a policy that comes without a card."""
    return _defaults().profiles.get(benchmark) or Profile()


class _Defaults(NamedTuple):
    profiles: Mapping[str, Profile]
    via: Mapping[str, Mapping[str, Any]]
    alike: Mapping[str, str]


@cache
def _defaults() -> _Defaults:
    tables = _tables(DEFAULTS)
    profiles = {b: schema.read(Profile, table, f"{DEFAULTS.name} {b}") for b, table in tables["profile"].items()}
    alike: Mapping[str, str] = tables["as"]
    return _Defaults({**profiles, **{name: profiles[other] for name, other in alike.items()}}, tables["via"], alike)


def _named(changes: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """The benchmarks that a card speaks of."""
    return [*changes, *_strings(values.get("benchmarks"))]


def _strings(value: Any) -> list[str]:
    """The strings of a list that has not been checked yet."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _default(benchmarks: Iterable[str], where: str) -> dict[str, Profile]:
    """The default profiles of ``benchmarks``; a name may be one that a plugin knows, but not nearly one known here."""
    named = set(benchmarks)
    known = _defaults().profiles
    for benchmark in named - known.keys():
        if difflib.get_close_matches(benchmark, known, n=1, cutoff=0.85):
            raise unknown("benchmark", benchmark, known, where=f"{where} [profile.{benchmark}]")
    return {
        benchmark: default_profile(benchmark)
        for benchmark in [*known, *sorted(named - known.keys())]
        if benchmark in named
    }


def _from_file(path: Path, where: str) -> Card:
    values = places.anchor(_tables(path), path.parent)
    changes = _subtable(values.pop("profile", {}), "profile", where)
    profiles = _profiles(changes, _default(_named(changes, values), where), where)
    via = {transport: _profiles(known, profiles, where) for transport, known in _defaults().via.items()}
    for transport, special in _subtable(values.pop("via", {}), "via", where).items():
        if transport not in _strings(values.get("transports")):
            raise unknown(
                "transport", transport, _strings(values.get("transports")), where=f"{where} [via.{transport}]"
            )
        via[transport] = _profiles(_subtable(special, f"via.{transport}", where), via.get(transport, profiles), where)
    return _card(values, path.stem, where, profiles, via)


def _card(
    values: Mapping[str, Any],
    name: str,
    where: str,
    profiles: Mapping[str, Profile],
    via: Mapping[str, Mapping[str, Profile]] = MappingProxyType({}),
    base: Card | None = None,
) -> Card:
    if base is None:
        values = {"baseline": name, **values}
    special = {transport: MappingProxyType(changed) for transport, changed in via.items() if changed != profiles}
    choices = _choices(values.get("choices", base.choices if base else {}), profiles, where)
    values = {key: value for key, value in values.items() if key != "choices"}
    fixed = {
        "name": name,
        "profiles": MappingProxyType(profiles),
        "via": MappingProxyType(special),
        "choices": MappingProxyType(choices),
    }
    return schema.read(Card, values, where, base=base, fixed=fixed)


def _choices(table: Any, profiles: Mapping[str, Profile], where: str) -> dict[str, Any]:
    """Hold that every option of every choice can be applied; raises ``BadInputError`` naming the table."""
    for choice, options in _subtable(table, "choices", where).items():
        for option, changes in _subtable(options, f"choices.{choice}", where).items():
            named = f"{where} [choices.{choice}.{option}]"
            for benchmark in _subtable(changes, f"choices.{choice}.{option}", where):
                if benchmark not in profiles:
                    raise unknown("benchmark", benchmark, profiles, where=named)
            _profiles(changes, profiles, named)
    return dict(table)


def _profiles(changes: Mapping[str, Any], bases: Mapping[str, Profile], where: str) -> dict[str, Profile]:
    """Apply the tables of ``changes``, one a benchmark, to the profiles of the same name.

    Benchmarks that are played as another take that one's profile as their base.
    """

    def changed(benchmark: str, base: Profile) -> Profile:
        table = _subtable(changes.get(benchmark, {}), f"profile.{benchmark}", where)
        return schema.read(Profile, table, f"{where} [profile.{benchmark}]", base=base)

    profiles = {benchmark: changed(benchmark, base) for benchmark, base in bases.items()}
    alike = {name: profiles[other] for name, other in _defaults().alike.items() if other in profiles}
    return {**profiles, **{name: changed(name, base) for name, base in alike.items()}}


def _subtable(value: Any, key: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInputError(f"{where}: {key} must be a table, not {value!r}.")
    return value


def _tables(path: Path) -> dict[str, Any]:
    try:
        tables: dict[str, Any] = parsed(tomllib.loads, path.read_text(encoding="utf-8"))
        return tables
    except OSError as error:
        raise BadInputError(f"Cannot read the model card {path}: {error.strerror}.") from error
    except ValueError as error:
        raise BadInputError(f"The model card {path} is not valid TOML: {error}.") from error
