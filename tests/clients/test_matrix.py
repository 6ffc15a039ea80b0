"""The reference clients work with Slipway, all of them in everything they can do."""

import pytest
from tests.conformance_server import offers_grpc

_TRITON = ("health", "metadata", "repository", "statistics", "infer binary", "infer", "compression", "errors")
_REST = {
    "tritonclient.http": (*_TRITON, "infer JSON"),
    "tritonclient.http.aio": (*_TRITON, "infer JSON"),
    "kserve REST v2": ("health", "infer binary", "infer binary, JSON out", "infer JSON", "infer", "errors"),
    "kserve REST v1": ("health", "infer", "errors"),
}
_GRPC = {
    "tritonclient.grpc": _TRITON,
    "tritonclient.grpc.aio": _TRITON,
    "kserve gRPC": ("health", "infer raw", "infer typed", "infer", "errors"),
}
_LEAST_CELLS = {True: 300, False: 200}


def _check(cells: list[dict[str, str]], client: str, group: str) -> None:
    mine = [cell for cell in cells if (cell["client"], cell["group"]) == (client, group)]
    assert any(cell["outcome"] == "passed" for cell in mine)
    assert {cell["cell"]: cell["found"] for cell in mine if cell["outcome"] == "failed"} == {}


@pytest.mark.parametrize(("client", "group"), [(client, group) for client in _REST for group in _REST[client]])
def test_rest(cells: list[dict[str, str]], client: str, group: str) -> None:
    _check(cells, client, group)


@pytest.mark.skipif(not offers_grpc(), reason="this slipway-serve has no gRPC")
@pytest.mark.parametrize(("client", "group"), [(client, group) for client in _GRPC for group in _GRPC[client]])
def test_grpc(cells: list[dict[str, str]], client: str, group: str) -> None:
    _check(cells, client, group)


def test_no_cell_is_forgotten(cells: list[dict[str, str]]) -> None:
    assert len(cells) >= _LEAST_CELLS[offers_grpc()]
    assert [cell for cell in cells if cell["outcome"] == "failed"] == []
    not_applicable = [cell for cell in cells if cell["outcome"] == "n/a"]
    assert all("gRPC" in cell["found"] or "this client" in cell["found"] for cell in not_applicable)
