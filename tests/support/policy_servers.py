"""Policy servers for tests, one per dialect, written from the protocols and on the peers' own codecs.

They use no code of the package: openpi's arrays are packed by openpi-client, those of ``/act`` by json-numpy.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import json_numpy
import msgpack
import numpy as np
from openpi_client import msgpack_numpy
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from pytest_robustplus.policies.cards import Card
from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.request import PolicyRequest

Infer = Callable[[dict[str, Any]], Any]


@contextlib.contextmanager
def websocket(handler: Callable[[ServerConnection], None], port: int = 0, **options: Any) -> Iterator[str]:
    """Serve ``handler`` on a port of its own and give the address."""

    def forgiving(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            handler(connection)

    server: Server = serve(forgiving, "127.0.0.1", port, compression=None, max_size=None, **options)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join(5)


def openpi(infer: Infer, metadata: dict[str, Any] | None = None) -> Callable[[ServerConnection], None]:
    """openpi's server: metadata first, then a reply a request; an exception is a text frame and close 1011."""

    def handler(connection: ServerConnection) -> None:
        packer = msgpack_numpy.Packer()
        connection.send(packer.pack(metadata or {}))
        previous = None
        while True:
            message = msgpack_numpy.unpackb(connection.recv())
            start = time.monotonic()
            try:
                answer = infer(message)
            except Exception:
                connection.send(traceback.format_exc())
                connection.close(1011, "Internal server error. Traceback included in previous frame.")
                raise
            if isinstance(answer, str | bytes):
                connection.send(answer)
                continue
            if isinstance(answer, dict) and "actions" in answer:
                answer["server_timing"] = {"infer_ms": (time.monotonic() - start) * 1000}
                if previous is not None:
                    answer["server_timing"]["prev_total_ms"] = previous
            connection.send(packer.pack(answer))
            previous = (time.monotonic() - start) * 1000

    return handler


def starvla(infer: Infer, metadata: dict[str, Any] | None = None) -> Callable[[ServerConnection], None]:
    """starVLA's server: every answer in an envelope, errors too, and the socket stays open after them."""

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        number = message.get("request_id", "default")
        if message.get("type") == "ping":
            return {"status": "ok", "ok": True, "type": "ping", "request_id": number}
        if message.get("type") != "infer":
            return _failed(number, f"Unsupported message type '{message.get('type')}'")
        try:
            data = infer(message)
        except Exception as error:
            return _failed(number, str(error))
        return {"status": "ok", "ok": True, "type": "inference_result", "request_id": number, "data": data}

    return openpi(answer, metadata)


def _failed(number: str, text: str) -> dict[str, Any]:
    return {
        "status": "error",
        "ok": False,
        "type": "inference_result",
        "request_id": number,
        "error": {"message": text},
    }


def vla_eval(
    infer: Infer, said: dict[str, Any] | None = None, log: list[Any] | None = None, skew: int = 0
) -> Callable[[ServerConnection], None]:
    """vla-eval's model server; ``log`` receives every message, ``skew`` is added to the numbers it answers with."""
    log = [] if log is None else log

    def handler(connection: ServerConnection) -> None:
        def send(kind: str, payload: Any, seq: int) -> None:
            frame = {"type": kind, "payload": payload, "seq": seq, "timestamp": time.time()}
            connection.send(msgpack.packb(frame, default=_text_array))

        while True:
            message = msgpack.unpackb(connection.recv(), object_hook=_from_text_array)
            assert message.keys() == {"type", "payload", "seq", "timestamp"}
            log.append(message)
            kind, payload, seq = message["type"], message["payload"], message["seq"]
            if kind == "hello":
                assert payload.keys() == {"harness_version", "protocol_version", "benchmark"}
                assert payload["protocol_version"] == 1
                send("hello", {"model_server": "Stub", "observation_params": {}, "action_spec": {}} | (said or {}), seq)
            elif kind == "observation":
                try:
                    send("action", infer(payload), seq + skew)
                except Exception as error:
                    send("error", {"error": str(error)}, seq)
            else:
                assert kind in ("episode_start", "episode_end")

    return handler


def _text_array(value: Any) -> Any:
    assert value.dtype.kind in "biuf"
    return {"__ndarray__": True, "data": value.tobytes(), "dtype": value.dtype.str, "shape": list(value.shape)}


def _from_text_array(found: dict[Any, Any]) -> Any:
    if "__ndarray__" not in found:
        return found
    return np.frombuffer(found["data"], found["dtype"]).reshape(found["shape"])


@contextlib.contextmanager
def act(infer: Callable[[dict[str, Any]], tuple[int, str]], port: int = 0, protocol: str = "HTTP/1.1") -> Iterator[str]:
    """Serve ``POST /act``; ``infer`` is given the JSON and answers status and body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = (404, "") if self.path != "/act" else infer(json.loads(body))
            self.send_response(HTTPStatus(status))
            self.send_header("Content-Length", str(len(answer.encode())))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: Any) -> None:
            """Tests have nothing to read here."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def arrays(message: Any) -> Any:
    """A decoded JSON message with its arrays put together by json-numpy."""
    return json_numpy.loads(json.dumps(message))


class NamedBenchmark:
    """As much of a benchmark as a transport looks at."""

    def __init__(self, name: str) -> None:
        self.name = name


def request(address: str, profile: Profile, dialect: str = "", benchmark: str = "libero_plus") -> PolicyRequest:
    """What a policy is built from."""
    card = Card("own", "Own", "own", "own", {benchmark: profile}, dialect=dialect)
    return PolicyRequest(address, card, profile, NamedBenchmark(benchmark))  # type: ignore[arg-type]


def observed(step: int = 0, slot: int = 0, size: int = 8, instruction: str = "pick it up") -> Observation:
    """What a policy sees of LIBERO after its profile: two frames, state8, and what it was made from."""
    rng = np.random.default_rng(step)
    frames = {camera: rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for camera in ("agentview", "wrist")}
    state = {
        "state": np.arange(8) / 10,
        "controller_pos": np.array([0.1, 0.2, 0.3]),
        "controller_mat": np.eye(3).ravel(),
        "gripper_qpos": np.array([0.04, -0.04]),
    }
    return Observation(frames, state, instruction, step, slot)


def robotwin_observed() -> Observation:
    """What a policy sees of RoboTwin: three frames and fourteen joints."""
    rng = np.random.default_rng(0)
    cameras = ("head_camera", "left_camera", "right_camera")
    frames = {camera: rng.integers(0, 256, (6, 8, 3), dtype=np.uint8) for camera in cameras}
    return Observation(frames, {"state": np.arange(14.0)}, "stack the bowls")
