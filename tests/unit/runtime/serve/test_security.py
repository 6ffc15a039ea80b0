"""API keys and TLS, with the real process; both are renewed while it runs."""

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from tests.unit.runtime.serve.models import write_classifier
from tests.unit.runtime.serve.process import Served, started

from slipway_runtime.spec.exit import ExitCode

ROW = {"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 0, 0]}]}
KEY, OTHER = "first-key-of-team-a", "second-key-of-team-b"
PATIENCE = 15.0


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def model(tmp_path: Path) -> str:
    write_classifier(tmp_path / "m.onnx")
    return f"m={tmp_path}/m.onnx"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "team-a").write_text(f"{KEY}\n")
    (folder / "..data").mkdir()
    return folder


@pytest.fixture
def guarded(tmp_path: Path, model: str, keys: Path) -> Iterator[Served]:
    with started(tmp_path, "--model", model, "--api-keys", str(keys)) as served:
        served.wait_ready()
        yield served


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong-key-of-nobody"}, 401),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"x-api-key": KEY[:-1]}, 401),
        ({"x-api-key": ""}, 401),
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": f"bearer  {KEY}"}, 200),
        ({"x-api-key": KEY}, 200),
    ],
)
def test_who_may_ask(guarded: Served, headers: dict[str, str], status: int) -> None:
    for method, path in (("POST", "/v2/models/m/infer"), ("GET", "/v2/models/m"), ("GET", "/docs")):
        response = httpx.request(method, guarded.url + path, json=ROW if method == "POST" else None, headers=headers)
        assert response.status_code == status, path
        if status == 401:
            assert response.headers["www-authenticate"] == "Bearer"
            assert "API key" in response.json()["error"]


def test_probes_and_prometheus_need_no_key_and_renewed_keys_count(guarded: Served, keys: Path) -> None:
    for path in ("/v2/health/live", "/v2/health/ready", "/metrics"):
        assert httpx.get(guarded.url + path).status_code == 200

    def status(key: str) -> int:
        return httpx.get(f"{guarded.url}/v2", headers={"x-api-key": key}).status_code

    (keys / "team-b").write_text(OTHER)
    until(lambda: status(OTHER) == 200)
    (keys / "team-a").unlink()
    until(lambda: status(KEY) == 401)
    (keys / "team-b").write_text("short")
    until(lambda: "shorter than 16 characters" in guarded.log_text())
    assert status(OTHER) == 200, "the last good keys stay"


def issued(authority: trustme.CA, folder: Path) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    folder.mkdir(exist_ok=True)
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))


def trusting(authority: trustme.CA) -> httpx.Client:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return httpx.Client(verify=context, timeout=10)


def test_tls_and_a_renewed_certificate(tmp_path: Path, model: str) -> None:
    first, second = trustme.CA(), trustme.CA()
    folder = tmp_path / "tls"
    issued(first, folder)

    def answers(client: httpx.Client) -> bool:
        try:
            return client.post(f"https://127.0.0.1:{served.port}/v2/models/m/infer", json=ROW).status_code == 200
        except httpx.TransportError:
            return False

    with started(tmp_path, "--model", model, "--tls", str(folder)) as served, trusting(first) as old:
        until(lambda: answers(old))
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{served.url}/v2/health/ready", timeout=5)
        issued(second, folder)
        with trusting(second) as new:
            until(lambda: answers(new))
            assert answers(old), "a connection that stands stays"
        (folder / "tls.key").write_text("no key")
        until(lambda: "certificate not read again" in served.log_text())
        with trusting(second) as another:
            assert answers(another), "the last good certificate stays"


def asked(channel: grpc.Channel, method: str = "ServerMetadata", key: str | None = None) -> grpc.StatusCode:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
    try:
        call(b"", timeout=10, metadata=(("x-api-key", key),) if key else ())
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_keys_count_for_grpc_too(guarded: Served) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{guarded.grpc_port}") as channel:
        grpc.channel_ready_future(channel).result(30)
        assert asked(channel) is grpc.StatusCode.UNAUTHENTICATED
        assert asked(channel, "ModelStreamInfer", OTHER) is grpc.StatusCode.UNAUTHENTICATED
        assert asked(channel, key=KEY) is grpc.StatusCode.OK
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"", timeout=10) == b"\x08\x01"


def test_tls_counts_for_grpc_too(tmp_path: Path, model: str) -> None:
    first, second = trustme.CA(), trustme.CA()
    folder = tmp_path / "tls"
    issued(first, folder)

    def code(authority: trustme.CA) -> grpc.StatusCode:
        credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        # A subchannel of another test's connection must not stand in for this one.
        options = (("grpc.use_local_subchannel_pool", 1),)
        with grpc.secure_channel(f"127.0.0.1:{served.grpc_port}", credentials, options) as channel:
            return asked(channel)

    with started(tmp_path, "--model", model, "--tls", str(folder)) as served:
        until(lambda: code(first) is grpc.StatusCode.OK)
        assert code(second) is not grpc.StatusCode.OK
        issued(second, folder)
        until(lambda: code(second) is grpc.StatusCode.OK)


@pytest.mark.parametrize(
    ("option", "files", "words"),
    [
        ("--tls", {}, ("tls.crt", "kubernetes.io/tls")),
        ("--tls", {"tls.crt": "x", "tls.key": "y"}, ("tls.crt", "kubernetes.io/tls")),
        ("--api-keys", {}, ("no API key",)),
        ("--api-keys", {"team": "short"}, ("team", "shorter than 16")),
    ],
)
def test_what_cannot_be_used_says_why(
    tmp_path: Path, model: str, option: str, files: dict[str, str], words: tuple[str, ...]
) -> None:
    folder = tmp_path / "secret"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    with started(tmp_path, "--model", model, option, str(folder)) as served:
        assert served.wait() == ExitCode.CONFIG_ERROR
        for word in words:
            assert word in served.log_text()
