"""The reference clients work with Slipway, all of them in everything they can do."""

import pytest

_TRITON = ("health", "metadata", "repository", "statistics", "infer binary", "infer", "compression", "errors")
_GROUPS = {
    "tritonclient.http": (*_TRITON, "infer JSON"),
    "tritonclient.http.aio": (*_TRITON, "infer JSON"),
    "kserve REST v2": ("health", "infer binary", "infer binary, JSON out", "infer JSON", "infer", "errors"),
    "kserve REST v1": ("health", "infer", "errors"),
    "tritonclient.grpc": _TRITON,
    "tritonclient.grpc.aio": _TRITON,
    "kserve gRPC": ("health", "infer raw", "infer typed", "infer", "errors"),
}
_LEAST_CELLS = 300


@pytest.mark.parametrize(("client", "group"), [(client, group) for client in _GROUPS for group in _GROUPS[client]])
def test_group(cells: list[dict[str, str]], client: str, group: str) -> None:
    mine = [cell for cell in cells if (cell["client"], cell["group"]) == (client, group)]
    assert any(cell["outcome"] == "passed" for cell in mine)
    assert {cell["cell"]: cell["found"] for cell in mine if cell["outcome"] == "failed"} == {}


def test_no_cell_is_forgotten(cells: list[dict[str, str]]) -> None:
    assert len(cells) >= _LEAST_CELLS
    assert [cell for cell in cells if cell["outcome"] == "failed"] == []
    not_applicable = [cell for cell in cells if cell["outcome"] == "n/a"]
    assert all("gRPC" in cell["found"] or "this client" in cell["found"] for cell in not_applicable)
