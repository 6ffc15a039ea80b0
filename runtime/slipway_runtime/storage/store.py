"""One root, many keys: the calls that everything above makes, with errors that say what to do."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import HTTPStore, LocalStore, S3Store

from slipway_runtime.storage.errors import (
    BucketMissing,
    CredentialsRefused,
    ObjectExists,
    ObjectMissing,
    StoreError,
    StoreUnavailable,
    UriInvalid,
)

Backend = S3Store | HTTPStore | LocalStore

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_BUCKET_CODES = {"NoSuchBucket", "InvalidBucketName"}
_REFUSED = {401, 403}
_DOWNLOAD_CHUNK = 8 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One object of a listing: its key below the store's root, its size in bytes, and when it was written (UTC)."""

    key: str
    size: int
    modified: datetime


class Store:
    """Keys below one root URI.

    Every method raises a :class:`StoreError` whose text names the URI and the remedy.
    """

    def __init__(self, uri: str, backend: Backend) -> None:
        self.uri = uri.rstrip("/")
        self._backend = backend

    def locate(self, key: str) -> str:
        """The full URI of a key."""
        return f"{self.uri}/{key}" if key else self.uri

    def read(self, key: str) -> bytes:
        """The whole object."""
        with self._speaking_of(key):
            return bytes(obstore.get(self._backend, key).bytes())

    def download(self, key: str, path: Path) -> None:
        """Stream an object into a file, replacing it."""
        with self._speaking_of(key):
            stream = obstore.get(self._backend, key).stream(min_chunk_size=_DOWNLOAD_CHUNK)
            with path.open("wb") as file:
                for chunk in stream:
                    file.write(chunk)

    def stat(self, key: str) -> Entry:
        """Size and time of an object, without its bytes."""
        with self._speaking_of(key):
            found = obstore.head(self._backend, key)
        return Entry(found["path"], found["size"], found["last_modified"])

    def write(self, key: str, content: bytes | Path) -> None:
        """Write an object whole, replacing it; a :class:`Path` is streamed."""
        with self._speaking_of(key):
            obstore.put(self._backend, key, content)

    def create(self, key: str, content: bytes) -> None:
        """Write an object only if its key is free: exactly one of several writers succeeds.

        Raises:
            ObjectExists: The key is taken; nothing was written.
        """
        with self._speaking_of(key):
            obstore.put(self._backend, key, content, mode="create", use_multipart=False)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects below a key prefix (whole path segments), in no particular order."""
        with self._speaking_of(prefix):
            for page in obstore.list(self._backend, prefix or None):
                for found in page:
                    yield Entry(found["path"], found["size"], found["last_modified"])

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is already gone is no error."""
        for key in keys:
            try:
                with self._speaking_of(key):
                    obstore.delete(self._backend, key)
            except ObjectMissing:
                continue

    @contextmanager
    def _speaking_of(self, key: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError, ValueError) as error:
            raise _explain(self.locate(key), error) from error


def _explain(uri: str, error: Exception) -> StoreError:  # noqa: PLR0911 - a table of causes
    """Turn the client's error into ours. The server's text is read for its code only: it may quote credentials."""
    text = str(error)
    code = found.group(1) if (found := _CODE.search(text)) else ""
    status = int(found.group(1)) if (found := _STATUS.search(text)) else 0
    if isinstance(error, AlreadyExistsError):
        return ObjectExists(uri, "exists already", "nothing was written")
    if code in _BUCKET_CODES:
        return BucketMissing(uri, f"there is no such bucket ({code})", "create the bucket or correct the URI")
    if isinstance(error, FileNotFoundError):
        return ObjectMissing(
            uri, "nothing is there", "check the URI, and that what should have written it has finished"
        )
    if code == "AuthorizationHeaderMalformed":
        return CredentialsRefused(
            uri, "signed for the wrong region", "set the Secret's key region to the store's region"
        )
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in _REFUSED:
        return CredentialsRefused(
            uri,
            f"the store refuses the credentials ({code or status or 'no access'})",
            "check accessKeyId, secretAccessKey and region of the Secret, and that its account may use the bucket",
        )
    if isinstance(error, ValueError):
        return UriInvalid(uri, "is not a valid key", "remove . and .. segments and control characters")
    if "Permission denied (os error 13)" in text:
        return CredentialsRefused(uri, "the file system denies access", "check the owner and mode of the directory")
    reason = f"HTTP {status} {code}".strip() if status else "no connection"
    return StoreUnavailable(uri, f"the store does not answer ({reason})", "check that its endpoint is up and reachable")
