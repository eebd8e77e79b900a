"""Pages of a TIFF: decoded by tifffile, as the stored numbers, turned upright.

Numbers mean the same in images and labels: where 0 is white (ImageJ's inverting look-up table) nothing is inverted,
and a palette's numbers are indices. Pillow only helps with packings and colours that tifffile does not know.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from condseg_app.data.regions import lengths, whole
from condseg_app.errors import ReadError
from condseg_app.io.pictures.camera import TAG, as_stored, known, lies_on_a_side, upright
from condseg_app.io.pictures.reader import RGB, check_size, picture_in, telling, unlogged
from condseg_app.io.voxels.boxes import VoxelGrid, read_box
from condseg_app.io.voxels.lazy import LazyVoxels
from condseg_app.io.voxels.regions import box_of
from condseg_app.memory import require_memory

NUMBERS = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.MINISWHITE,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.PALETTE,
)
"""Photometric interpretations of pages that hold plain numbers."""

# More than any packing of an honest picture; claims beyond this are bombs.
_BEST_COMPRESSION = 1100
_ALPHA = frozenset((tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA))
# Errors of tifffile on damaged files; some of tifffile's checks are `assert`.
_DAMAGED = (
    tifffile.TiffFileError,
    RuntimeError,
    TypeError,
    ZeroDivisionError,
    AttributeError,
    OverflowError,
    AssertionError,
)


@contextmanager
def opened(path: Path, *, ome: bool = True) -> Iterator[tifffile.TiffFile]:
    """A TIFF, with or without the OME-XML followed; errors inside become a ReadError."""
    flags: Any = {} if ome else {"is_ome": False}
    with telling(path), unlogged("tifffile"):
        try:
            with tifffile.TiffFile(path, **flags) as file:
                yield file
        except _DAMAGED as error:
            raise ReadError("the TIFF is cut off or damaged; copy it again", path=path) from error


@dataclass(frozen=True)
class PageKind:
    """Common properties of an image's pages.

    Attributes:
        samples: numbers per pixel.
        shown: number of samples that are channels, not transparency.
        rows: of a page as stored.
        columns: of a page as stored.
        orientation: how the camera was held; pages are turned upright.
        colours: whether the channels are red, green and blue.
        zero_is_white: whether the page states that 0 is white.
        planar: whether each sample has a plane of its own.
    """

    samples: int
    shown: int
    rows: int
    columns: int
    orientation: int
    colours: bool
    zero_is_white: bool
    planar: bool

    @classmethod
    def of(cls, page: Any, samples: int) -> "PageKind":
        """The kind of a page with a number of samples."""
        colours = page.photometric == tifffile.PHOTOMETRIC.RGB and samples >= len(RGB)
        transparent = sum(extra in _ALPHA for extra in page.extrasamples)
        shown = len(RGB) if colours else samples - min(transparent, samples - 1)
        tag = page.tags.get(TAG)
        white = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        orientation = known(None if tag is None else int(tag.value))
        planar = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
        return cls(samples, shown, page.imagelength, page.imagewidth, orientation, colours, white, planar)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence where 0 is white."""
        white = "it says that 0 is white; its numbers are taken as they are stored, so it may look inverted"
        return (white,) if self.zero_is_white else ()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of an upright page."""
        return (self.rows, self.columns) if lies_on_a_side(self.orientation) else (self.columns, self.rows)

    def upright(self, planes: NDArray[np.generic]) -> NDArray[np.generic]:
        """Planes (samples, rows, columns) as stored, turned upright."""
        return upright(planes, self.orientation)


def check_claims(page: Any, count: int, path: Path) -> None:
    """Refuse pages that are no plain numbers, or more than the file can hold.

    Args:
        page: the first page.
        count: numbers in all pages.
        path: the file.

    Raises:
        ReadError: the pages are refused.
    """
    if page.dtype is None or page.dtype.kind not in "buif":
        raise ReadError(f"holds {page.dtype or 'unknown data'}, not plain numbers; convert it", path=path)
    check_size(page.imagewidth, page.imagelength, path)
    if count * page.dtype.itemsize > path.stat().st_size * _BEST_COMPRESSION:
        raise ReadError("claims far more pixels than the file can hold; copy it again", path=path)


def planes_of(page: Any, kind: PageKind, path: Path) -> NDArray[np.generic]:
    """A page's numbers (samples, rows, columns), upright.

    Raises:
        ReadError: the shape differs from the first page's.
    """
    shape = (kind.samples, kind.rows, kind.columns)
    pixels = _asarray(page)
    if pixels is None:
        pixels = _by_pillow(page, kind, path)
    planes = to_planes(pixels, shape)
    if planes.shape != shape:
        raise ReadError("its pages are not alike; save them as one stack", path=path)
    return kind.upright(planes)


def colours_of(page: Any, planes: NDArray[np.generic]) -> NDArray[np.uint8]:
    """The colours (3, rows, columns) of a palette's indices (1, rows, columns)."""
    palette = np.asarray(page.colormap)
    of_8_bits = palette if palette.max() < 1 << 8 else palette >> 8
    return of_8_bits.astype(np.uint8)[:, planes[0]]


def to_planes(pixels: NDArray[np.generic], page: tuple[int, int, int]) -> NDArray[np.generic]:
    """A page (J, I), (J, I, samples) or (samples, J, I) as (samples, J, I)."""
    if pixels.ndim == 2:
        return pixels[np.newaxis]
    return np.moveaxis(pixels, -1, 0) if pixels.shape == (*page[1:], page[0]) else pixels


def _asarray(page: Any) -> NDArray[np.generic] | None:
    """A page's pixels; None for packings that only Pillow may know."""
    try:
        return np.asarray(page.asarray())
    except (ValueError, KeyError, ImportError) as error:
        if "requires the 'imagecodecs' package" in str(error):
            return None
        raise


def _by_pillow(page: Any, kind: PageKind, path: Path) -> NDArray[np.generic]:
    """A page's pixels by Pillow, as stored: Pillow's turning upright and inverting (where 0 is white) are undone."""
    pixels: NDArray[Any] = picture_in(path, page.index).pixels
    if kind.zero_is_white and pixels.dtype == np.uint8:
        pixels = np.invert(pixels)
    planes = as_stored(np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels, kind.orientation)
    return (planes // 255).astype(np.bool_) if page.bitspersample == 1 else planes


@dataclass(frozen=True)
class Source:
    """An image of a file.

    Attributes:
        path: the file.
        ome: whether the OME-XML is followed.
        series: number of the image.
    """

    path: Path
    ome: bool
    series: int = 0

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The image by tifffile; errors inside become a ReadError."""
        with opened(self.path, ome=self.ome) as file:
            yield file.series[self.series]


class TiffVoxels(LazyVoxels):
    """Voxels (C, I, J, K) of an image of several pages; each access reads the pages needed.

    Args:
        source: the image.
        planes: (channels, K), the page number of each plane.
        kind: of the pages.
        dtype: of the pixels as stored.
    """

    def __init__(self, source: Source, planes: NDArray[np.intp], kind: PageKind, dtype: np.dtype[Any]) -> None:
        self._source, self._planes, self._kind, self._stored = source, planes, kind, dtype
        self.shape: tuple[int, ...] = (planes.shape[0] * kind.shown, *kind.size, planes.shape[1])
        self.dtype: np.dtype[np.generic] = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; ReadError if a page is damaged, OutOfMemory if the voxels do not fit."""
        box, rest = box_of(key, self.shape)
        size = lengths(box)
        require_memory(math.prod(size) * self.dtype.itemsize, self._source.path)
        found = np.zeros(size, self.dtype)
        channels, i, j, k = box
        asked = range(channels.start, channels.stop) if found.size else ()
        with self._source.opened() as series:
            for to, slices in enumerate(range(k.start, k.stop)):
                page, read = None, -1
                for n, channel in enumerate(asked):
                    plane = int(self._planes[channel // self._kind.shown, slices])
                    if plane != read:
                        page, read = self._read(series, plane), plane
                    found[n, :, :, to] = page[channel % self._kind.shown, j, i].T  # type: ignore[index]
        return found[rest]  # type: ignore[no-any-return]  # scalars included

    def _read(self, series: Any, plane: int) -> NDArray[np.generic]:
        """A page (samples, J, I), upright; 0 for a missing page."""
        if series.dataoffset is not None:  # contiguous pages, maybe described as a single page
            return self._kind.upright(self._together(series.dataoffset, plane))
        page = series.pages[plane]
        if page is None:
            return np.zeros((self._kind.samples, *reversed(self._kind.size)), self.dtype)
        return planes_of(page, self._kind, self._source.path)

    def _together(self, offset: int, plane: int) -> NDArray[np.generic]:
        samples, rows, columns = self._kind.samples, self._kind.rows, self._kind.columns
        shape = (columns * samples, rows, 1)
        grid = VoxelGrid(shape, self._stored, offset + plane * math.prod(shape) * self._stored.itemsize)
        with self._source.path.open("rb", buffering=0) as file:
            flat = read_box(file, grid, whole(shape))[..., 0].T
        if self._kind.planar:
            return flat.reshape(samples, rows, columns)
        return np.moveaxis(flat.reshape(rows, columns, samples), -1, 0)
