"""What a converter is given and what it gives back."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway_runtime.artifact.manifest import Task
from slipway_runtime.spec.convert import ConvertSpec

Array = NDArray[Any]
Feeds = Mapping[str, Array]
"""Arrays by input name, a row an example."""


@dataclass(frozen=True)
class Request:
    """One conversion.

    Attributes:
        source: The file or folder.
        shown: What to call it in messages.
        package: Where the ONNX files go; ``model.onnx`` is the graph.
        scratch: A folder for whatever else is written.
        spec: The settings.
        samples: Given examples, which also tell TorchScript its input's shape.
    """

    source: Path
    shown: str
    package: Path
    scratch: Path
    spec: ConvertSpec
    samples: Mapping[str, Array] | None = None

    def named(self, suffix: str) -> Path:
        """The source under a name that ends so, because some libraries go by the ending and not by the content."""
        if self.source.name.endswith(suffix):
            return self.source
        path = self.scratch / f"source{suffix}"
        if not path.exists():
            try:
                path.symlink_to(self.source.resolve())
            except OSError:
                shutil.copyfile(self.source, path)
        return path


@dataclass(frozen=True)
class Converted:
    """A model that has become ONNX.

    Attributes:
        task: What its answer is.
        answer: The source's own outputs, in the order of the graph's; None where the graph is the source's own.
        classes: Label names, where the file tells them.
        labels: The source's own labels by index into the classes, where it has an opinion besides its probabilities.
        words: Words that a text model knows, to make up examples of.
        centre, spread: Mean and deviation of the examples that the model was trained on, where it keeps them.
    """

    task: Task
    answer: Callable[[Feeds], list[Array]] | None
    classes: tuple[str, ...] = ()
    labels: Callable[[Feeds], NDArray[np.int64]] | None = None
    words: tuple[str, ...] = ()
    centre: Array | None = None
    spread: Array | None = None


Converter = Callable[[Request], Converted]
"""Writes ``model.onnx`` into the package. Raises ConfigError when the source does not load or cannot be expressed."""


def one_line(error: Exception, limit: int = 400) -> str:
    """An error of a library, with its type, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:limit]
