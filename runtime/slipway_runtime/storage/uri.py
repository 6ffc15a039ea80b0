"""From a URI, or a plain path, to a store."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from obstore.store import HTTPStore, LocalStore, S3Store

from slipway_runtime.storage.credentials import Credentials
from slipway_runtime.storage.errors import ObjectMissing, UriInvalid
from slipway_runtime.storage.store import Entry, Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

REMOTE_SCHEMES = ("s3", "http", "https")

_ANONYMOUS = Credentials.model_validate({})


@dataclass(frozen=True)
class Mounts:
    """Where credentials and claims are mounted; from a shell nothing is, and the environment's credentials count."""

    store: Path | None = None
    secrets: Path = Path("/var/run/slipway/secrets")
    pvc: Path = Path("/var/run/slipway/pvc")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read ``SLIPWAY_STORE``, ``SLIPWAY_SECRETS`` and ``SLIPWAY_PVC``."""
        store = env.get("SLIPWAY_STORE")
        return cls(
            store=Path(store) if store else None,
            secrets=Path(env.get("SLIPWAY_SECRETS") or cls.secrets),
            pvc=Path(env.get("SLIPWAY_PVC") or cls.pvc),
        )

    def credentials(self, secret_name: str | None = None) -> Credentials:
        """The named Secret's credentials, or the store's own, or none (the environment's).

        Raises:
            CredentialsRefused: What was asked for is not mounted.
        """
        if secret_name:
            return Credentials.from_directory(self.secrets / secret_name)
        return Credentials.from_directory(self.store) if self.store else _ANONYMOUS


def is_remote(uri: str) -> bool:
    """Whether the URI names something on another machine (not a directory or claim)."""
    return urlsplit(uri).scheme in REMOTE_SCHEMES


def local_path(uri: str, mounts: Mounts) -> Path:
    """The path behind ``file://…``, ``pvc://claim/path`` or a plain path.

    Raises:
        UriInvalid: The URI is remote, or a claim's path leaves the claim.
    """
    parts = urlsplit(uri)
    if parts.scheme == "":
        return Path(uri)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path:
            raise UriInvalid(uri, "does not name a local file", "write file:///absolute/path")
        return Path(unquote(parts.path))
    if parts.scheme == "pvc":
        relative = unquote(parts.path).strip("/")
        if not parts.netloc or any(segment in {".", ".."} for segment in relative.split("/")):
            raise UriInvalid(uri, "does not name a path inside a claim", "write pvc://claim/path without . and ..")
        return mounts.pvc / parts.netloc / relative
    raise UriInvalid(uri, f"has the unknown scheme {parts.scheme!r}", "use s3, https, http, pvc or file")


def open_uri(uri: str, mounts: Mounts, *, secret_name: str | None = None, create: bool = False) -> Store:
    """A store rooted at a URI: ``s3://bucket/prefix``, ``http(s)://…``, ``pvc://claim/path``, ``file:///…`` or a path.

    Args:
        uri: The root.
        mounts: Where credentials and claims are.
        secret_name: A Secret of its own instead of the store's credentials.
        create: Make a local directory that does not exist.

    Raises:
        UriInvalid: The URI cannot name a store.
        CredentialsRefused: The Secret is not mounted.
        ObjectMissing: A local directory does not exist.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        return _open_s3(uri, parts.netloc, parts.path.strip("/"), mounts.credentials(secret_name))
    if parts.scheme in {"http", "https"}:
        if not parts.netloc or parts.query or parts.fragment:
            raise UriInvalid(uri, "needs a host, and no query or fragment", "use a plain URL, or s3:// with a Secret")
        backend = HTTPStore.from_url(uri, client_options=_client(uri), retry_config=_retry())
        return Store(uri, backend)
    path = local_path(uri, mounts)
    if create:
        path.mkdir(parents=True, exist_ok=True)
    if not path.is_dir():
        raise ObjectMissing(uri, "there is no such directory", "create it or correct the path")
    return Store(uri, LocalStore(path.resolve()))


def split_uri(uri: str) -> tuple[str, str]:
    """A URI's parent and its last segment, for example ``("s3://b/a", "x.csv")``.

    Raises:
        UriInvalid: There is no last segment.
    """
    parent, _, last = uri.rstrip("/").rpartition("/")
    if not last or not parent or parent.endswith((":", ":/")):
        raise UriInvalid(uri, "names no object", "append the object's key after bucket or host")
    return parent, last


def read_bytes(uri: str, mounts: Mounts, *, secret_name: str | None = None) -> bytes:
    """The whole content of one object or file."""
    if not is_remote(uri):
        path = local_path(uri, mounts)
        if not path.is_file():
            raise ObjectMissing(uri, "there is no such file", "check the path")
        return path.read_bytes()
    parent, key = split_uri(uri)
    return open_uri(parent, mounts, secret_name=secret_name).read(key)


def download(uri: str, path: Path, mounts: Mounts, *, secret_name: str | None = None) -> None:
    """Copy one object or file to a path, streaming."""
    if not is_remote(uri):
        path.write_bytes(read_bytes(uri, mounts))
        return
    parent, key = split_uri(uri)
    open_uri(parent, mounts, secret_name=secret_name).download(key, path)


def list_files(uri: str, mounts: Mounts, *, secret_name: str | None = None) -> list[Entry]:
    """All objects below a URI, sorted by key."""
    return sorted(open_uri(uri, mounts, secret_name=secret_name).list(), key=lambda entry: entry.key)


def _open_s3(uri: str, bucket: str, prefix: str, credentials: Credentials) -> Store:
    if not bucket:
        raise UriInvalid(uri, "names no bucket", "write s3://bucket/prefix")
    endpoint = credentials.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config: dict[str, str] = {"region": credentials.region or os.environ.get("AWS_REGION") or "us-east-1"}
    if endpoint:
        config["endpoint"] = endpoint
    if credentials.access_key_id and credentials.secret_access_key:
        config["access_key_id"] = credentials.access_key_id
        config["secret_access_key"] = credentials.secret_access_key.get_secret_value()
    if credentials.session_token:
        config["session_token"] = credentials.session_token.get_secret_value()
    backend = S3Store(
        bucket,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type] # its TypedDict lists the same keys
        client_options=_client(endpoint or ""),
        retry_config=_retry(),
    )
    return Store(uri, backend)


def _client(endpoint: str) -> "ClientConfig":
    # The whole-request timeout is off: a large model may take longer than any fixed limit; stalls end by read timeout.
    return {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=5),
        "timeout": timedelta(hours=6),
    }


def _retry() -> "RetryConfig":
    return {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}
