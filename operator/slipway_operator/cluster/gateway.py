"""Accounts and buckets of the embedded store: the admin requests of versitygw 1.8.

Source of the requests: ``cmd/internal/gwcli/admin.go`` and ``s3api/controllers/admin.go`` of
github.com/versity/versitygw.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from xml.sax.saxutils import escape

import aiohttp

from slipway_operator.cluster.errors import Retry
from slipway_operator.cluster.sigv4 import Credentials, signed_headers

_CONFLICT = HTTPStatus.CONFLICT
_NAME = re.compile(r"<Name>([^<]+)</Name>")  # names of buckets hold nothing that XML escapes


class Gateway:
    """The gateway, as its root user.

    Args:
        session: HTTP client.
        endpoint: such as ``http://slipway-store.slipway-system.svc:7070``.
        region: the gateway's region.
        root: its root key.
        wall: the present time, in UTC.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: str,
        region: str,
        root: Credentials,
        wall: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
    ) -> None:
        self._session = session
        self._endpoint = endpoint.rstrip("/")
        self._region = region
        self.root = root
        self._wall = wall

    async def ensure_account(self, account: Credentials) -> None:
        """Have an account with exactly this key.

        Raises:
            Retry: the gateway cannot be reached or refuses.
        """
        body = (
            f"<Account><Access>{escape(account.access_key)}</Access><Secret>{escape(account.secret_key)}</Secret>"
            "<Role>user</Role><UserID>0</UserID><GroupID>0</GroupID><ProjectID>0</ProjectID></Account>"
        )
        code, _ = await self._send("/create-user", body)
        if code == _CONFLICT:
            # It may hold an older key, from before the root key changed.
            props = f"<MutableProps><Secret>{escape(account.secret_key)}</Secret></MutableProps>"
            await self._send(f"/update-user?access={account.access_key}", props)

    async def ensure_bucket(self, bucket: str, owner: str) -> None:
        """Have a bucket that belongs to the account ``owner``.

        Raises:
            Retry: the gateway cannot be reached or refuses.
        """
        code, _ = await self._send(f"/{bucket}/create", "", {"x-vgw-owner": owner})
        if code == _CONFLICT:
            await self._send(f"/change-bucket-owner/?bucket={bucket}&owner={owner}", "")

    async def buckets(self) -> tuple[str, ...]:
        """Names of all buckets.

        Raises:
            Retry: the gateway cannot be reached or refuses.
        """
        _, text = await self._send("/list-buckets", "")
        return tuple(_NAME.findall(text))

    async def _send(self, path: str, body: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        url = self._endpoint + path
        payload = body.encode()
        signed = signed_headers(
            "PATCH", url, payload, headers or {}, credentials=self.root, region=self._region, now=self._wall()
        )
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with self._session.patch(url, data=payload or None, headers=signed, timeout=timeout) as response:
                code, text = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Retry(
                f"the model store at {self._endpoint} does not answer: {type(error).__name__}: {error}"
            ) from error
        if code >= HTTPStatus.BAD_REQUEST and code != _CONFLICT:
            raise Retry(f"the model store refused {path.partition('?')[0]}: {code} {text[:300]}")
        return code, text
