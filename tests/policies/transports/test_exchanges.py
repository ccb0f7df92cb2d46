"""An exchange ends with its answer or with the connection, within its time, whatever the peer does meanwhile."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import random
import signal
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from policy_servers import act, observed, openpi, request, starvla, vla_eval, websocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from pytest_robustplus.errors import BadInputError, PolicyError, PolicyUnreachableError, RobustnessError
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.transports import json_numpy
from pytest_robustplus.policies.transports.act import Act
from pytest_robustplus.policies.transports.arrays import MalformedMessageError
from pytest_robustplus.policies.transports.msgpack_numpy import Codec
from pytest_robustplus.policies.transports.openpi import OpenPi
from pytest_robustplus.policies.transports.vla_eval import VlaEval
from pytest_robustplus.rollout.limit import limited

LARGE = 900
# Far more than 0.4 s, far less than for ever: the machine may be busy.
SOON_S = 15.0


def numbered(pause: float) -> Callable[[Any], dict[str, Any]]:
    """Answer the number of the request as every component, the first one late."""
    numbers = count()

    def infer(_: Any) -> dict[str, Any]:
        number = next(numbers)
        if number == 0:
            time.sleep(pause)
        return {"actions": np.full((1, 7), float(number))}

    return infer


@pytest.mark.parametrize("kind", ["openpi", "act", "vla-eval"])
def test_an_answer_that_comes_after_the_episodes_limit_is_never_taken_for_the_next(kind: str) -> None:
    infer = numbered(0.8)
    with contextlib.ExitStack() as stack:
        policy: Any
        if kind == "openpi":
            policy = OpenPi(request(stack.enter_context(websocket(openpi(infer))), Profile(), "openpi"))
        elif kind == "vla-eval":
            policy = VlaEval(request(stack.enter_context(websocket(vla_eval(infer))), Profile()))
        else:
            url = stack.enter_context(act(lambda seen: (200, json.dumps(infer(seen)["actions"].tolist()))))
            policy = Act(request(url, Profile(), "oft"))
        policy.reset(0, "pick it up")
        with pytest.raises(RobustnessError, match=r"still running after 0\.3 s"), limited(0.3, "it", expendable=False):
            policy.act([observed()])
        time.sleep(0.8)
        policy.reset(0, "pick it up")
        (chunk,) = policy.act([observed()])
        policy.close()
    np.testing.assert_array_equal(chunk, np.full((1, 7), 1.0))


def test_an_exception_at_any_place_of_an_exchange_leaves_no_answer_behind() -> None:
    class Interrupted(BaseException):
        pass

    infer = numbered(0)
    with websocket(openpi(infer)) as url:
        policy = OpenPi(request(url, Profile(), "openpi"))
        codec = policy._codec
        decode, policy._codec.decode = codec.decode, _raising(Interrupted)  # type: ignore[method-assign]
        with pytest.raises(Interrupted):
            policy.act([observed()])
        codec.decode = decode  # type: ignore[method-assign]
        assert policy.act([observed()])[0][0, 0] == 1
        receive, policy._socket.receive = policy._socket.receive, _raising(Interrupted)  # type: ignore[method-assign]
        with pytest.raises(Interrupted):
            policy.act([observed()])
        policy._socket.receive = receive  # type: ignore[method-assign]
        (chunk,) = policy.act([observed()])
        policy.close()
    assert chunk[0, 0] == 3


def _raising(error: type[BaseException]) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def test_an_answer_that_nobody_asked_for_is_never_taken_for_one() -> None:
    def twice(connection: ServerConnection) -> None:
        connection.send(msgpack.packb({}))
        for number in count():
            connection.recv()
            for _ in range(2):
                connection.send(msgpack.packb({"actions": [[float(number)] * 7]}))

    with websocket(twice) as url:
        policy = OpenPi(request(url, Profile(), "openpi"))
        assert policy.act([observed()])[0][0, 0] == 0
        time.sleep(0.1)
        with pytest.raises(PolicyUnreachableError, match="sent a message before it was asked for an inference"):
            policy.act([observed()])
        policy.close()


def test_after_a_stale_number_the_connection_is_closed() -> None:
    left = threading.Event()

    def stale(connection: ServerConnection) -> None:
        try:
            starvla(lambda _: {"actions": np.zeros((1, 7))})(connection)
        finally:
            left.set()

    with websocket(stale) as url:
        policy = OpenPi(request(url, Profile(), "starvla"))
        policy._dialect._count = 5  # type: ignore[attr-defined]
        policy.act([observed()])
        opened = policy._dialect.__class__._opened  # type: ignore[attr-defined]
        policy._dialect._opened = lambda *_: opened(policy._dialect, {"request_id": "1"}, "2")  # type: ignore[attr-defined]
        with pytest.raises(PolicyUnreachableError, match="stale"):
            policy.act([observed()])
        assert left.wait(2)
        policy.close()


Peer = Callable[[socket.socket], None]


@contextlib.contextmanager
def raw(peer: Peer) -> Iterator[int]:
    """Serve ``peer`` each connection on a thread, and give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connections.append(connection)
                    threading.Thread(target=_forgiving, args=(peer, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                connection.close()


def _forgiving(peer: Peer, connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        peer(connection)


def dribbling(start: bytes, piece: bytes, pause: float = 0.05) -> Peer:
    """Take the whole request, then never come to an end."""

    def peer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            if pause:
                time.sleep(pause)

    return peer


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(2**16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-le")), 0
    )
    while len(body) < length:
        body += connection.recv(2**20)
    return head


def reading_nothing(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    time.sleep(20)


OK = b"HTTP/1.1 200 OK\r\n"
HTTP_PEERS: dict[str, Peer] = {
    "100 Continue": dribbling(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0),
    "status line": dribbling(b"HTTP/1.1 200 ", b"O"),
    "headers": dribbling(OK, b"X: 1\r\n", 0.1),
    "one header": dribbling(OK + b"X: ", b"1"),
    "chunk size": dribbling(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": dribbling(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": dribbling(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: 1\r\n", 0),
    "body": dribbling(OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "reads nothing": reading_nothing,
}


def timed_out(policy: Any) -> None:
    start = time.monotonic()
    with pytest.raises(PolicyUnreachableError, match=r"has not answered an inference for 0\.4 s"):
        policy.act([observed(size=LARGE)])
    policy.close()
    assert time.monotonic() - start < SOON_S


@pytest.mark.parametrize("name", HTTP_PEERS)
def test_an_http_exchange_ends_in_its_time(name: str) -> None:
    with raw(HTTP_PEERS[name]) as port:
        timed_out(Act(request(f"http://127.0.0.1:{port}?answer_s=0.4", Profile(), "oft")))


def greeted(connection: socket.socket) -> None:
    """Shake hands as a websocket, and send an empty map, openpi's greeting."""
    head = read_request(connection)
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(0x82, b"\x80")
    )


def frame(head: int, body: bytes) -> bytes:
    size = bytes([len(body)]) if len(body) < 126 else b"\x7f" + struct.pack(">Q", len(body))
    return bytes([head]) + size + body


def then(piece: bytes, pause: float) -> Peer:
    def peer(connection: socket.socket) -> None:
        greeted(connection)
        connection.recv(1)
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return peer


def stalling(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    greeted(connection)
    time.sleep(20)


def flooding(connection: socket.socket) -> None:
    """Send pings as fast as they go, and read none of the pongs."""
    greeted(connection)
    connection.recv(1)
    pings = frame(0x89, b"x" * 125) * 1000
    while True:
        connection.sendall(pings)


WEBSOCKET_PEERS: dict[str, Peer] = {
    "reads nothing": stalling,
    "pings": flooding,
    "slow pings": then(frame(0x89, b""), 0.02),
    "a message without end": then(frame(0x02, b"x"), 5),
}


@pytest.mark.parametrize("name", WEBSOCKET_PEERS)
def test_a_websocket_exchange_ends_in_its_time(name: str) -> None:
    with raw(WEBSOCKET_PEERS[name]) as port:
        policy = OpenPi(request(f"ws://127.0.0.1:{port}?answer_s=0.4", Profile(), "openpi"))
        timed_out(policy)


def test_a_frame_that_comes_byte_by_byte_ends_in_its_time() -> None:
    def peer(connection: socket.socket) -> None:
        greeted(connection)
        connection.recv(1)
        connection.sendall(b"\x82\x7f" + struct.pack(">Q", 100_000))
        while True:
            connection.sendall(b"\x00")
            time.sleep(0.02)

    with raw(peer) as port:
        timed_out(OpenPi(request(f"ws://127.0.0.1:{port}?answer_s=0.4", Profile(), "openpi")))


def test_a_handshake_that_never_ends_is_no_server() -> None:
    with raw(dribbling(b"HTTP/1.1 101 ", b"S")) as port:
        start = time.monotonic()
        with pytest.raises(PolicyUnreachableError, match=r"No policy server accepts connections"):
            OpenPi(request(f"ws://127.0.0.1:{port}?loading_s=0.4", Profile(), "openpi"))
        assert time.monotonic() - start < SOON_S


@pytest.mark.parametrize(
    "start",
    [
        OK + b"Content-Length: 100\r\n\r\n[[0,",
        OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n[[0,",
        b"HTTP/1.0 200 OK\r\n\r\n[[0,",
    ],
    ids=["length", "chunked", "neither"],
)
def test_a_server_killed_in_the_middle_of_an_answer_is_infrastructure(start: bytes) -> None:
    def peer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        connection.shutdown(socket.SHUT_RDWR)

    with raw(peer) as port:
        policy = Act(request(f"http://127.0.0.1:{port}", Profile(), "oft"))
        with pytest.raises(PolicyUnreachableError, match="dropped the connection during an inference"):
            policy.act([observed()])
        policy.close()


def test_a_redirect_is_refused_with_the_place_that_it_points_to() -> None:
    moved = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://elsewhere.example/act\r\nContent-Length: 0\r\n\r\n"

    def peer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(moved)

    with raw(peer) as port:
        policy = Act(request(f"http://127.0.0.1:{port}", Profile(), "oft"))
        with pytest.raises(BadInputError, match=r"HTTP 307 and points to 'http://elsewhere\.example/act'"):
            policy.act([observed()])
        policy.close()

    def elsewhere(connection: ServerConnection, _request: Any) -> Any:
        response = connection.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
        response.headers["Location"] = url_of_other
        return response

    asked = []

    def other(connection: ServerConnection, _request: Any) -> Any:
        asked.append(_request.headers.get("Authorization"))

    with (
        websocket(openpi(lambda _: {}), process_request=other) as url_of_other,
        websocket(openpi(lambda _: {}), process_request=elsewhere) as url,
        pytest.raises(BadInputError, match=r"HTTP 307 and points to 'ws://127\.0\.0\.1"),
    ):
        OpenPi(request(url, Profile(), "openpi"))
    assert asked == []


def test_a_server_that_never_comes_up_is_waited_for_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    waited = []
    for _ in range(3):
        start = time.monotonic()
        with pytest.raises(PolicyUnreachableError, match="No policy server accepts connections"):
            OpenPi(request(f"ws://127.0.0.1:{port}?loading_s=5", Profile(), "openpi"))
        waited.append(time.monotonic() - start)
    # Five seconds, then looks of two, of which a crowded machine may prolong one.
    assert waited[0] >= 5 > min(waited[1:])


def test_a_server_that_comes_back_as_another_is_noticed() -> None:
    names = iter(["a", "b", "b"])

    def restarted(connection: ServerConnection) -> None:
        connection.send(msgpack.packb({"model": next(names)}))
        connection.recv()
        connection.send(msgpack.packb({"actions": [[0.0] * 7]}))

    with websocket(restarted) as url:
        policy = OpenPi(request(url, Profile(), "openpi"))
        before = policy.checkpoint
        policy.act([observed()])
        with pytest.raises(PolicyUnreachableError):
            policy.act([observed()])
        with pytest.raises(PolicyError, match="came back as another model"):
            policy.act([observed()])
        assert policy.checkpoint == before
        policy.close()


@pytest.mark.parametrize("kind", ["act", "openpi"])
@pytest.mark.parametrize(
    ("before", "after", "noticed"),
    [(lambda: 0.5, lambda: 0.5, False), (lambda: 0.5, lambda: 0.501, False), (lambda: 0.5, lambda: 0.9, True),
     (random.Random(3).random, random.Random(4).random, False)],
    ids=["same", "rounded", "others", "draws"],
)  # fmt: skip
def test_other_weights_behind_a_new_connection_are_noticed_by_what_they_answer(
    kind: str, before: Callable[[], float], after: Callable[[], float], noticed: bool
) -> None:
    """Where the server says nothing of them; unless it draws its actions, or the user has named its weights."""
    weights, asked = [before], list[float]()

    def chunk() -> list[list[float]]:
        asked.append(weights[-1]())
        return [[asked[-1]] * 7]

    def infer(connection: ServerConnection) -> None:
        connection.send(msgpack.packb({}))
        with contextlib.suppress(ConnectionClosed):
            while True:
                connection.recv()
                connection.send(msgpack.packb({"actions": chunk()}))

    served = act(lambda _: (200, json.dumps(chunk()))) if kind == "act" else websocket(infer)
    with served as url:
        made = [request(url + name, Profile(), "oft" if kind == "act" else "openpi") for name in ("", "?checkpoint=a")]
        for number, one in enumerate(made):
            del weights[1:], asked[:]
            policy = Act(one) if kind == "act" else OpenPi(one)
            for _ in range(3):
                policy.act([observed()])
            assert len(asked) == 3
            weights.append(after)
            _drop(policy)
            if noticed and not number:
                with pytest.raises(PolicyError, match=r"came back as another model.*up to 0\.4 away.*checkpoint=NAME"):
                    policy.act([observed()])
            else:
                assert np.asarray(policy.act([observed()])).shape == (1, 1, 7)
            policy.close()


def _drop(policy: Act | OpenPi) -> None:
    """As a server does that ends; the websocket finds out at its next request."""
    if isinstance(policy, Act):
        policy._http._connection.sock.shutdown(2)  # type: ignore[union-attr]
    else:
        policy._socket.close()


@pytest.mark.parametrize("size", [2**20, 10 * 2**20], ids=["1 MiB", "10 MiB"])
@pytest.mark.parametrize(
    ("piece", "decode"),
    [
        (b"\x90", Codec("bytes").decode),
        (b"\xa2ab", Codec("bytes").decode),
        (b"\x81\xa0\x80", Codec("bytes").decode),
        (b"[],", json_numpy.decode),
        (b'"ab",', json_numpy.decode),
        (b'{"":0},', json_numpy.decode),
    ],
    ids=["lists", "texts", "maps", "json lists", "json texts", "json maps"],
)
def test_a_message_does_not_grow_in_memory(piece: bytes, decode: Callable[[bytes], Any], size: int) -> None:
    number = size // len(piece)
    packed = b"\xdd" + struct.pack(">I", number) + piece * number
    message = packed if piece[0] >= 0x80 else b"[" + piece * number + b"0]"
    tracemalloc.start()
    with contextlib.suppress(MalformedMessageError):
        decode(message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 96 * 2**20


def always(answer: Any) -> Callable[[Any], Any]:
    return lambda _: answer


def test_megabytes_of_an_error_are_told_in_a_screenful() -> None:
    names = {"k" * 5_000_000 + str(i): 0 for i in range(4)}
    for answer in (
        names,
        {"error": "x" * 5_000_000},
        {"error": ["x" * 5_000_000]},
        "no\n" * 2_000_000,
        "x" * 9_000_000,
    ):
        with websocket(openpi(always(answer))) as url:
            policy = OpenPi(request(url, Profile(), "openpi"))
            with pytest.raises(PolicyError) as told:
                policy.act([observed()])
            policy.close()
        assert len(str(told.value)) < 3000


def test_an_answer_with_an_error_is_told_by_it() -> None:
    with websocket(openpi(lambda _: {"error": "CUDA out of memory"})) as url:
        policy = OpenPi(request(url, Profile(), "openpi"))
        with pytest.raises(PolicyError, match="an error in place of 'actions': CUDA out of memory"):
            policy.act([observed()])
        policy.close()


def test_what_a_server_says_steers_no_terminal() -> None:
    answer = json.dumps({"error": "\x1b]0;owned\x07\x1b[2J\u202egnp\ud800"})
    with act(lambda _: (400, answer)) as url:
        policy = Act(request(url, Profile(), "xvla"))
        with pytest.raises(PolicyError, match=r"\\x1b\]0;owned\\x07\\x1b\[2J\\u202egnp\\ud800") as told:
            policy.act([observed()])
        policy.close()
    str(told.value).encode()


@contextlib.contextmanager
def secure() -> Iterator[int]:
    """Serve TLS with a certificate that nobody signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent / "self_signed.pem")

    def peer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            inside.recv(1)

    with raw(peer) as port:
        yield port


@pytest.mark.parametrize("kind", ["openpi", "act"])
def test_what_waiting_does_not_cure_about_tls_is_said_at_once(kind: str) -> None:
    def build(port: int) -> None:
        if kind == "openpi":
            OpenPi(request(f"wss://127.0.0.1:{port}", Profile(), "openpi"))
        else:
            Act(request(f"https://127.0.0.1:{port}", Profile(), "oft"))

    start = time.monotonic()
    with secure() as port, pytest.raises(BadInputError, match=r"certificate .* not to be trusted.*SSL_CERT_FILE"):
        build(port)
    plain = raw(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with plain as port, pytest.raises(BadInputError, match="speaks no TLS"):
        build(port)
    # A server is waited for 300 s.
    assert time.monotonic() - start < 60


def test_a_trusted_certificate_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Path(__file__).parent / "self_signed.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with websocket(openpi(lambda _: {"actions": np.zeros((1, 7))}), ssl=context) as url:
        policy = OpenPi(request(url.replace("ws://127.0.0.1", "wss://localhost"), Profile(), "openpi"))
        for _ in range(2):
            assert policy.act([observed()])[0].shape == (1, 7)
        policy.close()


def test_the_limit_of_an_episode_still_ends_a_silent_exchange() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with raw(stalling) as port:
        policy = OpenPi(request(f"ws://127.0.0.1:{port}?answer_s=60", Profile(), "openpi"))
        start = time.monotonic()
        with pytest.raises(RobustnessError), limited(0.3, "it", expendable=False):
            policy.act([observed(size=LARGE)])
        policy.close()
        assert time.monotonic() - start < SOON_S
    assert signal.getsignal(signal.SIGALRM) == before
