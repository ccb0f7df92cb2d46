"""Playing a recorded episode again from its actions alone: no policy, no checkpoint, and a video of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Benchmark, Task, settle
from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger import StoredEpisode
from pytest_robustplus.perturbations import from_json
from pytest_robustplus.policies import schema
from pytest_robustplus.policies.contract import Actions, Image, Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.rollout.episode import play

# The parameter under which a record keeps the generated perturbation of its task, as JSON.
GENERATED = "extra"


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Whether an episode came out the same, with success, and which versions differ: (name, recorded, now)."""

    same: bool
    success: bool
    changes: tuple[tuple[str, str, str], ...] = ()


class Moment(NamedTuple):
    """What could be seen and measured at one moment: upright pictures by camera, readings by sensor."""

    images: Mapping[str, Image]
    state: Mapping[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True, slots=True)
class Footage:
    """An episode as it was played again: one moment more than there are ``actions``, ``hz`` of them a second."""

    stored: StoredEpisode
    shown: tuple[Moment, ...]
    actions: Actions
    hz: float


class _Tape:
    """Answers the first look with everything that was recorded, and shows what it sees."""

    def __init__(self, actions: Actions, watch: Callable[[Observation], None]) -> None:
        self._actions, self.watch = actions, watch

    def reset(self, slot: int, instruction: str) -> None:
        pass

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self.watch(observations[0])
        return [self._actions]


def replay(stored: StoredEpisode, benchmark: Benchmark, video: Path) -> ReplayResult:
    """Play an episode's recorded actions under its recorded protocol, and write what the cameras see to ``video``.

    Raises ``LedgerError`` for an episode that was never played.
    """
    result, footage = film(stored, benchmark)
    frames = [_beside(seen.images) for seen in footage.shown[1:] if seen.images]
    if frames:
        write_video(video, frames, footage.hz)
    return result


def film(stored: StoredEpisode, benchmark: Benchmark) -> tuple[ReplayResult, Footage]:
    """Play an episode's recorded actions under its recorded protocol, and keep what could be seen around each.

    Raises ``LedgerError`` for an episode that was never played.
    """
    record = stored.record
    if record.actions is None or record.success is None or "profile" not in record.provenance:
        why = record.error or "only its outcome is on record, without actions, as an import or a recorded run gave it"
        raise LedgerError(f"Episode {stored.id} ({record.task}) was not played here: {why}. There is nothing to show.")
    profile, protocol = recorded_protocol(record.provenance)
    steps = len(record.actions)
    tape = replace(
        profile,
        cameras=benchmark.profile.cameras,
        depth=(),
        flip={},
        replan=steps,
        chunk=0,
        horizons={record.suite: steps},
    )
    simulator = benchmark.simulator(tape, protocol)
    shown: list[Moment] = []
    deck = _Tape(record.actions, lambda seen: shown.append(_shown(seen, benchmark.profile)))
    try:
        again = play(simulator, deck, recorded_task(stored, benchmark), tape, watch=deck.watch)
        versions = simulator.provenance()
    finally:
        simulator.close()
    same = again.success == record.success and again.state_hash == record.state_hash
    result = ReplayResult(same, again.success, tuple(_changes(record.provenance, versions)))
    return result, Footage(stored, tuple(shown), again.actions, benchmark.control_hz)


def provenance(simulator: Mapping[str, str], profile: Profile, protocol: Mapping[str, str]) -> Mapping[str, str]:
    """Add to what a simulator says of itself all that is needed to play the episode again."""
    settings = {field.name: getattr(profile, field.name) for field in fields(profile)}
    return {**simulator, "profile": json.dumps(settings, default=dict), "protocol": json.dumps(dict(protocol))}


def recorded_task(stored: StoredEpisode, benchmark: Benchmark) -> Task:
    """The task of a recorded episode, with the generated perturbation under which it was played."""
    task = benchmark.task(stored.record.task)
    generated = stored.record.parameters.get(GENERATED)
    return task if generated is None else replace(task, perturbation=from_json(json.loads(str(generated))))


def picture(benchmark: Benchmark, profile: Profile, protocol: Mapping[str, str], tasks: Sequence[Task]) -> list[Image]:
    """What the cameras show of each task once it has settled, side by side; empty where there are no cameras."""
    simulator = benchmark.simulator(replace(profile, cameras=benchmark.profile.cameras, depth=(), flip={}), protocol)
    images: list[Image] = []
    try:
        for task in tasks:
            simulator.reset(task)
            settle(simulator, profile)
            images += _frame(simulator.observe(), benchmark.profile)
    finally:
        simulator.close()
    return images


def recorded_protocol(recorded: Mapping[str, str]) -> tuple[Profile, Mapping[str, str]]:
    """Read back the profile and the protocol that ``provenance`` stored."""
    profile = schema.read(Profile, json.loads(recorded["profile"]), "the ledger's profile")
    return profile, json.loads(recorded["protocol"])


def _changes(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    # A policy that does not look was played without a renderer, which is no change of version.
    for key, value in now.items():
        if then.get(key) not in (value, "none"):
            yield key, then.get(key, "unknown"), value


def _shown(observation: Observation, profile: Profile) -> Moment:
    """Pictures upright: a benchmark whose models flip its frames draws them bottom row first."""
    images = {camera: image[::-1] if camera in profile.flip else image for camera, image in observation.images.items()}
    return Moment(images, dict(observation.state))


def _frame(observation: Observation, profile: Profile) -> list[Image]:
    images = _shown(observation, profile).images
    return [_beside(images)] if images else []


def _beside(images: Mapping[str, Image]) -> Image:
    """Cameras side by side."""
    return np.concatenate([*images.values()], axis=1)


def write_video(path: Path, frames: Sequence[Image], hz: float) -> None:
    """Write frames of one size as H.264, in a form that browsers play."""
    import imageio.v3

    imageio.v3.imwrite(path, np.stack(frames), fps=hz, codec="libx264", macro_block_size=16)
