"""API keys: who may ask."""

import hmac
import logging
from hashlib import sha256
from pathlib import Path

from slipway_runtime.serve.errors import ConfigInvalid, Fault, RequestError

_log = logging.getLogger(__name__)

_BEARER = "bearer "
_LEAST_LENGTH = 16


class ApiKeys:
    """Keys from the files of a folder, as a mounted Secret has them: one key a file, its name says whose it is.

    Compared are hashes, all of them and in constant time, so that an answer's delay tells nothing about a key.
    """

    def __init__(self, folder: Path) -> None:
        """Read the keys.

        Raises:
            ConfigInvalid: there is none, or one is too short to be a secret.
        """
        self.folder = folder
        self._hashes = self._read()

    def check(self, authorization: str | None, api_key: str | None) -> None:
        """Let a request pass that has a key, as ``Authorization: Bearer KEY`` or as ``x-api-key: KEY``.

        Raises:
            RequestError: it has none that is known here.
        """
        given = api_key
        if authorization is not None and authorization.lower().startswith(_BEARER):
            given = authorization[len(_BEARER) :].strip()
        if given is None:
            raise RequestError(
                Fault.UNAUTHENTICATED, "an API key is needed: send Authorization: Bearer KEY, or x-api-key: KEY"
            )
        hashed = sha256(given.encode()).digest()
        # No early end: every key is compared.
        if not sum(hmac.compare_digest(hashed, known) for known in self._hashes):
            raise RequestError(Fault.UNAUTHENTICATED, "the API key is not known here")

    def reload(self) -> None:
        """Read the keys again; those that are known stay when the new ones cannot be used."""
        try:
            self._hashes = self._read()
        except ConfigInvalid as error:
            _log.warning("API keys not read again", extra={"error": str(error)})

    def _read(self) -> tuple[bytes, ...]:
        # Names that begin with a dot are the folders by which Kubernetes swaps a mounted Secret.
        files = [path for path in sorted(self.folder.glob("[!.]*")) if path.is_file()]
        keys = {path.name: path.read_text(encoding="utf-8").strip() for path in files}
        if not keys:
            raise ConfigInvalid(f"{self.folder} holds no API key; each file of it is one")
        for name, key in keys.items():
            if len(key) < _LEAST_LENGTH:
                raise ConfigInvalid(f"the API key {self.folder / name} is shorter than {_LEAST_LENGTH} characters")
        return tuple(sha256(key.encode()).digest() for key in keys.values())
