"""Policies that are ready to be played, each built once."""

from __future__ import annotations

import threading
import time

import pytest

from pytest_robustplus.evaluation.checkpoints import told_if_slow
from pytest_robustplus.reporting.notes import text
from pytest_robustplus.results.notes import Note

NOTE = Note.of("policy_slow", model="pi05", spec="openpi:ws://gpu1:8000", seconds=10.0, served=True)


def test_whoever_waits_for_a_server_is_told_so() -> None:
    """A server that was not started once cost five minutes without a word."""
    said, told = list[Note](), threading.Event()

    def say(note: Note) -> None:
        said.append(note)
        told.set()

    with told_if_slow(say, NOTE, 0.0):
        assert told.wait(60)
    assert [text(note) for note in said] == [
        "pi05: waiting for its server to accept connections has taken 10 s so far (openpi:ws://gpu1:8000)"
    ]


def test_a_policy_that_is_there_at_once_is_not_talked_about() -> None:
    said, before = list[Note](), threading.enumerate()
    with pytest.raises(OSError, match="refused"), told_if_slow(said.append, NOTE, 3600.0):
        raise OSError("refused")
    assert not said
    assert {*threading.enumerate()} <= {*before}


def test_what_is_said_has_been_said_before_anything_else_is_done() -> None:
    """It lifts pytest's capture, which nobody else may do meanwhile."""
    said, begun = list[Note](), threading.Event()

    def say(note: Note) -> None:
        begun.set()
        time.sleep(0.05)
        said.append(note)

    with told_if_slow(say, NOTE, 0.0):
        assert begun.wait(60)
    assert said
