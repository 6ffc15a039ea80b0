"""A bucket, an account and the Secret ``slipway-store`` per namespace.

No Secret of a user's namespace is ever read: an account's key is derived from the root key and the namespace's name, so
that a restarted operator writes the same one again, and applying an unchanged Secret changes nothing.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from slipway_operator.cluster.api import Api
from slipway_operator.cluster.errors import Conflict, NotFound, Retry
from slipway_operator.cluster.gateway import Gateway
from slipway_operator.cluster.resources import SECRETS
from slipway_operator.cluster.sigv4 import Credentials
from slipway_operator.domain.planning import STORE_SECRET

BUCKET_LIMIT = 63
BUCKET_PREFIX = "slipway-"


class StoreMode(StrEnum):
    """Where artifacts are kept."""

    EMBEDDED = "embedded"
    EXTERNAL = "external"
    NONE = "none"


@dataclass(frozen=True)
class StoreConfig:
    """What an install says about its model store."""

    mode: StoreMode
    namespace: str
    """The operator's own."""
    root_secret: str
    endpoint: str = ""
    region: str = "us-east-1"
    uri: str = ""
    """Root of an external store."""


def bucket_name(namespace: str) -> str:
    """Bucket of a namespace; names that would be too long end in a hash."""
    name = f"{BUCKET_PREFIX}{namespace}"
    if len(name) <= BUCKET_LIMIT:
        return name
    return f"{name[: BUCKET_LIMIT - 11]}-{hashlib.sha256(namespace.encode()).hexdigest()[:10]}"


def store_uri(config: StoreConfig, namespace: str) -> str:
    """Root of a namespace's store; empty without a store."""
    match config.mode:
        case StoreMode.EMBEDDED:
            return f"s3://{bucket_name(namespace)}/"
        case StoreMode.EXTERNAL:
            return config.uri.rstrip("/") + "/"
        case StoreMode.NONE:
            return ""


def account_of(namespace: str, root: Credentials) -> Credentials:
    """The account of a namespace: the same for the same root key."""
    digest = hmac.new(root.secret_key.encode(), f"slipway account {namespace}".encode(), hashlib.sha256).digest()
    return Credentials(bucket_name(namespace), base64.urlsafe_b64encode(digest).decode().rstrip("="))


class StoreAccounts:
    """Makes what a namespace needs to use the model store.

    Args:
        api: the API server.
        session: HTTP client for the gateway.
        config: the install's store.
        new_secret: makes a fresh root secret.
    """

    def __init__(
        self,
        api: Api,
        session: aiohttp.ClientSession,
        config: StoreConfig,
        new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._api = api
        self._session = session
        self._config = config
        self._new_secret = new_secret
        self._root: Credentials | None = None

    def uri(self, namespace: str) -> str:
        """Root of the namespace's store; empty without a store."""
        return store_uri(self._config, namespace)

    async def ensure_root(self) -> Credentials | None:
        """The root key: of the embedded gateway, made if absent; of an external store, given (None: ambient).

        Raises:
            Retry: the Secret cannot be read or written now, or lacks a key.
        """
        if self._root is not None:
            return self._root
        if self._config.mode is StoreMode.NONE or not self._config.root_secret:
            return None
        try:
            found = await self._read_root()
        except NotFound as absent:
            if self._config.mode is StoreMode.EXTERNAL:
                raise Retry(
                    f"Secret {self._config.namespace}/{self._config.root_secret} does not exist; create it with"
                    " accessKeyId and secretAccessKey of the external store"
                ) from absent
            found = await self._make_root()
        self._root = found
        return found

    async def values(self, namespace: str) -> dict[str, str]:
        """What a pod of the namespace needs to use its store, as in the Secret; empty values are left out.

        Raises:
            Retry: there is no store, or its root key is not to be had now.
        """
        if self._config.mode is StoreMode.NONE:
            raise Retry(
                "this install has no model store; set spec.output.uri and spec.output.secretName,"
                " or a store in the chart's values",
                300.0,
            )
        account = await self.ensure_root()
        if account is not None and self._config.mode is StoreMode.EMBEDDED:
            account = account_of(namespace, account)
        return self._values(self.uri(namespace), account)

    async def own_values(self) -> dict[str, str]:
        """The same with the install's own key, which opens all that the install keeps.

        Raises:
            Retry: the key is not to be had now.
        """
        return self._values(self._config.uri, await self.ensure_root())

    async def buckets(self) -> tuple[str, ...]:
        """Buckets of the embedded store: one for each namespace that ever used it, there still or gone.

        Raises:
            Retry: the gateway cannot be reached or refuses.
        """
        gateway = await self._gateway()
        return tuple(name for name in await gateway.buckets() if name.startswith(BUCKET_PREFIX))

    async def ensure(self, namespace: str) -> None:
        """Have account, bucket and Secret in place. Repeating it changes nothing.

        Raises:
            OperatorError: what the API server or the gateway refused.
        """
        values = await self.values(namespace)
        if self._config.mode is StoreMode.EMBEDDED:
            gateway = await self._gateway()
            account = account_of(namespace, gateway.root)
            await gateway.ensure_account(account)
            await gateway.ensure_bucket(bucket_name(namespace), account.access_key)
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": STORE_SECRET,
                "namespace": namespace,
                "labels": {"app.kubernetes.io/managed-by": "slipway", "app.kubernetes.io/name": STORE_SECRET},
            },
            "type": "Opaque",
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
        }
        await self._api.apply(SECRETS, namespace, STORE_SECRET, manifest)

    async def _gateway(self) -> Gateway:
        root = await self.ensure_root()
        if root is None:
            raise Retry(
                "the embedded store has no root key: set SLIPWAY_OPERATOR_STORE_ROOT_SECRET to its Secret's name"
            )
        return Gateway(self._session, self._config.endpoint, self._config.region, root)

    def _values(self, uri: str, account: Credentials | None) -> dict[str, str]:
        values = {"uri": uri, "endpoint": self._config.endpoint, "region": self._config.region}
        if account is not None:
            values |= {"accessKeyId": account.access_key, "secretAccessKey": account.secret_key}
        return {key: value for key, value in values.items() if value}

    async def _read_root(self) -> Credentials:
        name, namespace = self._config.root_secret, self._config.namespace
        secret = await self._api.request("get", SECRETS, namespace, name, method="GET")
        data = secret.get("data") or {}
        try:
            access, key = (base64.b64decode(data[field]).decode() for field in ("accessKeyId", "secretAccessKey"))
        except KeyError as missing:
            raise Retry(
                f"Secret {namespace}/{name} lacks the key {missing}; it needs accessKeyId and secretAccessKey"
            ) from None
        return Credentials(access, key)

    async def _make_root(self) -> Credentials:
        root = Credentials("slipway-root", self._new_secret())
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self._config.root_secret, "namespace": self._config.namespace},
            "type": "Opaque",
            "stringData": {"accessKeyId": root.access_key, "secretAccessKey": root.secret_key},
        }
        try:
            await self._api.request("create", SECRETS, self._config.namespace, method="POST", body=body)
        except Conflict:
            return await self._read_root()
        return root
