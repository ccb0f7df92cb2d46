"""Model cards: who made a model, how it is served and what it expects, read from one TOML file each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.models import schema
from pytest_robustplus.models.profile import Profile

Family = Literal["vla", "hybrid", "wam", "script", "own"]

FOLDER = Path(__file__).parent / "cards"
DEFAULTS = Path(__file__).parent / "defaults.toml"


@dataclass(frozen=True, slots=True)
class Card:
    """One model; an empty string or tuple means that nobody has published the fact.

    ``benchmarks`` are those with a published or recorded baseline, ``checkpoints`` the public ones per benchmark.
    ``policy`` is the policy that plays the card when the user names none. ``unavailable`` says why its cells cannot be
    played without a policy of the user's own. ``baseline`` is the key of the row that the card is held against.
    ``transports`` are the schemes of policy specs that reach it, its own server's first, and ``dialect`` is what that
    server speaks. ``profiles`` say per benchmark how the model's own server wants to be asked; ``via`` says it for the
    transports whose far end differs.
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

    Tables (``profile``, ``checkpoints``, ``flip``, ``horizons``) merge key by key. A card that names its own ``policy``
    is available whatever it is like; one like no other has the default profile on every benchmark. Raises
    ``BadInputError`` naming the table and the key.
    """
    where = f"[tool.robustplus.model.{name}]"
    own = dict(mapping)
    changes = _subtable(own.pop("profile", {}), "profile", where)
    like = own.pop("like", None)
    if like is None:
        named = [*changes, *own.get("benchmarks", ())]
        tables = {b: table for b, table in _defaults()["profile"].items() if not named or b in named}
        profiles = _profiles(_merge(tables, changes), where)
        return _card({"title": name, "family": "own", **own}, name, where, profiles, {})
    if not isinstance(like, str):
        raise BadInputError(f"{where}: like must be the name of a card, not {like!r}.")
    if like not in cards:
        raise unknown("model", like, cards, where=f"{where} like")
    base = cards[like]
    profiles = _profiles(_merge(_to_tables(base.profiles), changes), where, known=base.profiles)
    # The user's own changes win over what a transport is known to do already.
    via = {
        transport: _profiles(_merge(_to_tables(special), {b: changes[b] for b in changes if b in special}), where)
        for transport, special in base.via.items()
    }
    kept = {f.name: getattr(base, f.name) for f in fields(Card) if f.name not in ("name", "profiles", "via")}
    kept |= {"title": f"{name} (like {base.title})", "unavailable": "" if "policy" in own else base.unavailable}
    return _card(_merge(kept, own), name, where, profiles, via)


def default_profile(benchmark: str) -> Profile:
    """Return what the benchmark's own protocol says, for a policy that comes without a card."""
    return schema.read(Profile, _defaults()["profile"].get(benchmark, {}), f"{DEFAULTS.name} [profile.{benchmark}]")


def table(cards: Mapping[str, Card]) -> str:
    """Render the cards as the table that ``pytest --robust-models`` prints."""
    from pytest_robustplus.models.listing import render

    return render(cards)


def _from_file(path: Path, where: str) -> Card:
    values = _tables(path)
    own = _subtable(values.pop("profile", {}), "profile", where)
    defaults = _defaults()["profile"]
    tables = _merge({b: defaults[b] for b in defaults if b in [*own, *values.get("benchmarks", ())]}, own)
    special = _merge(_defaults()["via"], _subtable(values.pop("via", {}), "via", where))
    via = {
        transport: _profiles({b: _merge(tables[b], changes[b]) for b in changes if b in tables}, where)
        for transport, changes in special.items()
    }
    return _card(values, path.stem, where, _profiles(tables, where), via)


def _card(
    values: Mapping[str, Any],
    name: str,
    where: str,
    profiles: Mapping[str, Profile],
    via: Mapping[str, Mapping[str, Profile]],
) -> Card:
    special = {transport: MappingProxyType(changed) for transport, changed in via.items() if changed}
    fixed = {"name": name, "profiles": MappingProxyType(profiles), "via": MappingProxyType(special)}
    return schema.read(Card, {"baseline": name, **values}, where, fixed=fixed)


def _profiles(tables: Mapping[str, Any], where: str, known: Iterable[str] = ()) -> dict[str, Profile]:
    read = {}
    benchmarks = {*_defaults()["profile"], *known}
    for benchmark, table in tables.items():
        place = f"{where} [profile.{benchmark}]"
        if benchmark not in benchmarks:
            raise unknown("benchmark", benchmark, benchmarks, where=place)
        read[benchmark] = schema.read(Profile, _subtable(table, f"profile.{benchmark}", where), place)
    return read


def _to_tables(profiles: Mapping[str, Profile]) -> dict[str, dict[str, Any]]:
    return {b: {f.name: getattr(profile, f.name) for f in fields(Profile)} for b, profile in profiles.items()}


def _subtable(value: Any, key: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInputError(f"{where}: {key} must be a table, not {value!r}.")
    return value


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"Cannot read the model card {path}: {error.strerror}.") from error
    except ValueError as error:
        raise BadInputError(f"The model card {path} is not valid TOML: {error}.") from error


@cache
def _defaults() -> Mapping[str, Any]:
    return _tables(DEFAULTS)
