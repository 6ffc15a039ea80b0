"""All that a training needs to go on as if it had never stopped, and its bytes (safetensors: no code is executed)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from slipway_runtime.spec.base import SpecModel
from slipway_runtime.train.networks import Network

_HEADER_BYTES = 8


class Marks(SpecModel):
    """The numbers of a state. ``fingerprint`` says which recipe and data it belongs to.

    The position in the data and every random draw follow from ``step`` and the recipe's seed.
    """

    fingerprint: str
    step: int = 0
    best_loss: float | None = None
    bad_epochs: int = 0


@dataclass
class State:
    """A network in training, its optimizer, and the best weights so far (empty unless training may stop early)."""

    network: Network
    optimizer: torch.optim.Optimizer
    best: dict[str, Tensor]
    marks: Marks

    def to_bytes(self) -> bytes:
        """The state as one safetensors file."""
        tensors = dict(_named("network", self.network.state_dict()))
        tensors.update(_named("best", self.best))
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors.update(_named(f"optimizer.{index}", slots))
        return save_tensors(tensors, metadata={"marks": self.marks.model_dump_json(by_alias=True)})

    def restore(self, content: bytes) -> None:
        """Take over what ``to_bytes`` wrote for a network of the same recipe.

        Raises ValueError, with nothing changed, when the bytes are no state, or that of another recipe or other data.
        """
        try:
            tensors = load_tensors(content)
            marks = Marks.model_validate_json(_metadata(content)["marks"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"does not read as a checkpoint: {error}") from error
        if marks.fingerprint != self.marks.fingerprint:
            raise ValueError("belongs to another recipe or other data")
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below("optimizer", tensors):
            index, _, slot = name.partition(".")
            slots.setdefault(int(index), {})[slot] = tensor
        self.network.load_state_dict(dict(_below("network", tensors)))
        self.best = dict(_below("best", tensors))
        self.optimizer.load_state_dict({"state": slots, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.marks = marks

    def keep_best(self) -> None:
        """Remember the present weights as the best."""
        self.best = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:_HEADER_BYTES], "little")
    header = json.loads(content[_HEADER_BYTES : _HEADER_BYTES + length])
    found: dict[str, str] = header["__metadata__"]
    return found


def _named(prefix: str, tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in tensors.items():
        yield f"{prefix}.{name}", tensor.detach().cpu().contiguous()


def _below(prefix: str, tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".")
        if head == prefix:
            yield rest, tensor
