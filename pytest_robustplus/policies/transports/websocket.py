"""One websocket to a policy server: waits while it loads, reconnects after a fault, tells the faults apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.transports import patience
from pytest_robustplus.policies.transports.address import Address
from pytest_robustplus.policies.transports.arrays import MAX_MESSAGE_BYTES
from pytest_robustplus.policies.transports.libraries import load

LOADING = (502, 503, 504)
REFUSED = (401, 403)
# A handshake is a kilobyte each way, but a server that infers on its event loop answers only after that inference.
CLOSE_S = 1.0


class WebSocket:
    """Frames in and out. Opened at the first use; after any fault the next use opens a new one.

    ``greet`` is called with the new socket's ``ask`` right after each opening, for what the protocol says first.
    """

    def __init__(self, address: Address, greet: Callable[[WebSocket], None]) -> None:
        self.address = address
        self._library = load("websockets.sync.client", "pytest-robustplus[remote]", "Talking to a policy server")
        self._faults = load("websockets.exceptions", "pytest-robustplus[remote]", "Talking to a policy server")
        self._greet = greet
        self._patience = patience.Patience(address)
        self._connection: Any = None

    def open(self) -> None:
        """Connect and greet, unless that is done; raises as ``send`` does."""
        if self._connection is not None:
            return
        self._connection = self._patience.connect(self._connect)
        try:
            self._greet(self)
        except BaseException:
            self.close()
            raise

    def send(self, frame: bytes, asked: str) -> None:
        """Send one frame; ``asked`` names it in messages.

        Raises ``PolicyUnreachableError`` when the server is gone, ``BadInputError`` when it refuses the key.
        """
        self.open()
        try:
            self._connection.send(frame)
        except (self._faults.WebSocketException, OSError) as error:
            self.close()
            raise patience.gone(self.address, asked, error) from error

    def receive(self, asked: str) -> bytes | str:
        """Wait for one frame; raises ``PolicyUnreachableError`` for silence and for a broken connection."""
        try:
            frame: bytes | str = self._connection.recv(timeout=self.address.answer_s)
        except TimeoutError as error:
            self.close()
            raise patience.silent(self.address, asked) from error
        except (self._faults.WebSocketException, OSError) as error:
            self.close()
            raise patience.gone(self.address, asked, error) from error
        return frame

    def close(self) -> None:
        """Drop the connection; whatever was under way on it is forgotten, so no late answer can be mistaken."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self, left: float) -> Any:
        headers = {"Authorization": f"Api-Key {self.address.key}"} if self.address.key else None
        try:
            opening = self._library.connect(
                self.address.url,
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
        except self._faults.InvalidStatus as error:
            status = error.response.status_code
            if status in REFUSED:
                raise patience.refused_key(self.address, status) from error
            if status in LOADING:
                raise patience.NotYetError(f"HTTP {status}") from error
            raise BadInputError(
                f"{self.address.url} is no websocket policy server: it answered HTTP {status}. Check port and path."
            ) from error
        except self._faults.InvalidURI as error:
            raise BadInputError(f"{self.address.url} is no websocket address: {error}.") from error
        except (self._faults.WebSocketException, OSError, EOFError) as error:
            raise patience.NotYetError(str(error) or type(error).__name__) from error
