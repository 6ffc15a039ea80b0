"""A client of the API server that returns its answers whole: exact messages need every word."""

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

PLURALS = {"TrainingJob": "trainingjobs", "CompressionJob": "compressionjobs", "ModelService": "modelservices"}


@dataclass(frozen=True)
class Server:
    """The API server, spoken to with the administrator's certificate."""

    client: httpx.Client

    @classmethod
    def connect(cls, kubeconfig: Path, folder: Path) -> "Server":
        """Open a connection; ``folder`` takes the certificate's files."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        parts = {
            "ca.crt": cluster["certificate-authority-data"],
            "client.crt": user["client-certificate-data"],
            "client.key": user["client-key-data"],
        }
        for name, data in parts.items():
            (folder / name).write_bytes(base64.b64decode(data))
        context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
        return cls(httpx.Client(base_url=cluster["server"], verify=context, timeout=30, trust_env=False))

    def path(self, kind: str, name: str = "", part: str = "") -> str:
        pieces = ["/apis/slipway.dev/v1alpha1/namespaces/default", PLURALS[kind], name, part]
        return "/".join(piece for piece in pieces if piece)

    def create(self, body: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """The stored object, or the Status that says why not."""
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        answer: dict[str, Any] = self.client.post(self.path(body["kind"]), params=query, json=body).json()
        return answer

    def apply(self, body: dict[str, Any], part: str = "") -> dict[str, Any]:
        """Server-side apply of an object, or of its ``part`` (a subresource)."""
        answer = self.client.patch(
            self.path(body["kind"], body["metadata"]["name"], part),
            params={"fieldManager": "test", "force": "true", "fieldValidation": "Strict"},
            content=yaml.safe_dump(body),
            headers={"content-type": "application/apply-patch+yaml"},
        )
        assert answer.status_code in {200, 201}, answer.text
        applied: dict[str, Any] = answer.json()
        return applied

    def delete(self, kind: str, name: str) -> None:
        self.client.delete(self.path(kind, name)).raise_for_status()


def causes(answer: dict[str, Any]) -> list[str]:
    """Each reason of a refusal as ``field: message``; empty when the object was accepted."""
    if answer.get("kind") != "Status":
        return []
    listed = answer.get("details", {}).get("causes")
    if not listed:
        return [answer["message"]]
    return [f"{cause.get('field', '')}: {cause['message']}" for cause in listed]
