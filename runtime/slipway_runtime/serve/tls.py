"""TLS from a certificate and a key that may be renewed while the server runs."""

import logging
import ssl
from pathlib import Path

from slipway_runtime.serve.errors import ConfigInvalid

_log = logging.getLogger(__name__)

CERTIFICATE = "tls.crt"
KEY = "tls.key"
"""Names of the files, as a Secret of type kubernetes.io/tls and cert-manager have them."""


class Certificate:
    """The certificate of a folder; connections that are made after a renewal have the new one."""

    def __init__(self, folder: Path) -> None:
        """Read it.

        Raises:
            ConfigInvalid: the files are missing, or do not belong together.
        """
        self.folder = folder
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigInvalid(
                f"{folder}: {CERTIFICATE} and {KEY} cannot be used ({error}); a kubernetes.io/tls Secret has them"
            ) from error

    def reload(self) -> None:
        """Read it again; the one that is known stays when the new one cannot be used."""
        try:
            self._load()
        except (OSError, ssl.SSLError) as error:
            _log.warning("certificate not read again", extra={"folder": str(self.folder), "error": str(error)})
        else:
            _log.info("certificate read again", extra={"folder": str(self.folder)})

    def _load(self) -> None:
        self.context.load_cert_chain(self.folder / CERTIFICATE, self.folder / KEY)
        self.pair = (self.folder / KEY).read_bytes(), (self.folder / CERTIFICATE).read_bytes()
        """Key and certificate chain in PEM."""
