"""HTTP/1.1 connections on the event loop: bytes ↔ requests and responses, keep-alive, limits and timeouts.

One thread reads, computes and writes: a request handed from one thread to another finds cold caches, and that costs
several times what a small inference does. llhttp, by way of httptools, does the parsing.
"""

import asyncio
from collections import deque
from typing import Protocol

import httptools

from slipway_runtime.serve.errors import Fault
from slipway_runtime.serve.http.connections import FOREVER, HEAD_SECONDS, IDLE_SECONDS, STALL_SECONDS, Connections
from slipway_runtime.serve.http.messages import (
    JSON,
    NOBODY,
    OK,
    Client,
    Request,
    Response,
    error_body,
    head_of,
    path_of,
)

MAX_HEAD_BYTES = 64 * 1024
# Chunks of one byte take six on the wire; whoever sends more than this sends something else than a body.
_CHUNKING_OVERHEAD = 8
_WHOLE_WRITE_BYTES = 64 * 1024
# How long what a refused client still sends is read and dropped; closing at once would reset the connection, and the
# client would lose the refusal.
_LINGER_SECONDS = 2.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Some clients never repeat a head (they send an id in it): then this holds useless ones, a few megabytes at most.
_KNOWN_HEADS = 2048
_KNOWN_HEAD_BYTES = 1024
_SPECIAL = {b"transfer-encoding", b"upgrade", b"expect"}


class Application(Protocol):
    """What answers requests."""

    def handle(self, request: Request, client: Client) -> None:
        """Answer by one call of ``client.respond``, now or later, on the event loop; never raises."""

    def refuse(self, fault: Fault) -> Response:
        """Count and word the refusal of a request whose body is not read."""


class Connection(asyncio.Protocol):
    """One client's connection; requests of one connection are answered in their order."""

    def __init__(self, application: Application, connections: Connections, *, max_body: int) -> None:
        """Answer with ``application`` requests of bodies up to ``max_body`` bytes."""
        self._application = application
        self._connections = connections
        self._max_body = max_body
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._closing = False
        self.gone = False
        self._choked = False
        self._current = NOBODY
        self._latest: Request | None = None
        self._heads = connections.heads
        # A method of C for the parser to call: a function in Python for each header costs more than all else here.
        self._fields: dict[bytes, bytes] = {}
        self.on_header = self._fields.__setitem__
        self._parser = httptools.HttpRequestParser(self)
        self.deadline = FOREVER
        self.on_message_begin()
        self._receiving = False
        self.deadline = connections.now + IDLE_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server makes no other kind
        self._transport = transport
        if not self._connections.add(self):
            self._write(Response(503, error_body("too many connections; try again"), close=True))
            self._end(linger=True)

    def eof_received(self) -> bool:
        """Let a client that will send no more still have the answer it waits for."""
        if self._busy:
            self.gone = True
            self._current = self._current._replace(keep_alive=False)
        # TLS knows no half-closed connection.
        return self._busy and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection; what is being computed for it is thrown away when it is there."""
        self._closing = self.gone = True
        if self._receiving and not self._in_head:
            self._connections.in_flight -= 1
        self._receiving = False
        self._connections.in_flight -= len(self._waiting)
        self._waiting.clear()
        self._connections.discard(self)

    def pause_writing(self) -> None:
        """Read no more while the client does not take its answers."""
        self._choked = True
        self.deadline = self._connections.now + STALL_SECONDS
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self.deadline = FOREVER if self._busy else self._connections.now + IDLE_SECONDS
        self._choked = False
        self._next()

    def data_received(self, data: bytes) -> None:
        """Parse what came; every whole request is begun, or waits for the one before it."""
        if self._closing:
            return
        fresh = not (self._receiving or self._busy)
        if fresh and self._whole(data):
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(Response(Fault.BAD_INPUT, error_body(f"not HTTP/1.1: {error}"), close=True))
        if fresh and self._latest is not None and not self._receiving:
            self._remember(data, self._latest)
            self._latest = None
        if self._received > MAX_HEAD_BYTES and self._receiving and not self._closing:
            if self._in_head:
                self._refuse(Response(431, error_body(f"the head is larger than {MAX_HEAD_BYTES} bytes"), close=True))
            elif self._received > MAX_HEAD_BYTES + _CHUNKING_OVERHEAD * self._max_body:
                self._refuse(self._application.refuse(Fault.TOO_LARGE))

    def _whole(self, data: bytes) -> bool:
        """Begin the one request that ``data`` is, if its head is byte for byte one that the parser has accepted.

        Clients repeat their heads; only the body's length varies.
        """
        head, separator, body = data.partition(b"\r\n\r\n")
        known = self._heads.get(head) if separator else None
        if known is None or int(known.headers.get(b"content-length", b"0")) != len(body) or len(body) > self._max_body:
            return False
        self._connections.in_flight += 1
        self._begin(Request(known.method, known.path, known.headers, body, keep_alive=True))
        return True

    def _remember(self, data: bytes, request: Request) -> None:
        """Keep the head of a plain request that came in one piece."""
        head, separator, body = data.partition(b"\r\n\r\n")
        plain = request.keep_alive and len(head) < _KNOWN_HEAD_BYTES and not _SPECIAL & request.headers.keys()
        if separator and plain and body == request.body:
            if len(self._heads) >= _KNOWN_HEADS:
                self._heads.clear()
            self._heads[head] = request._replace(body=b"")

    def expire(self) -> None:
        """End what has taken too long: a request that does not come in, an answer not taken, or idleness."""
        if self._receiving and not self._closing:
            self._refuse(Response(408, error_body("the request did not come in; send it faster"), close=True))
        elif self._busy:
            self._transport.abort()
        else:
            self.shut()

    def shut(self) -> None:
        """Close once what is answered is written."""
        self._closing = True
        self._transport.close()

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """Start a request."""
        self.deadline = self._connections.now + HEAD_SECONDS
        self._url = b""
        self._fields.clear()
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._received = 0
        self._receiving = True
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        self._url += url

    def on_headers_complete(self) -> None:
        """Refuse a body that is too large before it is sent; tell a client that asks whether to send it."""
        if self._closing or self._parser.should_upgrade():
            return
        self._in_head = False
        # Trailers come after this, and so are dropped.
        self._headers = {name.lower(): value for name, value in self._fields.items()}
        self._connections.in_flight += 1
        self._keep_alive = self._parser.should_keep_alive()
        self.deadline = self._connections.now + STALL_SECONDS
        declared = self._headers.get(b"content-length")
        if declared is not None and int(declared) > self._max_body:
            self._refuse(self._application.refuse(Fault.TOO_LARGE))
        elif b"expect" in self._headers and not self._busy:
            self._transport.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        """Take a part of the body, up to the limit."""
        if self._closing:
            return
        self._body.append(part)
        self._body_bytes += len(part)
        self.deadline = self._connections.now + STALL_SECONDS
        if self._body_bytes > self._max_body:
            self._refuse(self._application.refuse(Fault.TOO_LARGE))

    def on_message_complete(self) -> None:
        """Begin the request, or let it wait for the one before it."""
        if self._closing or self._in_head:
            return
        self._receiving = False
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        method = self._parser.get_method().decode()
        request = Request(method, path_of(self._url), self._headers, body, self._keep_alive)
        self._latest = request
        if self._busy:
            self._waiting.append(request)
            self._transport.pause_reading()
        else:
            self._begin(request)

    def _begin(self, request: Request) -> None:
        self._busy = True
        self._current = request
        self.deadline = FOREVER
        self._application.handle(request, self)

    def respond(self, response: Response) -> None:
        """See ``messages.Client``."""
        self._connections.in_flight -= 1
        self._busy = False
        if self._transport.is_closing():
            return
        self.deadline = self._connections.now + IDLE_SECONDS
        self._write(response)
        if response.close or not self._current.keep_alive:
            self._end(linger=False)
        elif self._waiting:
            # Not at once: a client may have sent thousands in one piece, and each would be a call within a call.
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        if self._closing or self._choked:
            return
        if self._waiting and not self._busy:
            self._begin(self._waiting.popleft())
        if not self._waiting:
            self._transport.resume_reading()

    def _refuse(self, response: Response) -> None:
        """Answer a request that is not read to its end, and end the connection."""
        if self._receiving and not self._in_head:
            self._connections.in_flight -= 1
        self._receiving = False
        if not self._busy:
            self._current = NOBODY
            self._write(response)
        self._end(linger=True)

    def _end(self, *, linger: bool) -> None:
        self._closing = True
        if self._busy:
            # Of two pipelined requests the second is broken: the first gets its answer, then the end.
            self._current = self._current._replace(keep_alive=False)
            return
        if not linger:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Answer a client that offers another protocol (h2c, as Java's does) in the one it speaks now."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(Response(Fault.BAD_INPUT, error_body("this is no proxy"), close=True))
            return
        fields = (b"%s: %s\r\n" % field for field in self._fields.items() if field[0].lower() != b"upgrade")
        head = b"%s %s HTTP/1.1\r\n%s\r\n" % (method, self._url, b"".join(fields))
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def _write(self, response: Response) -> None:
        request, body = self._current, response.body
        if response.status == OK and response.content_type is JSON and request.keep_alive and not response.close:
            plain = b"connection" not in request.headers and request.method != "HEAD" and not response.headers
            if plain and len(body) <= _WHOLE_WRITE_BYTES:
                self._transport.write(b"%b%d\r\n\r\n%b" % (self._connections.usual_head, len(body), body))
                return
        head = head_of(response, request, self._connections.date)
        if request.method == "HEAD":
            self._transport.write(head)
        elif len(body) > _WHOLE_WRITE_BYTES:
            self._transport.write(head)
            self._transport.write(body)
        else:
            self._transport.write(head + body)
