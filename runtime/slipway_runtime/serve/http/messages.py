"""Requests and responses of HTTP, and the text of their heads."""

from functools import lru_cache
from typing import NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

import httptools
import orjson

OK = 200
JSON = "application/json"
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    499: "Client Closed Request",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_STATUS_LINES = {status: f"HTTP/1.1 {status} {phrase}\r\n".encode() for status, phrase in _PHRASES.items()}


class Request(NamedTuple):
    """One whole request. Header names are in lower case; of a repeated header the last one counts."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    keep_alive: bool


class Response(NamedTuple):
    """What is answered; with ``close`` the connection ends."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: bytes = b""
    """Further lines of the head, each with its end."""
    close: bool = False


class Client(Protocol):
    """Who waits for the answer to a request."""

    gone: bool
    """Whether probably nobody waits any more: the client has closed the connection, or its side of it."""

    def respond(self, response: Response) -> None:
        """Send the answer; called once for each request, on the event loop."""


NOBODY = Request("", "", {}, b"", keep_alive=False)


def head_of(response: Response, request: Request, date: bytes) -> bytes:
    """Head of ``response`` to ``request``, with the empty line that ends it."""
    lines = [
        _STATUS_LINES[response.status],
        b"content-type: %b\r\ncontent-length: %d\r\n" % (response.content_type.encode(), len(response.body)),
        b"date: %b\r\n" % date,
    ]
    lines.append(response.headers)
    if response.close or not request.keep_alive:
        lines.append(b"connection: close\r\n")
    elif b"connection" in request.headers:
        # A client of HTTP/1.0 closes unless told that the connection stays.
        lines.append(b"connection: keep-alive\r\n")
    return b"".join((*lines, b"\r\n"))


@lru_cache(maxsize=1024)
def path_of(target: bytes) -> str:
    """Path of a request's target, decoded, without the query."""
    if not target.startswith(b"/"):
        target = httptools.parse_url(target).path or b"/"
    path = target.partition(b"?")[0]
    return (unquote_to_bytes(path) if b"%" in path else path).decode(errors="replace")


def error_body(message: str) -> bytes:
    """Body of every answer of status 400 and above."""
    return orjson.dumps({"error": message})
