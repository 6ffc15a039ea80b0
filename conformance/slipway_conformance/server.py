"""The server under test: requests byte by byte as a case wants them, and answers that can be judged."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_JSON = "application/json"
_NOTHING: Mapping[str, str] = {}
BAD_REQUEST = range(400, 500)
REFUSED = range(400, 600)


class Refuted(AssertionError):
    """A statement is not true of the server; the message says what was found."""


class NotOffered(Exception):
    """The server does without something that the protocol lets it do without; the case is skipped."""


class Answer(NamedTuple):
    """What a server answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, of an answer that says it is JSON.

        Raises:
            Refuted: it is not.
        """
        self.typed_json()
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refuted(f"the body is no JSON: {self.body[:80]!r}") from error

    def typed_json(self) -> None:
        """Raise Refuted unless the content type is JSON's."""
        given = self.headers.get("content-type", "none")
        if given.partition(";")[0].strip() != _JSON:
            raise Refuted(f"status {self.status}, content-type {given}, not {_JSON}: {self.body[:80]!r}")

    def ok(self) -> "Answer":
        """The answer itself, when its status is 200.

        Raises:
            Refuted: it is another.
        """
        if self.status != http.client.OK:
            raise Refuted(f"status {self.status}: {self.body[:200]!r}")
        return self

    def refused(self, statuses: range = BAD_REQUEST) -> str:
        """The message of an answer that has one of ``statuses`` and the protocol's form of an error.

        Raises:
            Refuted: another status, or another form.
        """
        if self.status not in statuses:
            wanted = f"{statuses[0]}" if len(statuses) == 1 else f"{statuses[0]} to {statuses[-1]}"
            raise Refuted(f"status {self.status}, not {wanted}: {self.body[:120]!r}")
        document = self.json()
        message = document.get("error") if isinstance(document, dict) else None
        if not isinstance(message, str) or not message:
            raise Refuted(f'status {self.status} without a text in "error": {self.body[:120]!r}')
        return message


class Server:
    """A server by its address. Every request has a connection of its own: what one case breaks stays broken there."""

    def __init__(self, url: str, timeout: float, grpc: str | None = None) -> None:
        """Ask the server at ``url``, and give up on an answer after ``timeout`` seconds.

        Raises:
            ValueError: ``url`` is not ``http://host[:port][/prefix]``.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is not http://host:port")
        self._host, self._port, self._prefix = parts.hostname, parts.port or 80, parts.path.rstrip("/")
        self.timeout = timeout
        self.grpc = grpc

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = _NOTHING) -> Answer:
        """Send one request with exactly these headers, besides Host and Content-Length.

        Raises:
            OSError, http.client.HTTPException: there is no answer.
        """
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        try:
            connection.request(method, self._prefix + path, body, dict(headers))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def get(self, path: str) -> Answer:
        """GET ``path``."""
        return self.ask("GET", path)

    def post(self, path: str, document: object, headers: Mapping[str, str] = _NOTHING) -> Answer:
        """POST ``document`` as JSON."""
        return self.ask("POST", path, json.dumps(document).encode(), {"Content-Type": _JSON, **headers})

    def infer(self, model: str, *inputs: Mapping[str, Any], **fields: Any) -> Answer:
        """POST an inference in JSON alone."""
        return self.post(infer_path(model), {"inputs": inputs, **fields})


def infer_path(model: str) -> str:
    """Where inferences of a model go."""
    return f"/v2/models/{model}/infer"


def same(found: object, expected: object, what: str) -> None:
    """Raise Refuted unless both are equal."""
    if found != expected:
        raise Refuted(f"{what} is {found!r}, not {expected!r}")
