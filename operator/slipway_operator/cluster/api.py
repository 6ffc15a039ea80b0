"""Raw requests to the API server over one shared connection pool.

The generated client's models are passed by: turning JSON into them and back costs more than the request.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio import client

from slipway_operator.cluster.errors import Retry, from_response
from slipway_operator.cluster.rate import TokenBucket
from slipway_operator.cluster.resources import Resource

FIELD_MANAGER = "slipway"
STATUS_MANAGER = "slipway-status"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
WATCH_SECONDS = 300
"""After which the API server is asked to end a watch: one that went deaf ends then, at the latest."""


@dataclass(frozen=True)
class Call:
    """A request that was made, for metrics."""

    verb: str
    group: str
    resource: str
    code: int
    """HTTP status; 0 when no answer came."""
    namespace: str | None
    name: str | None


class Api:
    """Requests as JSON, limited in rate, with errors by what to do next.

    Args:
        configuration: of ``kubernetes.aio``; its token refresh is honoured.
        bucket: the rate limit.
        timeout: seconds for one request.
        recorder: told of every request.
    """

    def __init__(
        self,
        configuration: Any,
        bucket: TokenBucket,
        timeout: float = 30.0,
        recorder: Callable[[Call], None] | None = None,
    ) -> None:
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self._client.user_agent = "slipway-operator"
        self._bucket = bucket
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._recorder = recorder

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    def _pool(self) -> aiohttp.ClientSession:
        """The client's own session, with its TLS settings; made at the first request, when the loop runs."""
        rest = self._client.rest_client
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()  # noqa: SLF001 - nothing public makes it
        session: aiohttp.ClientSession = rest.pool_manager
        return session

    async def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "slipway-operator"}
        settings = await self._configuration.auth_settings()
        if "BearerToken" in settings:
            headers["Authorization"] = settings["BearerToken"]["value"]
        return headers

    async def request(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None = None,
        name: str | None = None,
        *,
        method: str,
        subresource: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        limited: bool = True,
    ) -> dict[str, Any]:
        """One request; the answer's JSON.

        ``verb`` is the RBAC verb, for the record; ``limited`` says whether it waits for the rate limit (leases do not).

        Raises:
            Terminal, Conflict, NotFound, Retry: see :mod:`slipway_operator.cluster.errors`.
        """
        if limited:
            await self._bucket.take()
        headers = await self._headers()
        headers["Content-Type"] = content_type
        url = self._configuration.host + resource.path(namespace, name, subresource)
        if query:
            url += "?" + urlencode(query)
        data = orjson.dumps(body) if body is not None else None
        full = f"{resource.plural}/{subresource}" if subresource else resource.plural
        call = Call(verb, resource.group, full, 0, namespace, name)
        async with self._answer(call, method, url, headers=headers, patience=self._timeout, data=data) as response:
            content = await response.read()
        return _decoded(response, content)

    @asynccontextmanager
    async def _answer(
        self,
        call: Call,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        patience: aiohttp.ClientTimeout,
        data: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to one request, whatever its status; ``call`` is recorded with it when it has been read.

        Raises:
            Retry: no answer came, or it broke off.
        """
        try:
            async with self._pool().request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=patience,
                server_hostname=self._configuration.tls_server_name,
                proxy=self._configuration.proxy,
            ) as response:
                call = replace(call, code=response.status)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Retry(f"{method} {url}: {type(error).__name__}: {error}") from error
        finally:
            if self._recorder is not None:
                self._recorder(call)

    async def apply(
        self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any], manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """Server-side apply of a whole manifest; the object as it is now."""
        return await self._apply(resource, namespace, name, manifest, manager)

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, manifest: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Server-side apply of ``/status``; the manifest carries the resourceVersion that was seen.

        Raises:
            Conflict: the object changed since.
        """
        return await self._apply(resource, namespace, name, manifest, STATUS_MANAGER, subresource="status")

    async def _apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        manifest: Mapping[str, Any],
        manager: str,
        *,
        subresource: str | None = None,
    ) -> dict[str, Any]:
        # "Ignore" spares the API server a second parse of every manifest, which only looks for keys that occur twice.
        # An apply with a field that the schema does not have is refused all the same.
        return await self.request(
            "patch",
            resource,
            namespace,
            name,
            subresource=subresource,
            method="PATCH",
            query={"fieldManager": manager, "force": "true", "fieldValidation": "Ignore"},
            body=manifest,
            content_type=APPLY,
        )

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str, propagation: str) -> dict[str, Any]:
        """Delete the object, only while it has that uid.

        Raises:
            NotFound: it is gone.
            Conflict: another one has its name.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": propagation,
        }
        return await self.request("delete", resource, namespace, name, method="DELETE", body=body)

    async def pages(
        self, resource: Resource, namespace: str | None, selector: str | None, chunk: int = 500
    ) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
        """The whole collection in chunks: (resourceVersion of the list, items)."""
        query = {"limit": str(chunk)}
        if selector:
            query["labelSelector"] = selector
        while True:
            page = await self.request("list", resource, namespace, method="GET", query=query)
            metadata = page.get("metadata") or {}
            yield metadata.get("resourceVersion", ""), page.get("items") or []
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]
            await asyncio.sleep(0)

    async def watch(
        self, resource: Resource, namespace: str | None, selector: str | None, version: str
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Changes of the collection after a resourceVersion: (type, object), until the server ends the stream.

        Bookmarks are among them.

        Raises:
            Conflict: the server no longer knows that version.
            OperatorError: the stream broke, or could not be had.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        if selector:
            query["labelSelector"] = selector
        url = self._configuration.host + resource.path(namespace) + "?" + urlencode(query)
        patience = aiohttp.ClientTimeout(total=WATCH_SECONDS + 30, sock_connect=10)
        call = Call("watch", resource.group, resource.plural, 0, namespace, None)
        async with self._answer(call, "GET", url, headers=await self._headers(), patience=patience) as response:
            if response.status != HTTPStatus.OK:
                _decoded(response, await response.read())
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield change(line)

    async def served(self, resources: tuple[Resource, ...]) -> list[str]:
        """Which of these resources the API server does not know (yet)."""
        missing: list[str] = []
        for root in {resource.root for resource in resources}:
            url = self._configuration.host + root
            async with self._pool().get(url, headers=await self._headers(), timeout=self._timeout) as response:
                content = await response.read()
            known = (
                {one["name"] for one in orjson.loads(content).get("resources", [])}
                if response.status == HTTPStatus.OK
                else set()
            )
            missing += [one.plural for one in resources if one.root == root and one.plural not in known]
        return sorted(missing)


def change(line: bytes) -> tuple[str, dict[str, Any]]:
    """(type, object) of a watch's line.

    Raises:
        OperatorError: the line tells why the watch cannot go on.
    """
    event = orjson.loads(line)
    kind, body = str(event["type"]), event["object"]
    if kind == "ERROR":
        raise from_response(int(body.get("code") or 0), str(body.get("reason", "")), str(body.get("message", "")))
    return kind, body


def _decoded(response: aiohttp.ClientResponse, content: bytes) -> dict[str, Any]:
    if response.status < HTTPStatus.MULTIPLE_CHOICES:
        decoded: dict[str, Any] = orjson.loads(content)
        return decoded
    try:
        status = orjson.loads(content)
        reason, message = str(status.get("reason", "")), str(status.get("message", ""))
    except (orjson.JSONDecodeError, AttributeError):
        reason, message = "", content[:500].decode(errors="replace")
    after = response.headers.get("Retry-After", "")
    raise from_response(response.status, reason, message, float(after) if after.isdecimal() else None)
