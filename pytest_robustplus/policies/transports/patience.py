"""Waiting for a server that is still loading, and the paragraphs for one that never answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pytest_robustplus.errors import BadInputError, PolicyError, PolicyUnreachableError
from pytest_robustplus.policies.transports.address import KEY_VARIABLE, Address

T = TypeVar("T")

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class NotYetError(Exception):
    """The server does not accept connections now, but may later."""


class Patience:
    """Tries to connect until the server accepts, at most ``loading_s``; after one vain wait, later ones are short."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._spent = False

    def connect(self, once: Callable[[float], T]) -> T:
        """Call ``once`` with the seconds left until it raises no ``NotYetError``.

        Raises ``PolicyUnreachableError`` when patience ends.
        """
        allowed = min(self._address.loading_s, LONGEST_PAUSE_S) if self._spent else self._address.loading_s
        end = time.monotonic() + allowed
        pause = FIRST_PAUSE_S
        while True:
            try:
                connection = once(max(end - time.monotonic(), 0.1))
            except NotYetError as error:
                left = end - time.monotonic()
                if left <= 0:
                    self._spent = True
                    raise PolicyUnreachableError(
                        f"No policy server accepts connections at {self._address.url}: {error}. Waited {allowed:.0f} s."
                        " Start it, check host and port, or allow a slow start with ?loading_s=SECONDS in the spec."
                    ) from error
                time.sleep(min(pause, left))
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self._spent = False
                return connection


def refused_key(address: Address, status: int) -> BadInputError:
    """The server wants another key, or one at all."""
    sent = "the key was refused" if address.key else "it wants a key and none was sent"
    return BadInputError(
        f"The policy server at {address.url} answered HTTP {status}: {sent}. Put its key into the environment variable"
        f" {KEY_VARIABLE}."
    )


def silent(address: Address, asked: str) -> PolicyUnreachableError:
    """The server took the request and said nothing."""
    return PolicyUnreachableError(
        f"The policy server at {address.url} has not answered {asked} for {address.answer_s:g} s. It may still be"
        " compiling or it hangs: look at its log, or be more patient with ?answer_s=SECONDS in the spec."
    )


def gone(address: Address, asked: str, reason: object) -> PolicyUnreachableError:
    """The connection broke."""
    return PolicyUnreachableError(
        f"The policy server at {address.url} dropped the connection during {asked}: {reason}. Look at its log; it may"
        " have been killed or have run out of memory."
    )


def malformed(address: Address, asked: str, reason: object) -> PolicyError:
    """The server sent what its protocol does not allow."""
    return PolicyError(
        f"The policy server at {address.url} answered {asked} with {reason}. Check that it speaks the protocol and"
        " dialect of the policy spec."
    )


def raised(address: Address, asked: str, text: str) -> PolicyError:
    """The server reported an exception; its last line and where it was raised are what matters."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "(no text)"
    places = [line for line in lines if line.startswith('File "')]
    place = f" (in {places[-1].removeprefix('File ')})" if places else ""
    return PolicyError(
        f"The policy server at {address.url} raised an error for {asked}: {last[:500]}{place}. Its log has the whole"
        " traceback."
    )


def out_of_step(address: Address, asked: str, sent: object, got: object) -> PolicyUnreachableError:
    """The answer belongs to another request."""
    return PolicyUnreachableError(
        f"The policy server at {address.url} answered {asked} number {sent} with number {got!r}, which is stale: the"
        " two are out of step. The connection was closed; one server must serve one evaluation at a time unless it"
        " keeps its clients apart."
    )
