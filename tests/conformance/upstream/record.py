"""Record golden exchanges with upstream's server: python tests/conformance/upstream/record.py MODEL CHECKOUT REVISION.

They go to tests/policies/transports/golden, where the fast tests ask with the same bytes. ``--python`` as in run.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import golden
import player
from run import DRIVERS

from pytest_robustplus.policies import places
from pytest_robustplus.policies.transports.http import Http
from pytest_robustplus.policies.transports.websocket import WebSocket


class Tape:
    """Listens in on a transport's connection."""

    def __init__(self) -> None:
        self.exchanges: list[tuple[bytes, bytes]] = []
        self._sent = b""
        post, send, receive = Http.post, WebSocket.send, WebSocket.receive

        def posted(http: Http, body: str, asked: str) -> tuple[int, bytes]:
            status, answer = post(http, body, asked)
            self.exchanges.append((body.encode(), answer))
            return status, answer

        def sent(socket: WebSocket, frame: bytes, asked: str) -> None:
            self._sent = frame
            send(socket, frame, asked)

        def received(socket: WebSocket, asked: str) -> Any:
            answer = receive(socket, asked)
            self.exchanges.append((self._sent, answer if isinstance(answer, bytes) else answer.encode()))
            return answer

        Http.post, WebSocket.send, WebSocket.receive = posted, sent, received  # type: ignore[method-assign]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(DRIVERS))
    parser.add_argument("checkout", type=Path)
    parser.add_argument("revision")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    driver, spec = DRIVERS[options.model]
    name, _, benchmark = options.model.partition("/")
    os.environ |= {"MODEL": name, "BENCHMARK": benchmark or "libero_plus"}
    tape = Tape()
    with (
        tempfile.TemporaryDirectory() as place,
        player.served(options.python, driver, options.checkout, Path(place)) as port,
    ):
        address = player.addressed(spec, port)
        address = next(iter(places.places(address).values()), address)
        actions = golden.asked(name, benchmark or "libero_plus", address)
    golden.write(golden.Golden(name, benchmark or "libero_plus", options.revision, tape.exchanges, actions))
    print(f"{options.model}: {len(tape.exchanges)} exchanges")
