"""What an end-to-end test does to a cluster, in its words."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import numpy as np
import yaml

from slipway_demo.install import SYSTEM_NAMESPACE, Target
from slipway_demo.progress import condition, describe, is_current
from slipway_devcluster import CommandError
from slipway_runtime.serve.grpc import inference_pb2 as pb

POLL_SECONDS = 0.5


@dataclass
class Load:
    """Answers to a steady stream of requests."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """A namespace of the cluster under test."""

    target: Target
    namespace: str

    def create_namespace(self) -> None:
        self.target.run("create", "namespace", self.namespace)
        level = "pod-security.kubernetes.io/enforce=restricted"
        self.target.run("label", "namespace", self.namespace, level)

    def delete_namespace(self) -> None:
        self.target.run("delete", "namespace", self.namespace, "--wait=true", "--timeout=120s", timeout=150)

    def kubectl(self, *arguments: str, timeout: float = 120) -> str:
        return self.target.run("--namespace", self.namespace, *arguments, timeout=timeout)

    def apply(self, *objects: dict[str, Any]) -> None:
        documents = [{"apiVersion": "slipway.dev/v1alpha1", **item} for item in objects]
        self.target.run("--namespace", self.namespace, "apply", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.target.get(kind, name, "--namespace", self.namespace)
        return found

    def items(self, kinds: str, selector: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.target.get(
            kinds, "--namespace", self.namespace, *(["--selector", selector] if selector else [])
        )["items"]
        return found

    def wait(self, what: str, check: Callable[[], Any], timeout: float = 240) -> Any:
        """Wait until ``check`` returns something true, and return it.

        Raises:
            AssertionError: with every object's line and the namespace's warnings.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if found := check():
                return found
            time.sleep(POLL_SECONDS)
        lines = [describe(item) for item in self.items("slipway")]
        pods = self.kubectl("get", "pods", "-o", "wide")
        events = self.kubectl("get", "events", "--field-selector", "type=Warning")
        raise AssertionError("\n".join([f"{what}: not within {timeout:.0f} s", *lines, pods, events]))

    def wait_ready(self, kind: str, name: str, timeout: float = 300) -> dict[str, Any]:
        def ready() -> dict[str, Any] | None:
            item = self.get(kind, name)
            return item if is_current(item) else None

        found: dict[str, Any] = self.wait(f"{kind} {name} Ready", ready, timeout)
        return found

    def wait_reason(self, kind: str, name: str, reason: str, timeout: float = 240) -> dict[str, Any]:
        """Wait until the Ready condition has a reason, and return that condition."""

        def found() -> dict[str, Any] | None:
            item = self.get(kind, name)
            ready = condition(item, "Ready")
            current = ready.get("observedGeneration") == item["metadata"]["generation"]
            return ready if current and ready.get("reason") == reason else None

        result: dict[str, Any] = self.wait(f"{kind} {name} Ready reason {reason}", found, timeout)
        return result

    def address(self, service: str) -> str:
        """URL of a Service that this machine reaches: the cluster IP of a devcluster is routed here."""
        spec = self.get("service", service)["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"

    def grpc_address(self, service: str) -> tuple[str, int]:
        """Host and port at which a Service speaks gRPC."""
        spec = self.get("service", service)["spec"]
        return spec["clusterIP"], next(int(port["port"]) for port in spec["ports"] if port["name"] == "grpc")

    def predict(self, service: str, rows: list[Any]) -> list[Any]:
        reply = httpx.post(f"{self.address(service)}/predict", json={"input_data": rows}, timeout=30)
        reply.raise_for_status()
        answers: list[Any] = reply.json()["prediction"]
        return answers

    @contextmanager
    def load(self, service: str, rows: list[Any], per_second: float) -> Iterator[Load]:
        """Ask at a steady rate while the block runs, and record every failure.

        HTTP on fresh connections and gRPC on one that lasts: there their clients lose requests to pods that leave.
        """
        result, stop = Load(), threading.Event()

        def send(ask: Callable[[], str | None]) -> None:
            while not stop.wait(1 / per_second):
                failure = ask()
                if failure is None:
                    result.answered += 1
                else:
                    result.failures.append(failure)

        host, port = self.grpc_address(service)
        with grpc.insecure_channel(f"{host}:{port}") as channel:
            asks = (self._over_http(service, rows), self._over_grpc(service, rows, channel))
            threads = [threading.Thread(target=send, args=(ask,)) for ask in asks]
            for thread in threads:
                thread.start()
            try:
                yield result
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

    def _over_http(self, service: str, rows: list[Any]) -> Callable[[], str | None]:
        url, body = f"{self.address(service)}/predict", json.dumps({"input_data": rows})

        def ask() -> str | None:
            try:
                reply = httpx.post(url, content=body, headers={"content-type": "application/json"}, timeout=10)
            except httpx.HTTPError as error:
                return repr(error)
            return None if reply.status_code == httpx.codes.OK else f"{reply.status_code} {reply.text[:200]}"

        return ask

    def _over_grpc(self, service: str, rows: list[Any], channel: grpc.Channel) -> Callable[[], str | None]:
        (spec,) = httpx.get(f"{self.address(service)}/v2/models/{service}", timeout=10).json()["inputs"]
        shape = [len(rows), *spec["shape"][1:]]
        tensor = pb.ModelInferRequest.InferInputTensor(name=spec["name"], datatype=spec["datatype"], shape=shape)
        content = np.array(rows, np.float32).tobytes()
        request = pb.ModelInferRequest(model_name=service, inputs=[tensor], raw_input_contents=[content])
        call: grpc.UnaryUnaryMultiCallable[pb.ModelInferRequest, pb.ModelInferResponse] = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )

        def ask() -> str | None:
            try:
                call(request, timeout=10)
            except grpc.RpcError as error:
                return f"{error.code()} {error.details()}"
            return None

        return ask

    def operator_pods(self) -> list[str]:
        pods = self.target.get(
            "pods", "--namespace", SYSTEM_NAMESPACE, "--selector", "app.kubernetes.io/component=operator"
        )
        return [pod["metadata"]["name"] for pod in pods["items"]]

    def exists(self, kind: str, name: str) -> bool:
        try:
            self.get(kind, name)
        except CommandError as error:
            if "NotFound" not in str(error):
                raise
            return False
        return True
