"""2D images: PNG, JPEG, TIFF, BMP."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import tifffile
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image
from condseg_app.errors import ReadError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_RGB = ("red", "green", "blue")
_MOST_PIXELS = 400_000_000
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


@dataclass(frozen=True, eq=False)
class PictureArray:
    """Pixels (C, I, J, 1) that are read when they are first asked for, and kept."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    _read: list[NDArray[np.generic]] = field(default_factory=list)

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Read; ReadError if the file is damaged."""
        if not self._read:
            self._read.append(to_voxels(read_pixels(self.path)))
        part: NDArray[np.generic] = self._read[0][key]
        return part


def read_picture(path: Path) -> Image:
    """Read a picture: grey of any depth, or red, green and blue.

    An alpha channel is dropped; palettes and CMYK become red, green, blue.

    Raises:
        ReadError: not a picture, damaged, or several pages.
    """
    shape, dtype, notes = _header(path)
    height, width, channels = shape
    array = PictureArray(path, (channels, width, height, 1), dtype)
    names = _RGB if channels == 3 else ("intensity",)
    geometry = Geometry.of_picture(width, height)
    return Image(array, geometry, path.stem, names, source=path, warnings=notes)


def read_pixels(path: Path) -> NDArray[np.generic]:
    """All pixels, (H, W) or (H, W, 3)."""
    if _is_tiff(path):
        return _tiff_pixels(path)
    try:
        with _open(path) as picture:
            return np.asarray(picture.convert("RGB") if _becomes_rgb(picture.mode) else _plain(picture))
    except (OSError, SyntaxError, ValueError) as error:
        raise ReadError("is truncated or damaged; get the file again", path=path) from error


def read_indices(path: Path) -> NDArray[np.generic]:
    """The numbers of a label picture (H, W): grey values, or palette indices rather than their colours.

    Raises:
        ReadError: it holds colours, which are no class values.
    """
    if _is_tiff(path):
        pixels = _tiff_pixels(path)
    else:
        try:
            with _open(path) as picture:
                pixels = np.asarray(picture if picture.mode in ("P", "L", "1", "I", "F", "I;16") else picture.convert())
        except (OSError, SyntaxError, ValueError) as error:
            raise ReadError("is truncated or damaged; get the file again", path=path) from error
    if pixels.ndim != 2:
        raise ReadError("holds colours, not class values; save it as a grey or palette picture", path=path)
    return pixels


def to_voxels(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Pixels (H, W) or (H, W, C) as voxels (C, I, J, 1): I runs right, J down."""
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    return planes.transpose(2, 1, 0)[..., None]


def _header(path: Path) -> tuple[tuple[int, int, int], np.dtype[np.generic], tuple[str, ...]]:
    """(height, width, channels), type and warnings, without reading the pixels."""
    if _is_tiff(path):
        pixels = _tiff_pixels(path)  # tifffile's own header is no promise; a TIFF of one page is small
        return (*pixels.shape[:2], 1 if pixels.ndim == 2 else 3), pixels.dtype, ()
    try:
        with _open(path) as picture:
            width, height = picture.size
            rgb = _becomes_rgb(picture.mode)
            dtype = np.dtype(np.uint8) if rgb else np.asarray(_plain(picture.crop((0, 0, 1, 1)))).dtype
            odd = picture.mode in ("RGBA", "LA", "PA", "P", "CMYK")
            notes = (f"its {picture.mode} colours were converted",) if odd else ()
    except (OSError, SyntaxError, ValueError) as error:
        raise ReadError("is truncated or damaged; get the file again", path=path) from error
    return (height, width, 3 if rgb else 1), dtype, notes


def _open(path: Path) -> PIL.Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            picture = PIL.Image.open(path, formats=_FORMATS)
    except PIL.UnidentifiedImageError as error:
        raise ReadError(f"is not a picture that can be read; use {', '.join(_FORMATS)}", path=path) from error
    except (OSError, PIL.Image.DecompressionBombError) as error:
        raise ReadError(f"cannot be opened ({error})", path=path) from error
    if picture.width * picture.height > _MOST_PIXELS:
        raise ReadError(f"claims {picture.width} x {picture.height} pixels, which is too many; crop it", path=path)
    return picture


def _becomes_rgb(mode: str) -> bool:
    return mode not in ("1", "L", "LA", "F") and not mode.startswith("I")


def _plain(picture: PIL.Image.Image) -> PIL.Image.Image:
    return picture.convert("L") if picture.mode in ("1", "LA") else picture


def _is_tiff(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in _TIFF_STARTS
    except OSError as error:
        raise ReadError(f"cannot be opened ({error.strerror}); check the path", path=path) from error


def _tiff_pixels(path: Path) -> NDArray[np.generic]:
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages) != 1:
                raise ReadError(f"holds {len(file.pages)} pages; save one page, or a volume as NIfTI", path=path)
            pixels = np.asarray(file.asarray())
    except (tifffile.TiffFileError, OSError, ValueError, IndexError, KeyError, RuntimeError) as error:
        raise ReadError("is not a TIFF that can be read, or is damaged; get it again", path=path) from error
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4) and pixels.shape[2] not in (3, 4):
        pixels = pixels.transpose(1, 2, 0)  # planes one after another
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = pixels[..., :3]
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] == 3):
        raise ReadError(f"holds an array of shape {pixels.shape}, not a grey or colour picture", path=path)
    return pixels
