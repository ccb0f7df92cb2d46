"""Which of the ledger's episodes are meant: a filter of words, as people type them, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.ledger import GENERATED, Ledger, StoredAudit, StoredEpisode
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.results.events import Failure

LAST = "last"
KEYS = ("model", "benchmark", "dimension", "suite", "task", "outcome", "kind", "run", "checkpoint", "episode")
_OUTCOMES = {
    **dict.fromkeys(("failure", "failures", "failed", "fail"), "failure"),
    **dict.fromkeys(("success", "successes", "succeeded", "passed", "pass"), "success"),
    **dict.fromkeys(("error", "errors"), "error"),
}
_NUMBERS = re.compile(r"#?(\d+)(?:-(\d+))?$")
_RUN = re.compile(r"[0-9a-f]{6,}$")


class Found(NamedTuple):
    """An episode, with the audit that it was played for."""

    audit: StoredAudit
    episode: StoredEpisode

    @property
    def outcome(self) -> str:
        """Success, failure or error."""
        record = self.episode.record
        return "error" if record.success is None else "success" if record.success else "failure"

    @property
    def kind(self) -> str:
        """How it failed, as its simulator saw it; empty where it did not, or could not say."""
        events = self.episode.record.events
        return "" if events is None or events.failure is None else str(events.failure)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a filter asks for: of one key any of its values, of several keys all."""

    wanted: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, words: list[str], ledger: Ledger) -> Selection:
        """Understand a filter; raises ``BadInputError`` for a word that is nothing in this ledger."""
        found: dict[str, list[str]] = {}
        known = _Known.of(ledger)
        for word in words:
            key, equals, value = word.partition("=")
            if not equals:
                key, value = known.meant(word)
            elif key not in KEYS:
                raise unknown("key", key, KEYS, where=f"the filter {word!r}")
            if key == "outcome":
                if value not in _OUTCOMES:
                    raise unknown("outcome", value, ("success", "failure", "error"), where=f"the filter {word!r}")
                value = _OUTCOMES[value]
            if key == "run" and value == LAST:
                value = known.last_run
            if key == "episode":
                value = _numbers(value, word)
            if key in ("benchmark", "kind"):
                value = _plain(value)
            found.setdefault(key, []).append(value)
        return cls({key: tuple(values) for key, values in found.items()})

    def audits(self, ledger: Ledger) -> list[StoredAudit]:
        """The audits that can hold what is asked for, each once, as its last run saw it, oldest first."""
        found = {audit.id: audit for audit in ledger.audits() if self._holds("run", audit.run.startswith)}
        return [audit for audit in found.values() if self._asks(audit)]

    def find(self, ledger: Ledger) -> Iterator[Found]:
        """Find the episodes, in the order in which they were recorded within an audit."""
        for audit in self.audits(ledger):
            for episode in sorted(ledger.episodes(audit.id), key=lambda one: one.id):
                found = Found(audit, episode)
                if self._takes(found):
                    yield found

    def _asks(self, audit: StoredAudit) -> bool:
        key = audit.key
        return (
            self._holds("model", lambda value: _like(key.model, value))
            and self._holds("benchmark", lambda value: _like(key.benchmark, value))
            and self._holds("dimension", lambda value: _like(key.dimension, value))
            and self._holds("checkpoint", lambda value: _like(key.checkpoint, value))
        )

    def _takes(self, found: Found) -> bool:
        record = found.episode.record
        return (
            self._holds("run", found.episode.run.startswith)
            and self._holds("outcome", lambda value: found.outcome == value)
            and self._holds("kind", lambda value: bool(found.kind) and _like(_plain(found.kind), value))
            and self._holds("suite", lambda value: _like(record.suite, value))
            and self._holds("task", lambda value: _like(record.task, value) or value in record.task)
            and self._holds("episode", lambda value: _within(found.episode.id, value))
        )

    def _holds(self, key: str, like: Callable[[str], bool]) -> bool:
        return key not in self.wanted or any(map(like, self.wanted[key]))


class _Known(NamedTuple):
    """What stands in a ledger, by which a word without a key is told."""

    models: frozenset[str]
    benchmarks: frozenset[str]
    dimensions: frozenset[str]
    runs: tuple[str, ...]
    last_run: str

    @classmethod
    def of(cls, ledger: Ledger) -> _Known:
        audits = ledger.audits()
        keys = [audit.key for audit in audits]
        return cls(
            frozenset(key.model for key in keys),
            frozenset(key.benchmark for key in keys),
            frozenset(map(str, (*Dimension, GENERATED))),
            tuple(run.run for run in ledger.runs()),
            audits[-1].run if audits else "",
        )

    def meant(self, word: str) -> tuple[str, str]:
        """The key and the value that a bare word means."""
        if word in _OUTCOMES:
            return "outcome", word
        if word == LAST:
            return "run", LAST
        if _NUMBERS.match(word):
            return "episode", word
        plain = _plain(word)
        if plain in map(_plain, Failure):
            return "kind", plain
        for key, names, alike in (
            ("dimension", self.dimensions, word),
            ("model", self.models, word),
            ("benchmark", self.benchmarks, plain),
        ):
            if any(fnmatchcase(name, alike) for name in names):
                return key, alike
        if _RUN.match(word) and any(run.startswith(word) for run in self.runs):
            return "run", word
        return "task", word


def _plain(text: str) -> str:
    """A name as every shell takes it."""
    return re.sub(r"[ -]", "_", text)


def _numbers(value: str, word: str) -> str:
    if not _NUMBERS.match(value):
        raise BadInputError(f"The filter {word!r}: episodes are given by number, as 12, or as 12-40.")
    return value.removeprefix("#")


def _within(number: int, value: str) -> bool:
    first, _, last = value.partition("-")
    return int(first) <= number <= int(last or first)


def _like(fact: str, value: str) -> bool:
    return fact == value or fnmatchcase(fact, value)
