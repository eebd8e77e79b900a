"""2D images: PNG, JPEG, BMP through Pillow; TIFF through tifffile, which knows its 16-bit and float kinds."""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import tifffile
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image
from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.contents import format_of, name_of

_RGB = ("red", "green", "blue")
_MOST_PIXELS = 400_000_000
# More than any packing of an honest picture; claims beyond it are bombs.
_BEST_COMPRESSION = 1100
_EXIF_ORIENTATION = 0x0112
_SEVERAL_PLANES = re.compile(r'<BinaryOnly|Size[ZT]="(?!1")\d+"')
_ALPHA = frozenset((tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA))
_COLOURS = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture's content.

    Attributes:
        pixels: (H, W) or (H, W, 3).
        warnings: what was odd, a sentence each.
    """

    pixels: NDArray[np.generic]
    warnings: tuple[str, ...] = ()


def read_picture(path: Path) -> Image:
    """Read a picture: grey of any depth, or red, green and blue.

    An alpha channel is dropped; palettes and CMYK become red, green, blue.

    Raises:
        ReadError: not a picture, damaged, too large, or several pages.
    """
    picture = _tiff(path) if format_of(path) == "TIFF" else _by_pillow(path)
    pixels = picture.pixels
    voxels = to_voxels(pixels)
    voxels.setflags(write=False)
    names = _RGB if pixels.ndim == 3 else ("intensity",)
    geometry = Geometry.of_picture(pixels.shape[1], pixels.shape[0])
    return Image(voxels, geometry, name_of(path), names, source=path, warnings=picture.warnings)


def read_indices(path: Path) -> NDArray[np.generic]:
    """A label picture: the numbers (H, W) of a grey or palette picture (indices, not colours), or colours (H, W, 3).

    Raises:
        ReadError: not a picture, damaged, or JPEG, which blurs numbers.
    """
    found = format_of(path)
    if found == "JPEG":
        raise ReadError("JPEG changes values, so it cannot hold labels; save them as PNG", path=path)
    if found == "TIFF":
        return _tiff(path).pixels
    with _opened(path) as picture:
        if picture.mode == "1":
            return np.asarray(picture).astype(np.uint8)
        if picture.mode in ("P", "L") or picture.mode.startswith(("I", "F")):
            return np.array(picture)
        return np.array(picture.convert("L" if picture.mode == "LA" else "RGB"))


def to_voxels(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Pixels (H, W) or (H, W, C) as voxels (C, I, J, 1): I runs right, J down."""
    planes = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    return planes.transpose(2, 1, 0)[..., np.newaxis]


def _by_pillow(path: Path) -> Picture:
    with _opened(path) as picture:
        notes: tuple[str, ...] = ()
        if getattr(picture, "n_frames", 1) > 1 and picture.format == "PNG":
            notes += ("it is animated; its first frame is shown",)
        if picture.getexif().get(_EXIF_ORIENTATION, 1) != 1:
            notes += ("its note on how the camera was held is not followed; pixels are kept as they are stored",)
        if picture.mode not in ("1", "L", "RGB", "F") and not picture.mode.startswith("I"):
            notes += (f"its colours ({picture.mode}) are converted; transparency is dropped",)
        if _is_deep_colour_png(path):
            notes += ("its 16-bit colours are reduced to 8 bits; save it as TIFF to keep them",)
        if picture.mode in ("1", "L", "LA"):
            return Picture(np.array(picture.convert("L")), notes)
        if picture.mode == "F" or picture.mode.startswith("I"):
            return Picture(_native(np.array(picture)), notes)
        return Picture(np.array(picture.convert("RGB")), notes)


@contextmanager
def _opened(path: Path) -> Iterator[PIL.Image.Image]:
    """A picture with its pixels loaded; what goes wrong inside is a ReadError."""
    with _telling(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's are for programmers
        with PIL.Image.open(path, formats=("PNG", "JPEG", "BMP", "TIFF")) as picture:
            _check_size(picture.width, picture.height, path)
            if getattr(picture, "n_frames", 1) > 1 and picture.format == "TIFF":
                raise ReadError("holds several pages; save one page as a picture, or a volume as NIfTI", path=path)
            picture.load()
            yield picture


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except PIL.Image.DecompressionBombError as error:
        raise ReadError("claims far more pixels than are reasonable; crop or shrink it", path=path) from error
    except MemoryError as error:
        raise OutOfMemory("its pixels do not fit into the memory; crop or shrink it", path=path) from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, struct.error) as error:
        raise ReadError("the picture is cut off or damaged; copy it again", path=path) from error


def _check_size(width: int, height: int, path: Path) -> None:
    if width * height > _MOST_PIXELS:
        raise ReadError(f"claims {width} x {height} pixels, which is too many; crop or shrink it", path=path)


def _is_deep_colour_png(path: Path) -> bool:
    """Pillow reads these with 8 bits; the header says the depth in byte 24 and the kind of colour in byte 25."""
    with path.open("rb") as file:
        start = file.read(26)
    return start.startswith(b"\x89PNG") and start[24] == 16 and start[25] != 0


def _tiff(path: Path) -> Picture:
    with _telling(path):
        try:
            with tifffile.TiffFile(path) as file:
                page = _only_page(file, path)
                xml = file.ome_metadata if file.is_ome else None
                pixels = _page_pixels(page, path)
        except (tifffile.TiffFileError, RuntimeError, TypeError, ZeroDivisionError) as error:
            raise ReadError("the TIFF is cut off or damaged; copy it again", path=path) from error
    notes: tuple[str, ...] = ()
    if xml and _SEVERAL_PLANES.search(xml):
        notes = ("it is one plane of a larger OME-TIFF image, whose other planes are not opened",)
    return Picture(pixels, notes) if pixels is not None else _by_pillow(path)


def _only_page(file: tifffile.TiffFile, path: Path) -> tifffile.TiffPage:
    """The one page; stacks are refused, also those that ImageJ writes into a single page."""
    count = len(file.pages)
    described = file.imagej_metadata or {}
    count = max(count, int(described.get("images", 1)), int(getattr(file.pages.first, "imagedepth", 1)))
    if count != 1:
        raise ReadError(f"holds {count} pages; save one page as a picture, or a volume as NIfTI", path=path)
    page = file.pages.first
    if page.dtype is None or page.dtype.kind not in "buif":
        raise ReadError(f"holds {page.dtype or 'unknown data'}, not plain numbers; convert it", path=path)
    _check_size(page.imagewidth, page.imagelength, path)
    if page.nbytes > path.stat().st_size * _BEST_COMPRESSION:
        raise ReadError("claims far more pixels than the file can hold; copy it again", path=path)
    return page


def _page_pixels(page: tifffile.TiffPage, path: Path) -> NDArray[np.generic] | None:
    """(H, W) or (H, W, 3); None for what Pillow has to read: palettes, CMYK, and packings tifffile lacks."""
    if page.photometric not in _COLOURS:
        return None
    try:
        pixels = np.asarray(page.asarray())
    except (ValueError, KeyError, ImportError) as error:
        if "requires the 'imagecodecs' package" in str(error):
            return None
        raise
    if page.axes == "SYX":
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3:
        colours = page.photometric == tifffile.PHOTOMETRIC.RGB
        transparency = len(page.extrasamples if colours else _ALPHA.intersection(page.extrasamples))
        plain = pixels.shape[2] - transparency
        if plain != (3 if colours else 1):
            raise ReadError(f"holds {plain} channels, which are neither grey nor colours; save one", path=path)
        pixels = pixels[..., :3] if colours else pixels[..., 0]
    if pixels.ndim != 2 and pixels.shape[2:] != (3,):
        raise ReadError(f"holds an array of shape {pixels.shape}, not a picture; save one plane", path=path)
    return _native(pixels.astype(np.uint8) if pixels.dtype == np.bool_ else pixels)


def _native(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
