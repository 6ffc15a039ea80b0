"""Where data comes from."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from slipway_runtime.spec.base import Name, SpecModel

DatasetUri = Annotated[str, Field(pattern=r"^(builtin|s3|https|http|pvc|file)://.+$", max_length=1024)]


class DatasetFormat(StrEnum):
    """How the bytes behind a dataset's URI are laid out; ``auto`` goes by the file's ending."""

    AUTO = "auto"
    NPZ = "npz"
    CSV = "csv"
    PARQUET = "parquet"
    IMAGES = "images"


class DatasetSource(SpecModel):
    """Labelled examples at a URI."""

    uri: DatasetUri = Field(
        description="builtin://digits|iris|wine|breast-cancer|diabetes, or s3://bucket/key, https://…, "
        "pvc://claim/path: a .npz (arrays x and y), .csv or .parquet file, or a folder of images with a folder a class."
    )
    format: DatasetFormat = Field(DatasetFormat.AUTO, description="Layout of the data; auto goes by the file's ending.")
    target: str = Field("target", min_length=1, max_length=128, description="Column of a table that holds the answer.")
    secret_name: Name | None = Field(
        None,
        description="Secret in the same namespace with the keys endpoint, region, accessKeyId and secretAccessKey; "
        "the store's own credentials are used when absent.",
    )
