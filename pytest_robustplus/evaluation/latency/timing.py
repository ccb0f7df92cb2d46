"""Timing a model: the one place where lease, policy, observations, comparisons and ledger meet."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from pytest_robustplus.baselines import PublishedLatency
from pytest_robustplus.benchmarks.contract import Benchmark, Task, settle
from pytest_robustplus.errors import PolicyError, RobustnessError
from pytest_robustplus.evaluation.latency.comparisons import (
    accepted_for,
    against_accepted,
    against_partner,
    comparable,
    published,
    worsening,
)
from pytest_robustplus.evaluation.latency.measure import TimingResult, measure
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies import places
from pytest_robustplus.policies.contract import Observation, Policy, Vector
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.specs import weights
from pytest_robustplus.policies.transports.robotwin import MATRICES
from pytest_robustplus.results.latency import LatencyGate, LatencyReport
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.cells import Subject
from pytest_robustplus.session.session import Session
from pytest_robustplus.statistics.slowdown import LatencyPlan, percentiles

# Another worker may still be loading the model that this one is held against.
PARTNER_S = 300.0


def time_model(
    resources: Resources, subject: Subject, plans: Sequence[LatencyPlan], partners: frozenset[str]
) -> LatencyReport:
    """Time the model of ``subject`` with the machine to itself and hold it against what is known of it.

    ``partners`` are the models that this run times, too: one that a paper's ratio is relative to is waited for.
    Raises what made the policy unable to answer.
    """
    session, name = resources.session, subject.key
    rows = published(session.baselines.latencies, subject.card.baseline)
    try:
        asked = [row for row in rows if "paper" in session.settings.against or "any" in session.settings.against]
        partner = _partner(session, subject, asked, partners)
        with session.lease.alone():
            observations, source = first_observations(resources, subject)
            checkpoint = resources.checkpoints.of(subject)
            found = _measured(subject, checkpoint.policy, observations)
            scheme = places.scheme(places.on(checkpoint.spec, subject.benchmark.name))
            report = _report(subject, found, scheme, weights(checkpoint.fingerprint), source)
            slower = worsening(report)
            if slower:
                # What became slower stays slower; another process' load may be over.
                slower = worsening(report, _measured(subject, checkpoint.policy, observations).timings)
    except BaseException:
        session.ledger.record_latency(session.run, *name, None)
        raise
    report = _held(session, subject, report, slower, rows, partner, plans)
    session.ledger.record_latency(session.run, *name, dict(report.properties()))
    return report


def _measured(subject: Subject, policy: Policy, observations: Sequence[Observation]) -> TimingResult:
    try:
        return measure(policy, observations, subject.profile)
    except RobustnessError:
        raise
    except Exception as error:
        raise PolicyError(f"{subject.card.title} failed while timed: {type(error).__name__}: {error}") from error


def first_observations(resources: Resources, subject: Subject) -> tuple[list[Observation], Note]:
    """The observations that the policy is timed on, and what they are.

    Where the simulator can be built: what a policy sees first in the first playable task of each suite. Elsewhere noise
    of the same shapes.
    """
    benchmark, profile = subject.benchmark, subject.profile
    tasks = _first_tasks(subject)
    try:
        simulator = resources.simulator(subject)
        seen = []
        for task in tasks:
            simulator.reset(task)
            settle(simulator, profile)
            seen.append(simulator.observe())
    except (RobustnessError, ImportError, OSError, RuntimeError) as error:
        resources.drop_simulator(subject)
        reason = str(error).partition("\n")[0] or type(error).__name__
        return [_invented(benchmark, profile)], Note.of("no_simulator", reason=reason)
    if not seen:
        return [_invented(benchmark, profile)], Note.of("no_playable_task", benchmark=benchmark.title)
    return seen, Note.of("first_observations", tasks=len(seen), benchmark=benchmark.title)


def _first_tasks(subject: Subject) -> list[Task]:
    playable = subject.playable()
    playable.sort(key=lambda task: task.dimension is not Dimension.ORIGINAL)
    return list({task.suite: task for task in reversed(playable)}.values())[::-1]


def _invented(benchmark: Benchmark, profile: Profile) -> Observation:
    rng = np.random.default_rng(np.random.SeedSequence(0))
    shape = (*profile.frame_size, 3)
    images = {camera: rng.integers(0, 256, shape, dtype=np.uint8) for camera in profile.cameras}
    task = next((task for task in benchmark.tasks() if task.suite in profile.horizons), None)
    words = "pick up the bowl" if task is None else task.base.replace("_", " ")
    depth = {camera: rng.uniform(0.2, 2.0, profile.frame_size).astype(np.float32) for camera in profile.depth}
    state = {name: _still(name, width) for name, width in benchmark.sensors.items()}
    return Observation(images, state, words, depth=depth)


def _still(name: str, width: int) -> Vector:
    """A vector of a sensor that reads nothing; a rotation is none."""
    if name.endswith("_quat"):
        return np.array([0.0, 0.0, 0.0, 1.0])
    if name.endswith("_endpose"):
        return np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    if name.endswith(("_mat", "_cv", "_gl")):
        return np.eye(*MATRICES[width]).ravel()
    return np.zeros(width)


def _report(subject: Subject, found: TimingResult, transport: str, checkpoint: str, source: Note) -> LatencyReport:
    policy_s, reference_s = found.timings
    p50, p95, p99 = percentiles(policy_s * 1000)
    return LatencyReport(
        model=subject.card.name,
        benchmark=subject.benchmark.name,
        transport=transport,
        checkpoint=checkpoint,
        device=found.device,
        host=platform.node(),
        reference=found.workload,
        observations=source,
        outcome="measured",
        calls=len(policy_s),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        server_ms=None if found.server_s is None else found.server_s * 1000,
        cache_ms=found.cache_s * 1000,
        sent=found.sent,
        received=found.received,
        chunk=found.chunk,
        executed=found.executed,
        control_hz=1000 * found.executed / p50,
        needed_hz=subject.benchmark.control_hz,
        gates=(),
        published=(),
        notes=(),
        # Microseconds: what is held against later is what is shown and accepted now.
        policy_ms=tuple(np.round(policy_s * 1000, 3).tolist()),
        reference_ms=tuple(np.round(reference_s * 1000, 3).tolist()),
    )


def _held(
    session: Session,
    subject: Subject,
    report: LatencyReport,
    slower: Sequence[LatencyGate],
    rows: Sequence[PublishedLatency],
    partner: LatencyReport | None,
    plans: Sequence[LatencyPlan],
) -> LatencyReport:
    """Add what the report is held against, and how it came out; ``slower`` is the gate that it failed by itself."""
    gates = [*slower]
    notes: list[Note] = []
    row = _row(rows, subject.profile)
    if row is not None and partner is not None:
        if comparable(report, partner):
            gates += against_partner(report, row, partner, plans)
            notes += _chunks(session, row, report, partner)
        else:
            notes.append(Note.of("other_device", model=partner.model, device=partner.device))
    for name in session.settings.against:
        entry = accepted_for(report, session.accepted_latencies(name, subject))
        if entry is not None:
            gates += against_accepted(report, entry, plans)
        elif name not in ("any", "none", "paper"):
            transport, device = report.transport, report.device
            notes.append(
                Note.of("no_accepted_latency", name=name, model=report.model, transport=transport, device=device)
            )
    if not report.real_time:
        notes.append(Note.of("robot_waits", needed_hz=report.needed_hz, control_hz=report.control_hz))
    if report.cache_ms:
        notes.append(Note.of("server_memory", milliseconds=report.cache_ms))
    verdicts = {gate.verdict for gate in gates}
    return replace(
        report,
        gates=tuple(gates),
        notes=tuple(notes),
        published=tuple(_printed(row) for row in rows),
        outcome="measured" if not verdicts else _worst(verdicts),
    )


def _worst(verdicts: set[str]) -> Literal["pass", "fail", "undecided"]:
    if "fail" in verdicts:
        return "fail"
    return "undecided" if "undecided" in verdicts else "pass"


def _row(rows: Sequence[PublishedLatency], profile: Profile) -> PublishedLatency | None:
    """The published row that is about what is played here; None where that is open."""
    own = [row for row in rows if row.same_device]
    if len(own) > 1:
        own = [row for row in own if row.chunk == profile.chunk]
    return own[0] if len(own) == 1 else None


def _printed(row: PublishedLatency) -> Note:
    return Note.of(
        "printed_latency",
        name=row.name,
        milliseconds=row.milliseconds,
        ratio=None if row.model == row.relative_to else row.ratio,
        relative_to=row.relative_to,
        source=row.source,
    )


def _chunks(session: Session, row: PublishedLatency, report: LatencyReport, partner: LatencyReport) -> list[Note]:
    theirs = next((r.chunk for r in session.baselines.latencies if r.model == row.relative_to), 0)
    if 0 in (row.chunk, theirs) or (report.chunk, partner.chunk) == (row.chunk, theirs):
        return []
    return [Note.of("other_chunks", printed=[row.chunk, theirs], here=[report.chunk, partner.chunk])]


def _partner(
    session: Session, subject: Subject, rows: Sequence[PublishedLatency], timed: frozenset[str]
) -> LatencyReport | None:
    """Wait for the model of this run that the paper's ratio is relative to; None where there is none."""
    row = _row(rows, subject.profile)
    if row is None or row.relative_to == subject.card.baseline:
        return None
    models = sorted(
        (name for name in timed if session.registry.cards[name].baseline == row.relative_to),
        key=lambda name: (name != row.relative_to, name),
    )
    if not models:
        return None
    key = (models[0], subject.benchmark.name)
    session.wait_until(lambda: key in session.ledger.latencies(session.run), PARTNER_S)
    figures = session.ledger.latencies(session.run).get(key)
    return None if figures is None else LatencyReport.read(figures.items())
