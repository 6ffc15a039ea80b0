"""Credentials as files: one file a key, the way Kubernetes mounts a Secret."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from slipway_runtime.storage.errors import CredentialsRefused

_KEYS = ("uri", "endpoint", "region", "accessKeyId", "secretAccessKey", "sessionToken")


class Credentials(BaseModel):
    """How to reach a store; whatever is absent comes from the environment (workload identity, AWS variables)."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    uri: str | None = Field(None, description="Root of the store.")
    endpoint: str | None = Field(None, description="Base URL of an S3 gateway; AWS itself when absent.")
    region: str | None = Field(None, description="Region the requests are signed for.")
    access_key_id: str | None = Field(None, alias="accessKeyId", repr=False)
    secret_access_key: SecretStr | None = Field(None, alias="secretAccessKey")
    session_token: SecretStr | None = Field(None, alias="sessionToken")

    @classmethod
    def from_directory(cls, directory: Path) -> Self:
        """Read the mounted keys; surrounding white space is dropped, an empty file counts as absent.

        Raises:
            CredentialsRefused: The directory does not exist or cannot be read.
        """
        if not directory.is_dir():
            raise CredentialsRefused(
                str(directory),
                "no credentials are mounted there",
                "mount a Secret with the keys " + ", ".join(_KEYS[1:5]),
            )
        values: dict[str, str] = {}
        for key in _KEYS:
            file = directory / key
            try:
                text = file.read_text().strip() if file.is_file() else ""
            except OSError as error:
                raise CredentialsRefused(
                    str(file), f"cannot be read ({error.strerror})", "check the Secret's mode and the pod's user"
                ) from error
            if text:
                values[key] = text
        return cls.model_validate(values)
