"""Waiting for a server that is still loading, and the paragraphs for one that never answers."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import TypeVar

from pytest_robustplus.errors import BadInputError, PolicyError, PolicyUnreachableError, shown
from pytest_robustplus.policies.transports.address import KEY_VARIABLE, Address

T = TypeVar("T")

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
TOLD = 20_000


class NotYetError(Exception):
    """The server does not accept connections now, but may later."""


# Addresses at which a run has waited in vain, whichever of its checks and cells it was for.
_VAIN: set[str] = set()


def connect(address: Address, once: Callable[[float], T]) -> T:
    """Call ``once`` with the seconds left until it raises no ``NotYetError``, for at most ``loading_s``.

    A process waits for a server that never comes up only once; later it looks whether it is there now, and no longer.
    Raises ``PolicyUnreachableError`` when it has not answered in time.
    """
    allowed = min(address.loading_s, LONGEST_PAUSE_S) if address.url in _VAIN else address.loading_s
    end = time.monotonic() + allowed
    pause = FIRST_PAUSE_S
    while True:
        try:
            connection = once(max(end - time.monotonic(), 0.1))
        except NotYetError as error:
            left = end - time.monotonic()
            if left <= 0:
                before = " once more, after it was waited for in vain before" if address.url in _VAIN else ""
                _VAIN.add(address.url)
                raise PolicyUnreachableError(
                    f"No policy server accepts connections at {address.url}: {error}. Waited {allowed:.0f} s{before}."
                    " Start it, check host and port, or allow a slow start with ?loading_s=SECONDS in the spec."
                ) from error
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_S)
        else:
            _VAIN.discard(address.url)
            return connection


def refused_key(address: Address, status: int) -> BadInputError:
    """The server wants another key, or one at all."""
    sent = "the key was refused" if address.key else "it wants a key and none was sent"
    return BadInputError(
        f"The policy server at {address.url} answered HTTP {status}: {sent}. Put its key into the environment variable"
        f" {KEY_VARIABLE}."
    )


def refused_tls(address: Address, error: ssl.SSLError) -> Exception:
    """No secure connection came about; waiting cures only a peer that hung up."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return NotYetError(str(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        return BadInputError(
            f"The certificate of the policy server at {address.url} is not to be trusted: {error.verify_message}. Check"
            " the host's name, or name the file of the authority that signed it in the environment variable"
            " SSL_CERT_FILE."
        )
    return BadInputError(
        f"The policy server at {address.url} speaks no TLS that can be understood: {error.reason or error}. Check the"
        " port, or write ws:// or http:// for a server without TLS."
    )


def redirected(address: Address, status: int, place: str | None) -> BadInputError:
    """The server sends us elsewhere; a key and frames go where the user said, and nowhere else."""
    return BadInputError(
        f"The policy server at {address.url} answered HTTP {status} and points to {shown(place or 'nowhere', 200)}."
        " Redirects are not followed: name the server itself in the spec."
    )


def unasked(address: Address, asked: str) -> PolicyUnreachableError:
    """A frame was there before the request was sent."""
    return PolicyUnreachableError(
        f"The policy server at {address.url} sent a message before it was asked for {asked}: the two are out of step."
        " The connection was closed; a server must answer each request once."
    )


def changed(address: Address, before: str, now: str) -> PolicyError:
    """The server came back as another one."""
    return PolicyError(
        f"The policy server at {address.url} came back as another model: it said that it is {before} before and is"
        f" {now} now. Its episodes would be recorded under the name of the first. Start pytest again, or name the"
        " weights with ?checkpoint=NAME in the spec if they are the same."
    )


def answers_otherwise(address: Address, far: str) -> PolicyError:
    """The server came back, says nothing of its weights, and answers by others."""
    return PolicyError(
        f"The policy server at {address.url} came back as another model: asked about the first observation of this run"
        f" again, it answers by actions that are {far}, and does so each time. Its episodes would be recorded under the"
        " name of the first. Start pytest again, or name the weights with ?checkpoint=NAME in the spec if they are the"
        " same."
    )


def silent(address: Address, asked: str) -> PolicyUnreachableError:
    """The server took the request and said nothing."""
    return PolicyUnreachableError(
        f"The policy server at {address.url} has not answered {asked} for {address.answer_s:g} s, or not to the end. It"
        " may still be compiling or it hangs: look at its log, or raise its limit with ?answer_s=SECONDS in the spec."
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


def raised(address: Address, asked: str, told: object) -> PolicyError:
    """The server reported an exception; its last line and where it was raised are what matters."""
    text = told if isinstance(told, str) else shown(told, 500)
    # Of megabytes, the end tells what was raised.
    lines = [line.strip() for line in text[-TOLD:].strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "(no text)"
    places = [line for line in lines if line.startswith('File "')]
    place = f" (in {places[-1].removeprefix('File ')[:300]})" if places else ""
    return PolicyError(
        f"The policy server at {address.url} raised an error for {asked}: {last[:500]}{place}. Its log has the whole"
        " traceback."
    )


def out_of_step(address: Address, asked: str, sent: object, got: object) -> PolicyUnreachableError:
    """The answer belongs to another request."""
    return PolicyUnreachableError(
        f"The policy server at {address.url} answered {asked} number {sent} with number {shown(got)}, which is stale:"
        " the two are out of step. The connection was closed; one server must serve one evaluation at a time unless it"
        " keeps its clients apart."
    )
