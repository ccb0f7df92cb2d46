"""One websocket to a policy server: waits while it loads, reconnects after a fault, tells the faults apart."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.transports import retry
from pytest_robustplus.policies.transports.address import Address
from pytest_robustplus.policies.transports.arrays import MAX_MESSAGE_BYTES
from pytest_robustplus.policies.transports.libraries import load
from pytest_robustplus.policies.transports.watch import Watch, connected

LOADING = (502, 503, 504)
REFUSED = (401, 403)
# A handshake is a kilobyte each way, but a server that infers on its event loop answers only after that inference.
CLOSE_S = 1.0
# The close code that goes out when a message is larger than max_size.
TOO_BIG = 1009


class WebSocket:
    """Frames in and out. Opened at the first use; after any fault the next use opens a new one.

    ``greet`` is called with this socket right after each opening, for what the protocol says first.
    """

    def __init__(self, address: Address, greet: Callable[[WebSocket], None]) -> None:
        self.address = address
        self._library = load("websockets.sync.client", "pytest-robustplus[remote]", "Talking to a policy server")
        self._faults = load("websockets.exceptions", "pytest-robustplus[remote]", "Talking to a policy server")
        self._greet = greet
        self.opened = 0
        """How many connections there have been."""
        self._connection: Any = None
        self._watch: Watch | None = None
        self._under_way = False

    def open(self) -> None:
        """Connect and greet, unless that is done; raises as ``send`` does."""
        if self._under_way or (self._watch is not None and self._watch.expired):
            # An exception, such as that of an episode's limit, came even before it could be dropped.
            self.close()
        if self._connection is None:
            self._connection = retry.connect(self.address, self._connect)
            with self._exchanging():
                self._greet(self)

    @contextmanager
    def exchange(self, asked: str, *, numbered: bool = False) -> Iterator[None]:
        """One request and its answer, within ``answer_s``; ``asked`` names it in messages.

        Every way out but the end of the block drops the connection, so that a late answer is never taken for that of
        the next request; nor is a message that came unasked, unless answers are ``numbered`` and the caller looks.
        """
        self.open()
        with self._exchanging():
            if not numbered:
                self._refuse_unasked(asked)
            yield

    def send(self, frame: bytes, asked: str) -> None:
        """Send one frame, in an exchange.

        Raises ``PolicyUnreachableError`` when the server is gone or takes nothing.
        """
        try:
            self._connection.send(frame)
        except (self._faults.WebSocketException, OSError) as error:
            raise self._fault(asked, error) from error

    def receive(self, asked: str) -> bytes | str:
        """Wait for one frame; raises ``PolicyUnreachableError`` for silence and for a broken connection."""
        try:
            frame: bytes | str = self._connection.recv(timeout=self.address.answer_s)
        except (self._faults.WebSocketException, OSError) as error:
            raise self._fault(asked, error) from error
        except UnicodeDecodeError as error:
            raise retry.malformed(self.address, asked, f"a text frame that is no UTF-8: {error}") from error
        return frame

    def close(self) -> None:
        """Drop the connection; whatever was under way on it is forgotten."""
        connection, self._connection = self._connection, None
        watch, self._watch = self._watch, None
        under_way, self._under_way = self._under_way, False
        if connection is None or watch is None:
            return
        try:
            if under_way:
                # A goodbye would have to wait for a peer that may read nothing.
                watch.shut()
            else:
                watch.start(CLOSE_S)
            connection.close()
        finally:
            watch.close()

    @contextmanager
    def _exchanging(self) -> Iterator[None]:
        assert self._watch is not None
        self._under_way = True
        self._watch.start(self.address.answer_s)
        try:
            yield
            self._watch.stop()
            self._under_way = False
        finally:
            if self._under_way:
                self.close()

    def _refuse_unasked(self, asked: str) -> None:
        """Notice a frame that came without a request: it would be taken for the answer to this one."""
        try:
            self._connection.recv(timeout=0)
        except TimeoutError:
            return
        except (self._faults.WebSocketException, OSError) as error:
            raise self._fault(asked, error) from error
        raise retry.unasked(self.address, asked)

    def _fault(self, asked: str, error: Exception) -> Exception:
        if isinstance(error, TimeoutError) or self._watch is None or self._watch.expired:
            return retry.silent(self.address, asked)
        if isinstance(error, self._faults.ConnectionClosedError) and error.sent and error.sent.code == TOO_BIG:
            return retry.malformed(self.address, asked, f"more than {MAX_MESSAGE_BYTES:,} bytes")
        return retry.gone(self.address, asked, error)

    def _connect(self, left: float) -> Any:
        headers = {"Authorization": f"Api-Key {self.address.key}"} if self.address.key else None
        try:
            sock, watch = connected(self.address.host, self.address.port, left)
        except OSError as error:
            raise retry.NotYetError(str(error)) from error
        try:
            connection = self._opened(sock, headers, left)
        except BaseException as error:
            watch.close()
            sock.close()
            if watch.expired and isinstance(error, Exception):
                raise retry.NotYetError(f"no handshake for {left:.0f} s") from error
            raise
        watch.stop()
        self._watch = watch
        self.opened += 1
        return connection

    def _opened(self, sock: Any, headers: Any, left: float) -> Any:
        try:
            opening = self._library.connect(
                self.address.url,
                sock=sock,
                additional_headers=headers,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                open_timeout=left,
                close_timeout=CLOSE_S,
                # Servers block their event loop while they infer, so a ping would go unanswered.
                ping_interval=None,
                proxy=None,
            )
            # From websockets 17 on, a connection is to be entered; it stays open until close().
            return opening.__enter__()
        except ssl.SSLError as error:
            raise retry.refused_tls(self.address, error) from error
        except self._faults.InvalidStatus as error:
            raise self._refusal(error.response) from error
        except ValueError as error:
            # From websockets 17 on it refuses by itself to follow a redirect on a socket that it was given.
            refused = error.__cause__
            if isinstance(refused, self._faults.InvalidStatus):
                raise self._refusal(refused.response) from error
            raise
        except self._faults.InvalidURI as error:
            raise BadInputError(f"{self.address.url} is no websocket address: {error}.") from error
        except self._faults.InvalidMessage as error:
            # Who hangs up may be a port that is forwarded to a server that is not up yet.
            if isinstance(error.__cause__, EOFError | OSError):
                raise retry.NotYetError(str(error)) from error
            raise BadInputError(
                f"{self.address.url} is no websocket policy server: it does not answer a handshake as HTTP/1.1 does"
                f" ({error.__cause__ or error}). Check the port; a server that takes POST /act is reached by act:http://."
            ) from error
        except (self._faults.WebSocketException, OSError, EOFError) as error:
            raise retry.NotYetError(str(error) or type(error).__name__) from error

    def _refusal(self, response: Any) -> Exception:
        status = response.status_code
        if status in REFUSED:
            return retry.refused_key(self.address, status)
        if status in LOADING:
            return retry.NotYetError(f"HTTP {status}")
        if 300 <= status < 400:
            return retry.redirected(self.address, status, response.headers.get("Location"))
        return BadInputError(
            f"{self.address.url} is no websocket policy server: it answered HTTP {status}. Check port and path."
        )
