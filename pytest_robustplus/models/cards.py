"""Model cards: who made a model, how it is served and what it expects, read from one TOML file each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    """

    name: str
    title: str
    family: Family
    baseline: str
    profiles: Mapping[str, Profile]
    benchmarks: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
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


def load_cards(extra: Iterable[Path | Card] = ()) -> Mapping[str, Card]:
    """Read the cards of the package and the ``extra`` ones, sorted by name; an extra card replaces its namesake.

    An extra path is a card file, or a folder of them. Raises ``BadInputError`` naming file and key.
    """
    cards = {path.stem: _from_table(path.stem, _tables(path), path.name) for path in sorted(FOLDER.glob("*.toml"))}
    for item in extra:
        if isinstance(item, Card):
            cards[item.name] = item
            continue
        for path in sorted(item.glob("*.toml")) if item.is_dir() else [item]:
            cards[path.stem] = _from_table(path.stem, _tables(path), str(path))
    return MappingProxyType(dict(sorted(cards.items())))


def card_from_mapping(name: str, mapping: Mapping[str, Any], cards: Mapping[str, Card]) -> Card:
    """Build a user's card from ``[tool.robustplus.model.NAME]``; with ``like`` it changes a copy of that card.

    Tables (``profile``, ``checkpoints``, ``flip``, ``horizons``) merge key by key. A card that names its own ``policy``
    is available whatever it is like. Raises ``BadInputError`` naming the table and the key.
    """
    where = f"[tool.robustplus.model.{name}]"
    own = dict(mapping)
    like = own.pop("like", None)
    if like is None:
        return _from_table(name, {"title": name, "family": "own", **own}, where)
    if not isinstance(like, str):
        raise BadInputError(f"{where}: like must be the name of a card, not {like!r}.")
    if like not in cards:
        raise unknown("model", like, cards, where=f"{where} like")
    base = _to_table(cards[like])
    if "policy" in own:
        base["unavailable"] = ""
    return _from_table(name, _merge(base, {"title": f"{name} (like {cards[like].title})", **own}), where)


def default_profile(benchmark: str) -> Profile:
    """Return what the benchmark's own protocol says, for a policy that comes without a card."""
    return schema.read(Profile, _defaults().get(benchmark, {}), f"{DEFAULTS.name} [{benchmark}]")


def table(cards: Mapping[str, Card]) -> str:
    """Render the cards as the table that ``pytest --robust-models`` prints."""
    from pytest_robustplus.models.listing import render

    return render(cards)


def _from_table(name: str, raw: Mapping[str, Any], where: str) -> Card:
    values = {"baseline": name, **raw}
    profiles = values.pop("profile", {})
    if not isinstance(profiles, Mapping):
        raise BadInputError(f"{where}: profile must be a table per benchmark, not {profiles!r}.")
    read = {}
    for benchmark in {**_defaults(), **profiles}:
        changes = profiles.get(benchmark, {})
        if benchmark not in _defaults() and benchmark not in values.get("benchmarks", ()):
            raise unknown("benchmark", benchmark, _defaults(), where=f"{where} [profile.{benchmark}]")
        if not isinstance(changes, Mapping):
            raise BadInputError(f"{where}: profile.{benchmark} must be a table, not {changes!r}.")
        if benchmark not in profiles and benchmark not in values.get("benchmarks", ()):
            continue
        merged = _merge(_defaults().get(benchmark, {}), changes)
        read[benchmark] = schema.read(Profile, merged, f"{where} [profile.{benchmark}]")
    return schema.read(Card, values, where, fixed={"name": name, "profiles": MappingProxyType(read)})


def _to_table(card: Card) -> dict[str, Any]:
    values = {name: getattr(card, name) for name in Card.__dataclass_fields__ if name not in ("name", "profiles")}
    profiles = {
        benchmark: {name: getattr(profile, name) for name in Profile.__dataclass_fields__}
        for benchmark, profile in card.profiles.items()
    }
    return values | {"profile": profiles}


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
