"""A folder with one folder of images a class."""

from pathlib import Path

import numpy as np

from slipway_runtime.datasets.dataset import DatasetError
from slipway_runtime.datasets.raw import Raw

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


def load_images(folder: Path, uri: str) -> Raw:
    """Read images of one size.

    Grey images give [n, height, width]; if any image has colour, all are read as RGB: [n, 3, height, width].
    Values are 0 … 255. Classes are the folders' names, sorted.

    Raises:
        DatasetError: No classes, an empty class, an unreadable image or one of another size.
    """
    if not folder.is_dir():
        raise DatasetError(f"{uri}: there is no such folder; name a .npz, .csv or .parquet file or a folder of images")
    found = {
        group.name: sorted(file for file in group.rglob("*") if file.suffix.lower() in IMAGE_ENDINGS)
        for group in sorted(folder.iterdir())
        if group.is_dir() and not group.name.startswith(".")
    }
    if not found:
        raise DatasetError(f"{uri}: has no folders; put the images of each class in a folder named like the class")
    for name, files in found.items():
        if not files:
            raise DatasetError(f"{uri}: class folder {name!r} has no images; add some or remove the folder")
    paths = [(index, file) for index, files in enumerate(found.values()) for file in files]
    colour = any(_is_colour(file, uri, folder) for _, file in paths)
    pixels = [_pixels(file, uri, folder, colour=colour) for _, file in paths]
    sizes = {image.shape for image in pixels}
    if len(sizes) > 1:
        other = next(file for (_, file), image in zip(paths, pixels, strict=True) if image.shape != pixels[0].shape)
        raise DatasetError(
            f"{uri}: images differ in size: {paths[0][1].relative_to(folder)} is {pixels[0].shape[-2:]}, "
            f"{other.relative_to(folder)} is not; resize them to one size"
        )
    labels = np.asarray([index for index, _ in paths], dtype=np.int64)
    return Raw(np.stack(pixels), labels, discrete=True, class_names=tuple(found))


def _is_colour(file: Path, uri: str, folder: Path) -> bool:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            return image.mode not in {"1", "L", "I", "I;16", "F"}
    except (UnidentifiedImageError, OSError) as error:
        raise _unreadable(file, uri, folder) from error


def _pixels(file: Path, uri: str, folder: Path, *, colour: bool) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            values = np.asarray(image.convert("RGB" if colour else "L"), dtype=np.float32)
    except OSError as error:
        raise _unreadable(file, uri, folder) from error
    return values.transpose(2, 0, 1) if colour else values


def _unreadable(file: Path, uri: str, folder: Path) -> DatasetError:
    return DatasetError(f"{uri}: {file.relative_to(folder)} is not a readable image; replace or remove it")
