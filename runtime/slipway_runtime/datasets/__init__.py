"""Labelled examples as numpy arrays: loading, checking, and splitting the same way everywhere."""

from slipway_runtime.datasets.dataset import Dataset, DatasetError
from slipway_runtime.datasets.load import load
from slipway_runtime.datasets.split import split

__all__ = ["Dataset", "DatasetError", "load", "split"]
