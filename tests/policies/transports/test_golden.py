"""Ours asks upstream's servers with the very bytes that they answered when tests/conformance/upstream recorded them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from policy_servers import act, websocket

from pytest_robustplus.policies.cards import load_cards

FILES = sorted(golden.FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_exchange(file: Path) -> None:
    recorded = golden.read(file)
    left = iter(recorded.exchanges)
    with _served(load_cards()[recorded.model].transports[0], left) as spec:
        actions = golden.asked(recorded.model, recorded.benchmark, spec)
    assert next(left, None) is None, "it asked less often than it did"
    assert len(actions) == len(recorded.actions)
    for now, then in zip(actions, recorded.actions, strict=True):
        np.testing.assert_allclose(now, then, atol=1e-12)


def test_every_server_of_upstream_has_a_recording() -> None:
    found = json.loads((Path(__file__).parents[2] / "conformance" / "upstream" / "found.json").read_text())
    served = {name.replace("/", "-") for name, seen in found.items() if seen["reached"] != "python"}
    assert {file.stem for file in FILES} == served


def _served(scheme: str, left: Iterator[tuple[bytes, bytes]]) -> Any:
    return _websocket(left) if scheme == "openpi" else _http(left)


@contextlib.contextmanager
def _websocket(left: Iterator[tuple[bytes, bytes]]) -> Iterator[str]:
    """Answer each recorded request with its recorded answer, and anything else with what was expected."""

    def handler(connection: Any) -> None:
        _, greeting = next(left)
        connection.send(greeting)
        while True:
            frame = connection.recv()
            sent, answer = next(left, (b"nothing", b""))
            connection.send(answer if frame == sent else f"asked {frame!r:.2000}, where it was {sent!r:.2000}")

    with websocket(handler) as url:
        yield f"openpi:{url}"


@contextlib.contextmanager
def _http(left: Iterator[tuple[bytes, bytes]]) -> Iterator[str]:
    def infer(message: dict[str, Any]) -> tuple[int, str]:
        sent, answer = next(left, (b"null", b""))
        return (200, answer.decode()) if message == json.loads(sent) else (500, f"asked {message!r:.2000}")

    with act(infer) as url:
        yield f"act:{url}"
