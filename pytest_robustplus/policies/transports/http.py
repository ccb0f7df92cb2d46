"""One kept-alive HTTP connection to a policy server: waits while it loads, tells the faults apart."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.transports import patience
from pytest_robustplus.policies.transports.address import Address
from pytest_robustplus.policies.transports.arrays import MAX_MESSAGE_BYTES

LOADING = (502, 503, 504)
REFUSED = (401, 403)
PIECE_BYTES = 2**16


class Http:
    """Posts JSON; the standard library's client is enough and adds no overhead worth naming."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._patience = patience.Patience(address)
        self._connection: http.client.HTTPConnection | None = None
        self._path = urlsplit(address.url).path or "/act"

    def open(self) -> None:
        """Connect, unless that is done; raises ``PolicyUnreachableError`` when no server comes up."""
        if self._connection is None:
            self._connection = self._patience.connect(self._connect)

    def post(self, body: str, asked: str) -> tuple[int, bytes]:
        """Post ``body`` and return status and answer.

        A connection that the server closed while it was idle is reopened once: nothing of the request was answered.
        Raises ``PolicyUnreachableError`` for silence, a broken connection and a server that stays busy loading,
        ``BadInputError`` for a refused key and a wrong path.
        """
        kept = self._connection is not None
        try:
            status, answer = self._exchange(body, asked)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if not kept:
                raise patience.gone(self.address, asked, error) from error
            try:
                status, answer = self._exchange(body, asked)
            except (http.client.HTTPException, OSError) as again:
                self.close()
                raise patience.gone(self.address, asked, again) from again
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise patience.gone(self.address, asked, error) from error
        if status in LOADING:
            self.close()
            raise patience.gone(self.address, asked, f"HTTP {status}")
        if status in REFUSED:
            raise patience.refused_key(self.address, status)
        if status in (404, 405):
            raise BadInputError(
                f"{self.address.url} takes no POST {self._path}: it answered HTTP {status}. Check port and path."
            )
        return status, answer

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, body: str, asked: str) -> tuple[int, bytes]:
        self.open()
        connection = self._connection
        assert connection is not None
        end = time.monotonic() + self.address.answer_s
        headers = {"Content-Type": "application/json"}
        if self.address.key:
            headers["Authorization"] = f"Api-Key {self.address.key}"
        try:
            connection.request("POST", self._path, body.encode(), headers)
            response = connection.getresponse()
            pieces: list[bytes] = []
            size = 0
            while piece := response.read1(PIECE_BYTES):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_MESSAGE_BYTES:
                    self.close()
                    raise patience.malformed(self.address, asked, f"more than {MAX_MESSAGE_BYTES:,} bytes")
                # The socket's own timeout starts anew with every piece.
                if time.monotonic() > end:
                    raise TimeoutError
            # Without it the next request is refused: read1() never notices that the answer is complete.
            response.close()
        except TimeoutError as error:
            self.close()
            raise patience.silent(self.address, asked) from error
        return response.status, b"".join(pieces)

    def _connect(self, left: float) -> http.client.HTTPConnection:
        secure = self.address.url.startswith("https")
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self.address.host, self.address.port, timeout=left)
        try:
            connection.connect()
        except OSError as error:
            raise patience.NotYetError(str(error)) from error
        connection.sock.settimeout(self.address.answer_s)
        return connection
