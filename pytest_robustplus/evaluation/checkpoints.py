"""The checkpoints of a process: policies that are ready to be played, each built once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from pytest_robustplus.benchmarks.contract import Simulator
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.evaluation.recorded import Recording, recording
from pytest_robustplus.policies import places, specs
from pytest_robustplus.policies.ablation import Ablated, ablation_name
from pytest_robustplus.policies.contract import Privileged
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.recorded import Recorded
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.session import Session

# A person who sees nothing for longer wonders.
SLOW_S = 10.0


class Checkpoint(NamedTuple):
    """A policy ready to be played, the name that tells it apart from others, and how it is built once more.

    That is by ``spec``, which leads to the same ``weights``, and ``without`` a modality.
    """

    policy: Profiled
    fingerprint: str
    spec: str
    weights: str
    without: str = ""


class Checkpoints:
    """One per pytest process; a policy is built on first use, so that collecting costs nothing."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._policies: dict[tuple[str, str], Checkpoint] = {}
        # Whose policy it is that is played under another name.
        self._owners: dict[tuple[str, str], tuple[str, str]] = {}

    def of(self, subject: Subject) -> Checkpoint:
        """The policy behind a cell's model; raises ``BadInputError`` when nothing says how to reach it."""
        key = (subject.card.name, subject.benchmark.name)
        if key not in self._policies:
            spec = self.session.settings.policy or subject.card.policy
            if not spec:
                raise BadInputError(
                    f"{subject.card.title} has no policy of its own here. Serve its checkpoint and say how to reach it"
                    f" with --robust-policy=SPEC, or with policy = 'SPEC' in"
                    f" [tool.robustplus.model.{subject.card.name}]."
                )
            factories = self.session.registry.factories
            served = places.scheme(places.on(spec, subject.benchmark.name)) in places.SERVERS
            slow = Note.of("policy_slow", model=subject.card.name, spec=spec, seconds=SLOW_S, served=served)
            with told_if_slow(self.session.say, slow, SLOW_S):
                policy = specs.build(spec, factories, subject.card, subject.benchmark, subject.suites)
            profiled = Profiled(policy, subject.profile, subject.card.title)
            identity = specs.identity(spec, policy)
            self._policies[key] = Checkpoint(profiled, identity, spec, identity)
        return self._policies[key]

    def fingerprint(self, cell: TableCell) -> str:
        """What tells the cell's weights apart; of joined ledgers what they say, since nothing is loaded for them."""
        if self.session.settings.merge and not cell.recorded:
            place = (*cell.key, str(cell.dimension))
            joined = (audit.key for audit in self.session.ledger.audits(self.session.run))
            keys = [key for key in joined if (key.model, key.benchmark, key.dimension) == place]
            if not keys:
                raise BadInputError(f"{cell.id}: the joined ledgers hold no episode of it. Join those that played it.")
            return keys[-1].checkpoint
        return self.of(cell).fingerprint

    def loaded(self, subject: Subject) -> bool:
        """Whether its policy is at hand."""
        return subject.key in self._policies

    def recording(self, cell: TableCell) -> Recording | None:
        """What is recorded of a cell whose model is known by results alone; None for one that plays."""
        if self.session.settings.merge and not cell.recorded:
            return None
        policy = self.of(cell).policy.policy
        return recording(self.session, cell, policy) if isinstance(policy, Recorded) else None

    def ablated(self, cell: TableCell, modality: str) -> TableCell:
        """The same cell for the same policy with one modality taken away, under a name of its own.

        Raises ``BadInputError`` for a script that reads the simulator.
        """
        own = self.of(cell)
        if isinstance(own.policy, Privileged):
            raise BadInputError(f"{cell.card.title} reads the simulator itself, so an ablation says nothing of it.")
        card = replace(
            cell.card, name=ablation_name(cell.card.name, modality), title=f"{cell.card.title} without {modality}"
        )
        policy = Profiled(Ablated(own.policy.policy, modality), cell.profile, card.title)
        self._owners[card.name, cell.benchmark.name] = cell.key
        self._policies[card.name, cell.benchmark.name] = Checkpoint(
            policy, f"{own.fingerprint}-{modality}", own.spec, own.weights, modality
        )
        return replace(cell, card=card)

    def again(self, cell: TableCell) -> TableCell:
        """The same cell for the same policy once more, under a name of its own, so that nothing is resumed from it."""
        own = self.of(cell)
        card = replace(cell.card, name=again(cell.card.name), title=f"{cell.card.title}, once more")
        self._owners[card.name, cell.benchmark.name] = cell.key
        self._policies[card.name, cell.benchmark.name] = own._replace(fingerprint=f"{own.fingerprint}+again")
        return replace(cell, card=card)

    def free_all_but(self, needed: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Free the policies of other models, and say under which names they were played."""
        freed = [key for key in self._policies if self._owners.get(key, key) not in needed]
        for key in freed:
            checkpoint = self._policies.pop(key)
            if key not in self._owners:
                close_quietly(checkpoint.policy)
        return freed

    def close(self) -> None:
        """Free the policies."""
        for checkpoint in self._policies.values():
            close_quietly(checkpoint.policy)


@contextmanager
def told_if_slow(say: Callable[[Note], None], note: Note, seconds: float) -> Iterator[None]:
    """Say ``note`` when what is done meanwhile takes longer than ``seconds``, as waiting for a server may."""
    told = threading.Timer(seconds, say, (note,))
    told.daemon = True
    told.start()
    try:
        yield
    finally:
        told.cancel()
        told.join()


def again(model: str) -> str:
    """The name under which a model is played once more."""
    return f"{model}_again"


def close_quietly(what: Simulator | Profiled) -> None:
    """Close what is not needed any more; what it raises now is told, and changes nothing of what was found."""
    try:
        what.close()
    except Exception as error:
        warnings.warn(f"Closing {type(what).__name__} failed: {type(error).__name__}: {error}", stacklevel=2)
