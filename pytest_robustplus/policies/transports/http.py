"""One kept-alive HTTP connection to a policy server: waits while it loads, tells the faults apart."""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urlsplit

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.transports import retry
from pytest_robustplus.policies.transports.address import Address
from pytest_robustplus.policies.transports.arrays import MAX_MESSAGE_BYTES
from pytest_robustplus.policies.transports.watch import Watch, connected

LOADING = (502, 503, 504)
REFUSED = (401, 403)
PIECE_BYTES = 2**16


class Http:
    """Posts JSON; the standard library's client is enough and adds no overhead worth naming.

    A client with timeouts of its own, such as httpx, bounds each read and write and not the exchange, so it would need
    the same watch.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connection: http.client.HTTPConnection | None = None
        self._watch: Watch | None = None
        self._under_way = False
        self.ended_by_closing = False
        """Whether nothing but the end of the connection told where the last answer ends: it may have been cut off."""
        self.opened = 0
        """How many connections there have been."""
        self._path = urlsplit(address.url).path or "/act"

    def open(self) -> None:
        """Connect, unless that is done; raises ``PolicyUnreachableError`` when no server comes up."""
        if self._under_way or not self._usable():
            self.close()
        if self._connection is None:
            self._connection = retry.connect(self.address, self._connect)

    def post(self, body: str, asked: str) -> tuple[int, bytes]:
        """Post ``body`` and return status and answer, both within ``answer_s``.

        A connection that the server closed while it was idle is reopened once: nothing of the request was answered.
        Raises ``PolicyUnreachableError`` for silence, a broken connection and a server that stays busy loading,
        ``BadInputError`` for a refused key, a redirect and a wrong path.
        """
        kept = self._connection is not None
        try:
            status, answer = self._exchange(body, asked)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            if not kept:
                raise retry.gone(self.address, asked, error) from error
            try:
                status, answer = self._exchange(body, asked)
            except (http.client.HTTPException, OSError) as again:
                raise retry.gone(self.address, asked, again) from again
        except (http.client.HTTPException, OSError) as error:
            raise retry.gone(self.address, asked, error) from error
        if status in LOADING:
            self.close()
            raise retry.gone(self.address, asked, f"HTTP {status}")
        if status in REFUSED:
            raise retry.refused_key(self.address, status)
        if status in (404, 405):
            raise BadInputError(
                f"{self.address.url} takes no POST {self._path}: it answered HTTP {status}. Check port and path."
            )
        return status, answer

    def close(self) -> None:
        """Drop the connection; whatever was under way on it is forgotten."""
        connection, self._connection = self._connection, None
        watch, self._watch = self._watch, None
        self._under_way = False
        if watch is not None:
            watch.shut()
            watch.close()
        if connection is not None:
            connection.close()

    def _exchange(self, body: str, asked: str) -> tuple[int, bytes]:
        """Every way out but an answer drops the connection: what is still to come would answer the next request."""
        self.open()
        watch = self._watch
        assert watch is not None
        self._under_way = True
        watch.start(self.address.answer_s)
        try:
            status, answer = self._asked(body, asked)
            watch.stop()
            if watch.expired:
                # To the library, a connection that ends may be the end of headers or of a body.
                raise TimeoutError
            self._under_way = False
        except (http.client.HTTPException, OSError) as error:
            if watch.expired:
                raise retry.silent(self.address, asked) from error
            raise
        finally:
            if self._under_way:
                self.close()
        return status, answer

    def _asked(self, body: str, asked: str) -> tuple[int, bytes]:
        connection = self._connection
        assert connection is not None
        headers = {"Content-Type": "application/json"}
        if self.address.key:
            headers["Authorization"] = f"Api-Key {self.address.key}"
        connection.request("POST", self._path, body.encode(), headers)
        response = connection.getresponse()
        try:
            if 300 <= response.status < 400:
                raise retry.redirected(self.address, response.status, response.headers.get("Location"))
            self.ended_by_closing = response.length is None and not response.chunked
            pieces: list[bytes] = []
            size = 0
            while piece := response.read1(PIECE_BYTES):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_MESSAGE_BYTES:
                    raise retry.malformed(self.address, asked, f"more than {MAX_MESSAGE_BYTES:,} bytes")
            if response.length or (response.will_close and not pieces):
                # read1() takes the end of the connection for the end of the answer.
                raise http.client.IncompleteRead(b"", response.length)
        finally:
            # Without it the next request is refused: read1() never notices that the answer is complete.
            response.close()
        return response.status, b"".join(pieces)

    def _usable(self) -> bool:
        """Whether the connection is open and silent: what is there before the request cannot be its answer."""
        sock: socket.socket | None = None if self._connection is None else self._connection.sock
        if sock is None:
            return False
        sock.setblocking(False)
        try:
            sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            sock.setblocking(True)
            return True
        except OSError:
            pass
        return False

    def _connect(self, left: float) -> http.client.HTTPConnection:
        try:
            sock, watch = connected(self.address.host, self.address.port, left)
        except OSError as error:
            raise retry.NotYetError(str(error)) from error
        try:
            if self.address.url.startswith("https"):
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self.address.host)
        except OSError as error:
            watch.close()
            sock.close()
            if isinstance(error, ssl.SSLError):
                raise retry.refused_tls(self.address, error) from error
            raise retry.NotYetError(str(error)) from error
        watch.stop()
        self._watch = watch
        self.opened += 1
        kind = http.client.HTTPSConnection if self.address.url.startswith("https") else http.client.HTTPConnection
        connection = kind(self.address.host, self.address.port)
        connection.sock = sock
        # A connection that the server ends is for open() to replace, which knows how.
        connection.auto_open = 0
        return connection
