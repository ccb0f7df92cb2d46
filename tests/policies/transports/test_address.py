"""Policy specs that name a server."""

from __future__ import annotations

import pytest
from policy_servers import openpi, request, websocket

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.transports.address import parse
from pytest_robustplus.policies.transports.openpi import OpenPi


def read(text: str) -> object:
    return parse(text, ("ws", "wss"), f"openpi:{text}")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("ws://gpu1:8000", "ws://gpu1:8000"),
        ("gpu1:8000", "ws://gpu1:8000"),
        ("wss://host/path?dialect=ge", "wss://host/path"),
        ("127.0.0.1:8000?answer_s=3", "ws://127.0.0.1:8000"),
    ],
)
def test_options_are_not_part_of_the_url(text: str, url: str) -> None:
    assert parse(text, ("ws", "wss"), text).url == url


def test_options_are_read_and_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTPLUS_API_KEY", "secret")
    address = parse("ws://h:1?dialect=ge&checkpoint=run42&answer_s=60&loading_s=1.5", ("ws",), "openpi:x")
    assert (address.dialect, address.checkpoint, address.answer_s, address.loading_s) == ("ge", "run42", 60, 1.5)
    assert (address.host, address.port, address.key) == ("h", 1, "secret")
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://gpu1:8000", "names no server: write it like openpi:ws://localhost:8000"),
        ("", "names no server"),
        ("ws://gpu1:port", "names no server"),
        ("ws://user:secret@gpu1:8000", "ROBUSTPLUS_API_KEY"),
        ("ws://gpu1:8000?dialekt=ge", "Unknown option 'dialekt'.*Did you mean 'dialect'"),
        ("ws://gpu1:8000?answer_s=soon", "answer_s in the .* number of seconds above 0, not 'soon'"),
        ("ws://gpu1:8000?loading_s=-1", "loading_s in the"),
    ],
)
def test_addresses_that_are_none(text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        read(text)


@pytest.mark.parametrize(
    ("text", "worker", "expected", "alone"),
    [
        ("gpu{worker}:8000", "gw1", "ws://gpu1:8000", True),
        ("ws://h:800{worker}?answer_s=5", "gw0", "ws://h:8000", True),
        ("ws://a:1,ws://b:2?checkpoint=x,y", "gw1", "ws://b:2", True),
        ("ws://a:1, ws://b:2", "gw2", "ws://a:1", True),
        ("ws://a:1,ws://a:1", "gw1", "ws://a:1", False),
        ("ws://a:1", "gw1", "ws://a:1", False),
    ],
)
def test_each_worker_has_its_own_address(
    monkeypatch: pytest.MonkeyPatch, text: str, worker: str, expected: str, alone: bool
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    address = parse(text, ("ws", "wss"), f"openpi:{text}")
    assert (address.url, address.alone) == (expected, alone)
    if "checkpoint" in text:
        assert address.checkpoint == "x,y"


def test_a_worker_that_replaces_another_has_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    monkeypatch.setenv("ROBUSTPLUS_WORKER", "1")
    assert parse("ws://gpu{worker}:8000", ("ws",), "openpi:…").url == "ws://gpu1:8000"


@pytest.mark.parametrize(("dialect", "refused"), [("ge", True), ("openpi", False)])
def test_a_server_that_remembers_is_not_shared_by_workers(
    monkeypatch: pytest.MonkeyPatch, dialect: str, refused: bool
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    with websocket(openpi(lambda _: {})) as url:
        if refused:
            with pytest.raises(BadInputError, match=r"remembers one episode at a time.*gpu\{worker\}:8000"):
                OpenPi(request(url, Profile(), dialect))
        else:
            OpenPi(request(url, Profile(), dialect)).close()


@pytest.mark.parametrize(
    ("text", "seat", "url", "alone"),
    [
        ("ws://{node}:8000", "2", "ws://10.0.0.7:8000", False),
        ("ws://{node}:800{worker}", "2", "ws://10.0.0.7:8002", True),
        ("ws://a:1,ws://b:1", "2", "ws://a:1", False),
        ("ws://a:1,ws://b:1,ws://c:1", "2", "ws://c:1", True),
    ],
)
def test_on_a_cluster_each_has_the_server_of_its_machine_or_its_own(
    monkeypatch: pytest.MonkeyPatch, text: str, seat: str, url: str, alone: bool
) -> None:
    for name, value in ("ROBUSTPLUS_NODE", "10.0.0.7"), ("ROBUSTPLUS_WORKER", seat), ("ROBUSTPLUS_WORKERS", "3"):
        monkeypatch.setenv(name, value)
    address = parse(text, ("ws",), f"openpi:{text}")
    assert (address.url, address.alone) == (url, alone)


def test_without_a_cluster_the_machine_is_this_one() -> None:
    assert parse("ws://{node}:8000", ("ws",), "openpi:x").url == "ws://localhost:8000"
