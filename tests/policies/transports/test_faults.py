"""What a person is told when a server is loading, silent, gone, out of step, or answers nonsense."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import numpy as np
import pytest
from policy_servers import act, observed, openpi, request, vla_eval, websocket
from websockets.sync.server import ServerConnection

from pytest_robustplus.errors import BadInputError, PolicyError, PolicyUnreachableError, SimulatorError
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.transports.act import Act
from pytest_robustplus.policies.transports.openpi import OpenPi
from pytest_robustplus.policies.transports.vla_eval import VlaEval

CHUNK = {"actions": np.zeros((10, 7))}


@pytest.fixture
def port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def openpi_policy(url: str, options: str = "") -> OpenPi:
    return OpenPi(request(f"{url}?answer_s=1.5&loading_s=20{options}", Profile(), "openpi"))


def test_a_loading_server_is_waited_for(port: int) -> None:
    up = threading.Event()

    def late() -> None:
        time.sleep(0.3)
        with websocket(openpi(lambda _: dict(CHUNK)), port):
            up.wait(10)

    thread = threading.Thread(target=late)
    thread.start()
    try:
        policy = openpi_policy(f"ws://127.0.0.1:{port}")
        assert policy.act([observed()])[0].shape == (10, 7)
        policy.close()
    finally:
        up.set()
        thread.join()


def test_a_loading_act_server_is_waited_for(port: int) -> None:
    up = threading.Event()

    def late() -> None:
        time.sleep(0.3)
        with act(lambda _: (200, "[[0,0,0,0,0,0,0]]"), port):
            up.wait(10)

    thread = threading.Thread(target=late)
    thread.start()
    try:
        policy = Act(request(f"http://127.0.0.1:{port}?loading_s=20", Profile(), "oft"))
        assert policy.act([observed()])[0].shape == (1, 7)
        policy.close()
    finally:
        up.set()
        thread.join()


def test_a_proxy_that_says_unavailable_is_waited_for() -> None:
    answers = iter([HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY])

    def busy(connection: ServerConnection, _request: Any) -> Any:
        status = next(answers, None)
        return None if status is None else connection.respond(status, "loading")

    with websocket(openpi(lambda _: dict(CHUNK)), process_request=busy) as url:
        openpi_policy(url).close()


@pytest.mark.parametrize(
    "build",
    [
        lambda port: OpenPi(request(f"ws://127.0.0.1:{port}?loading_s=0.2", Profile(), "openpi")),
        lambda port: Act(request(f"http://127.0.0.1:{port}?loading_s=0.2", Profile(), "oft")),
        lambda port: VlaEval(request(f"ws://127.0.0.1:{port}?loading_s=0.2", Profile())),
    ],
    ids=["openpi", "act", "vla-eval"],
)
def test_waiting_has_an_end(build: Callable[[int], Any], port: int) -> None:
    start = time.monotonic()
    with pytest.raises(PolicyUnreachableError, match=r"No policy server accepts connections.*loading_s"):
        build(port)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_users(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def guard(connection: ServerConnection, asked: Any) -> Any:
        sent.append(asked.headers.get("Authorization"))
        return None if sent[-1] == "Api-Key right" else connection.respond(HTTPStatus(status), "no")

    with websocket(openpi(lambda _: dict(CHUNK)), process_request=guard) as url:
        with pytest.raises(
            BadInputError, match=rf"HTTP {status}: it wants a key and none was sent.*ROBUSTPLUS_API_KEY"
        ):
            openpi_policy(url)
        monkeypatch.setenv("ROBUSTPLUS_API_KEY", "wrong")
        with pytest.raises(BadInputError, match="the key was refused") as refused:
            openpi_policy(url)
        monkeypatch.setenv("ROBUSTPLUS_API_KEY", "right")
        openpi_policy(url).close()
    assert sent == [None, "Api-Key wrong", "Api-Key right"]
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_a_port_of_something_else_is_the_users(protocol: str) -> None:
    """The servers of Python's http.server speak 1.0 unless told otherwise, and were once waited for for minutes."""
    with act(lambda _: (200, ""), protocol=protocol) as url, pytest.raises(BadInputError, match="no websocket policy"):
        openpi_policy(url.replace("http", "ws"))


def test_a_port_that_is_forwarded_to_nobody_yet_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as forwarding:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    forwarding.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(PolicyUnreachableError, match="No policy server accepts connections"):
            openpi_policy(f"ws://127.0.0.1:{forwarding.getsockname()[1]}", "&loading_s=0.3")
        forwarding.shutdown(socket.SHUT_RDWR)


def test_a_traceback_is_told_by_its_last_line_and_place_and_the_next_request_reconnects() -> None:
    answers = iter([RuntimeError("CUDA error: device-side assert"), dict(CHUNK)])

    def infer(_: dict[str, Any]) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with websocket(openpi(infer)) as url:
        policy = openpi_policy(url)
        with pytest.raises(
            PolicyError, match=r"RuntimeError: CUDA error: device-side assert \(in .*policy|test_faults"
        ):
            policy.act([observed()])
        assert policy.act([observed()])[0].shape == (10, 7)
        policy.close()


def test_a_silent_server_is_infrastructure_and_its_late_answer_is_never_taken_for_the_next() -> None:
    calls = []

    def slow_once(_: dict[str, Any]) -> Any:
        calls.append(0)
        if len(calls) == 1:
            time.sleep(2.0)
            return {"actions": np.full((10, 7), 99.0)}
        return dict(CHUNK)

    with websocket(openpi(slow_once)) as url:
        policy = openpi_policy(url)
        with pytest.raises(PolicyUnreachableError, match=r"not answered an inference for 1.5 s.*answer_s"):
            policy.act([observed()])
        (chunk,) = policy.act([observed()])
        policy.close()
    assert chunk.max() == 0
    assert issubclass(PolicyUnreachableError, SimulatorError)


def test_a_silent_act_server_is_infrastructure() -> None:
    def slow(_: dict[str, Any]) -> tuple[int, str]:
        time.sleep(1.0)
        return 200, "[]"

    with act(slow) as url:
        policy = Act(request(f"{url}?answer_s=0.2", Profile(), "oft"))
        with pytest.raises(PolicyUnreachableError, match=r"not answered an inference for 0.2 s"):
            policy.act([observed()])
        policy.close()


def test_a_server_that_dies_is_infrastructure() -> None:
    def dies(connection: ServerConnection) -> None:
        connection.send(b"\x80")
        connection.recv()
        connection.socket.shutdown(socket.SHUT_RDWR)

    with websocket(dies) as url:
        policy = openpi_policy(url)
        with pytest.raises(PolicyUnreachableError, match="dropped the connection during an inference"):
            policy.act([observed()])
        policy.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\xc1", "no msgpack message"),
        (b"\x90", "a list where a map with 'actions'"),
        (b"\x81\xa6action\x90", "without 'actions'; it has action"),
    ],
)
def test_nonsense_is_told(answer: bytes, said: str) -> None:
    with websocket(openpi(lambda _: answer)) as url:
        policy = openpi_policy(url)
        with pytest.raises(PolicyError, match=said):
            policy.act([observed()])
        policy.close()


@pytest.mark.parametrize(("greeting", "said"), [("Traceback\nKeyError: 'x'", "KeyError"), (b"\x01", "a int instead")])
def test_a_greeting_that_is_none(greeting: str | bytes, said: str) -> None:
    with websocket(lambda connection: connection.send(greeting)) as url, pytest.raises(PolicyError, match=said):
        openpi_policy(url)


def test_a_stale_request_id_is_out_of_step() -> None:
    envelope = {"ok": True, "type": "inference_result", "request_id": "0", "data": CHUNK}
    with websocket(openpi(lambda _: dict(envelope))) as url:
        policy = OpenPi(request(url, Profile(), "starvla"))
        with pytest.raises(PolicyUnreachableError, match="number 1 with number '0', which is stale"):
            policy.act([observed()])
        policy.close()


def test_a_stale_sequence_number_is_out_of_step_and_the_connection_is_dropped() -> None:
    with websocket(vla_eval(lambda _: {"actions": np.zeros(7)}, skew=-1)) as url:
        policy = VlaEval(request(url, Profile()))
        policy.reset(0, "pick it up")
        with pytest.raises(PolicyUnreachableError, match=r"number 3 with number 2, which is stale"):
            policy.act([observed()])
        policy.close()
