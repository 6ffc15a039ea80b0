"""Replicated data parallelism: every process holds the whole network, gradients are averaged (torch DDP)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
import torch.distributed as dist
from torch import Tensor, nn

from slipway_runtime.run.errors import ConfigError, RetryLater


@dataclass(frozen=True)
class Ranks:
    """The processes that train together; with one process nothing is communicated.

    Collectives (``total``, ``any``, ``agree``, ``barrier``) must be called by all ranks in the same order. They raise
    RetryLater when a peer is gone.
    """

    rank: int
    world_size: int
    device: torch.device

    @classmethod
    def join(cls, environment: Mapping[str, str]) -> Self:
        """Meet the other processes that ``RANK``, ``WORLD_SIZE`` and ``MASTER_*`` describe.

        Raises RetryLater when there are fewer or more of them than ``SLIPWAY_NODES`` times ``LOCAL_WORLD_SIZE``.
        """
        rank, world_size = int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1"))
        check_world_size(environment)
        device = _device(int(environment.get("LOCAL_RANK", "0")))
        if world_size > 1:
            backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            try:
                dist.init_process_group(backend, rank=rank, world_size=world_size)
            except (RuntimeError, ValueError) as error:
                raise RetryLater(f"rank {rank} of {world_size} did not reach its peers: {error}") from error
        return cls(rank, world_size, device)

    @property
    def leader(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    def replicate(self, network: nn.Module) -> nn.Module:
        """``network`` with gradients averaged over all ranks in every backward pass."""
        if self.world_size == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def total(self, values: Tensor) -> Tensor:
        """Sum over all ranks; ``values`` itself with one rank."""
        if self.world_size > 1:
            with self.peers():
                dist.all_reduce(values)
        return values

    def any(self, *, flag: bool) -> bool:
        """Whether ``flag`` is set on some rank."""
        if self.world_size == 1:
            return flag
        return bool(self.total(torch.tensor([float(flag)])).item() > 0)

    @contextmanager
    def peers(self) -> Iterator[None]:
        """A block that communicates: a failure of the other side becomes RetryLater, as its cause is over there."""
        try:
            yield
        except RuntimeError as error:
            if self.world_size == 1 or not _lost_peer(error):
                raise
            text = " ".join(str(error).split())[:300]
            raise RetryLater(f"another process of this training went away: {text}") from error

    def agree(self, text: str) -> str:
        """The leader's ``text``, on every rank."""
        if self.world_size == 1:
            return text
        payload = json.dumps(text).encode()
        with self.peers():
            length = torch.tensor([len(payload)])
            dist.broadcast(length, 0)
            buffer = torch.zeros(int(length.item()), dtype=torch.uint8)
            if self.leader:
                buffer.copy_(torch.frombuffer(bytearray(payload), dtype=torch.uint8))
            dist.broadcast(buffer, 0)
        return str(json.loads(bytes(buffer.tolist())))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.world_size > 1 and error is None:
            dist.destroy_process_group()


def _lost_peer(error: RuntimeError) -> bool:
    """Whether a collective failed; gloo's errors have no type of their own."""
    return isinstance(error, dist.DistError) or any(
        word in str(error) for word in ("gloo", "Gloo", "NCCL", "onnection")
    )


def check_world_size(environment: Mapping[str, str]) -> None:
    """Raise RetryLater unless as many processes meet as were declared: training on fewer would go unnoticed."""
    actual = int(environment.get("WORLD_SIZE", "1"))
    declared = int(environment.get("SLIPWAY_NODES", "1")) * int(environment.get("LOCAL_WORLD_SIZE", "1"))
    if actual != declared:
        raise RetryLater(
            f"the world has {actual} processes, but nodes times processesPerNode is {declared}: not all of them met"
        )


def _device(local_rank: int) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise ConfigError(f"processesPerNode asks for process {local_rank + 1} but there are {count} GPUs; lower it")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
