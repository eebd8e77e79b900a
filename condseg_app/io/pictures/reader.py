"""2D images through Pillow: PNG, JPEG, BMP, and the kinds of TIFF that the tifffile reader passes on."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image
from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.file_start import name_of
from condseg_app.io.labels.stored import StoredLabels
from condseg_app.io.pictures.camera import UPRIGHT, stated_in, told, upright

RGB = ("red", "green", "blue")
"""The channels of a picture in colours."""

_MOST_PIXELS = 400_000_000
# Deflate packs 1032 bytes into a single byte, and a byte holds at most eight pixels.
_MOST_PIXELS_A_BYTE = 8 * 1100


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture's content.

    Attributes:
        pixels: (H, W) or (H, W, 3).
        warnings: a sentence each.
    """

    pixels: NDArray[np.generic]
    warnings: tuple[str, ...] = ()


def read_picture(path: Path) -> Image:
    """Read a picture: grey of any depth, or red, green and blue.

    An alpha channel is dropped; palettes and CMYK become red, green, blue.

    Raises:
        ReadError: not a picture, damaged, or too large.
    """
    return image_of(picture_in(path), path)


def image_of(picture: Picture, path: Path) -> Image:
    """A picture's pixels on their grid."""
    pixels = picture.pixels
    voxels = to_voxels(pixels)
    voxels.setflags(write=False)
    names = RGB if pixels.ndim == 3 else ("intensity",)
    geometry = Geometry.of_picture(pixels.shape[1], pixels.shape[0])
    return Image(voxels, geometry, name_of(path), names, source=path, warnings=picture.warnings)


def read_indices(path: Path) -> StoredLabels:
    """A label picture: the numbers of a grey or palette picture (indices, not colours), or colours.

    Raises:
        ReadError: not a picture, or damaged.
    """
    with _opened(path) as picture:
        pixels: NDArray[np.generic]
        if picture.mode == "1":
            pixels = np.asarray(picture).astype(np.uint8)
        elif picture.mode in ("P", "L") or picture.mode.startswith(("I", "F")):
            pixels = np.array(picture)
        else:
            pixels = np.array(picture.convert("L" if picture.mode == "LA" else "RGB"))
        orientation = _orientation(picture)
    pixels = _upright(pixels, orientation)
    voxels = to_voxels(pixels)
    geometry = Geometry.of_picture(pixels.shape[1], pixels.shape[0])
    return StoredLabels(voxels[0] if len(voxels) == 1 else voxels, geometry, told(orientation))


def to_voxels(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Pixels (H, W) or (H, W, C) as voxels (C, I, J, 1): I runs right, J down."""
    planes = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    return planes.transpose(2, 1, 0)[..., np.newaxis]


def picture_in(path: Path, page: int = 0) -> Picture:
    """A picture's content; of a TIFF, a single page's.

    Raises:
        ReadError: not a picture, damaged, or too large.
    """
    with _opened(path, page) as picture:
        notes: tuple[str, ...] = ()
        if getattr(picture, "n_frames", 1) > 1 and picture.format == "PNG":
            notes += ("it is animated; its first frame is shown",)
        orientation = _orientation(picture)
        notes += told(orientation)
        if picture.mode not in ("1", "L", "RGB", "F") and not picture.mode.startswith("I"):
            notes += (f"its colours ({picture.mode}) are converted; transparency is dropped",)
        if _is_deep_colour_png(path):
            notes += ("its 16-bit colours are reduced to 8 bits; save it as TIFF to keep them",)
        if picture.mode in ("1", "L", "LA"):
            pixels: NDArray[np.generic] = np.array(picture.convert("L"))
        elif picture.mode == "F" or picture.mode.startswith("I"):
            pixels = native(np.array(picture))
        else:
            pixels = np.array(picture.convert("RGB"))
        return Picture(_upright(pixels, orientation), notes)


def _orientation(picture: PIL.Image.Image) -> int:
    """How the camera was held; Pillow turns a TIFF by itself."""
    return UPRIGHT if picture.format == "TIFF" else stated_in(picture)


def _upright(pixels: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Pixels (H, W) or (H, W, C) turned upright."""
    if pixels.ndim == 2:
        return upright(pixels, orientation)
    return np.moveaxis(upright(np.moveaxis(pixels, -1, 0), orientation), 0, -1)


@contextmanager
def _opened(path: Path, page: int = 0) -> Iterator[PIL.Image.Image]:
    """A picture with loaded pixels; errors inside become a ReadError."""
    with telling(path), unlogged("PIL.TiffImagePlugin"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's are for programmers
        with PIL.Image.open(path, formats=("PNG", "JPEG", "BMP", "TIFF")) as picture:
            if page:
                picture.seek(page)
            check_size(picture.width, picture.height, path)
            picture.load()
            yield picture


@contextmanager
def unlogged(library: str) -> Iterator[None]:
    """Silence a library's log of each odd tag: tags that matter get a sentence."""
    logger, silence = logging.getLogger(library), logging.Filter("nobody")
    logger.addFilter(silence)
    try:
        yield
    finally:
        logger.removeFilter(silence)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn errors during reading of a picture into a sentence."""
    try:
        yield
    except PIL.Image.DecompressionBombError as error:
        raise ReadError("claims far more pixels than are reasonable; crop or shrink it", path=path) from error
    except MemoryError as error:
        raise OutOfMemory("its pixels do not fit into the memory; crop or shrink it", path=path) from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, struct.error, zlib.error) as error:
        raise ReadError("the picture is cut off or damaged; copy it again", path=path) from error


def check_size(width: int, height: int, path: Path) -> None:
    """Refuse a picture that claims far too many pixels.

    Raises:
        ReadError: too many pixels.
    """
    if width * height > path.stat().st_size * _MOST_PIXELS_A_BYTE:
        raise ReadError("claims far more pixels than the file can hold; copy it again", path=path)
    if width * height > _MOST_PIXELS:
        raise ReadError(f"claims {width} x {height} pixels, which is too many; crop or shrink it", path=path)


def _is_deep_colour_png(path: Path) -> bool:
    """Pillow reads these with 8 bits; the header says the depth in byte 24 and the kind of colour in byte 25."""
    with path.open("rb") as file:
        start = file.read(26)
    return start.startswith(b"\x89PNG") and start[24] == 16 and start[25] != 0


def native(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Pixels in this machine's byte order."""
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
