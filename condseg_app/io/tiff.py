"""TIFF: pictures, stacks, OME-TIFF and ImageJ's, through tifffile; a stack's pages are read when they are asked for."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image, Pick, Shape
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import ChoiceNeeded, chosen_frame
from condseg_app.io.file_start import name_of
from condseg_app.io.lazy_voxels import LazyVoxels
from condseg_app.io.pictures import RGB, check_size, image_of, native, picture_in, telling, unlogged
from condseg_app.io.regions import box_of, whole
from condseg_app.io.tiff_metadata import TiffMetadata, grid_in, imagej_image, ome_images
from condseg_app.io.voxel_file import VoxelGrid, read_box
from condseg_app.memory import require_memory

# More than any packing of an honest picture; claims beyond it are bombs.
_BEST_COMPRESSION = 1100
_PLAIN = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
_NUMBERS = (*_PLAIN, tifffile.PHOTOMETRIC.PALETTE)
_ALPHA = frozenset((tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA))
# What tifffile raises on damaged files; it checks some of its own steps with `assert`.
_DAMAGED = (
    tifffile.TiffFileError,
    RuntimeError,
    TypeError,
    ZeroDivisionError,
    AttributeError,
    OverflowError,
    AssertionError,
)


@dataclass(frozen=True)
class _Source:
    """One of a file's images.

    Attributes:
        path: the file.
        ome: whether its OME-XML is followed.
        series: which of its images.
    """

    path: Path
    ome: bool
    series: int = 0

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The image as tifffile has it; what goes wrong inside is a ReadError."""
        with opened(self.path, ome=self.ome) as file:
            yield file.series[self.series]


class TiffVoxels(LazyVoxels):
    """Voxels (C, I, J, K) of an image of several pages; each look reads the pages it needs.

    Args:
        source: the image.
        planes: (channels, K), which of the image's pages each is.
        page: the shape (samples, J, I) of a page.
        shown: how many of its samples are channels, rather than transparency.
        dtype: of the pixels as they are stored.
    """

    def __init__(
        self, source: _Source, planes: NDArray[np.intp], page: tuple[int, int, int], shown: int, dtype: np.dtype[Any]
    ) -> None:
        self._source, self._planes, self._page, self._shown, self._stored = source, planes, page, shown, dtype
        self.shape: tuple[int, ...] = (planes.shape[0] * shown, page[2], page[1], planes.shape[1])
        self.dtype: np.dtype[np.generic] = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; ReadError if a page is damaged, OutOfMemory if so much does not fit."""
        box, rest = box_of(key, self.shape)
        size = tuple(part.stop - part.start for part in box)
        require_memory(math.prod(size) * self.dtype.itemsize, self._source.path)
        found = np.zeros(size, self.dtype)
        channels, i, j, k = box
        asked = range(channels.start, channels.stop) if found.size else ()
        with self._source.opened() as series:
            for to, slices in enumerate(range(k.start, k.stop)):
                page, read = None, -1
                for n, channel in enumerate(asked):
                    plane = int(self._planes[channel // self._shown, slices])
                    if plane != read:
                        page, read = self._read(series, plane), plane
                    found[n, :, :, to] = page[channel % self._shown, j, i].T  # type: ignore[index]
        return found[rest]  # type: ignore[no-any-return]  # scalars included

    def _read(self, series: Any, plane: int) -> NDArray[np.generic]:
        """A page (samples, J, I); one that is missing counts as 0."""
        if series.dataoffset is not None:  # the pages lie together, and may be described as one only
            return self._together(series.dataoffset, plane)
        page = series.pages[plane]
        if page is None:
            return np.zeros(self._page, self.dtype)
        pixels = _asarray(page)
        if pixels is None:
            pixels = picture_in(self._source.path, page.index).pixels
        planar = to_planes(pixels, self._page)
        if planar.shape != self._page:
            raise ReadError("its pages are not alike; save them as one stack", path=self._source.path)
        return planar

    def _together(self, offset: int, plane: int) -> NDArray[np.generic]:
        samples, rows, columns = self._page
        shape = (columns * samples, rows, 1)
        grid = VoxelGrid(shape, self._stored, offset + plane * math.prod(shape) * self._stored.itemsize)
        with self._source.path.open("rb", buffering=0) as file:
            flat = read_box(file, grid, whole(shape))[..., 0].T
        return np.moveaxis(flat.reshape(rows, columns, samples), -1, 0)


def to_planes(pixels: NDArray[np.generic], page: tuple[int, int, int]) -> NDArray[np.generic]:
    """A page (J, I), (J, I, samples) or (samples, J, I) as (samples, J, I)."""
    if pixels.ndim == 2:
        return pixels[np.newaxis]
    return np.moveaxis(pixels, -1, 0) if pixels.shape == (*page[1:], page[0]) else pixels


def read_tiff(path: Path, pick: Pick) -> Image:
    """Read a picture, or a stack's metadata; a stack's pages follow when they are asked for.

    Pages are the slices of a volume where nothing else is said about them.

    Raises:
        ReadError: not a TIFF of plain numbers, or damaged.
        ChoiceNeeded: it holds several images or points in time, and none was chosen.
        GeometryError: its voxels' sizes cannot be used.
    """
    with telling(path):
        _refuse_circles(path)
    with opened(path) as file:
        pages, xml = len(file.pages), file.ome_metadata if file.is_ome else None
        described, note = ome_images(xml, path.name, pages) if xml else ([], "")
        several = pages > 1 or _planes_in_first(file) > 1
        if not several:
            metadata = described[0] if len(described) == 1 else _imagej(file)
            image = _picture(file.pages.first, metadata, path)
    if several:
        image = _stack(path, pick, described)
    return replace(image, warnings=(*image.warnings, note)) if note else image


@contextmanager
def opened(path: Path, *, ome: bool = True) -> Iterator[tifffile.TiffFile]:
    """A TIFF, with or without its OME-XML followed; what goes wrong inside is a ReadError."""
    flags: Any = {} if ome else {"is_ome": False}
    with telling(path), unlogged("tifffile"):
        try:
            with tifffile.TiffFile(path, **flags) as file:
                yield file
        except _DAMAGED as error:
            raise ReadError("the TIFF is cut off or damaged; copy it again", path=path) from error


def _refuse_circles(path: Path) -> None:
    """Follow the pages, for tifffile may go on for ever where one leads back to another.

    Raises:
        ReadError: one does.
    """
    with path.open("rb") as file:
        start = file.read(16)
        order: Literal["little", "big"] = "little" if start.startswith(b"II") else "big"
        large = start[2:4] in (b"+\x00", b"\x00+")  # BigTIFF's version is 43
        width, counting, entry = (8, 8, 20) if large else (4, 2, 12)
        page, seen, size = int.from_bytes(start[width : 2 * width], order), set[int](), path.stat().st_size
        while 0 < page < size:
            if page in seen:
                raise ReadError("its pages lead in a circle; copy it again", path=path)
            seen.add(page)
            file.seek(page)
            entries = int.from_bytes(file.read(counting), order)
            file.seek(min(size, page + counting + entry * entries))
            page = int.from_bytes(file.read(width), order)


def _planes_in_first(file: tifffile.TiffFile) -> int:
    """How many ImageJ says that there are behind the first page, or are in it."""
    described = file.imagej_metadata or {}
    return max(int(described.get("images", 1)), int(getattr(file.pages.first, "imagedepth", 1)))


def _imagej(file: tifffile.TiffFile) -> TiffMetadata:
    described = file.imagej_metadata
    if not described:
        return TiffMetadata()
    tags = file.pages.first.tags
    found = [tags.get(name) for name in ("XResolution", "YResolution")]
    x, y = (tag.value[0] / tag.value[1] if tag is not None else 0.0 for tag in found)
    return imagej_image(described, (x, y))


def _stack(path: Path, pick: Pick, described: Sequence[TiffMetadata]) -> Image:
    with opened(path, ome=bool(described)) as file:
        at = _chosen_series(file, pick, path)
        series = file.series[at]
        metadata = described[at] if at < len(described) else _imagej(file)
        _check(series, path)
        axes = _axes(series, path)
        lengths = dict(zip(axes, series.shape, strict=True))
        planes = _planes(axes, series, pick, path)
        colours = series.keyframe.photometric == tifffile.PHOTOMETRIC.RGB
        samples = lengths.get("S", 1)
        shown = len(RGB) if colours and samples > len(RGB) else samples
        page = (samples, lengths["Y"], lengths["X"])
        dtype = np.dtype(series.keyframe.dtype).newbyteorder(file.byteorder)
        voxels = TiffVoxels(_Source(path, bool(described), at), planes, page, shown, dtype)
    geometry, notes = _grid(metadata, (voxels.shape[1], voxels.shape[2], voxels.shape[3]), path)
    names = RGB if colours and voxels.shape[0] == len(RGB) else _names(metadata, voxels.shape[0])
    return Image(voxels, geometry, name_of(path), names, source=path, warnings=notes)


def _chosen_series(file: tifffile.TiffFile, pick: Pick, path: Path) -> int:
    count = len(file.series)
    if count > 1 and pick.series is None:
        shown = [(str(n), f"{series.name} {series.shape}".strip()) for n, series in enumerate(file.series)]
        raise ChoiceNeeded("series", shown, path)
    known = [str(n) for n in range(count)]
    chosen = pick.series or "0"
    if chosen not in known:
        raise ReadError(f"has no series '{chosen}'; choose one of: {', '.join(known)}", path=path)
    return int(chosen)


def _check(series: Any, path: Path) -> None:
    page = series.keyframe
    if page.dtype is None or page.dtype.kind not in "buif":
        raise ReadError(f"holds {page.dtype or 'unknown data'}, not plain numbers; convert it", path=path)
    if page.photometric not in _NUMBERS:
        raise ReadError("holds pages in unusual colours; save them as grey or RGB", path=path)
    check_size(page.imagewidth, page.imagelength, path)
    if math.prod(series.shape) * page.dtype.itemsize > path.stat().st_size * _BEST_COMPRESSION:
        raise ReadError("claims far more pixels than the file can hold; copy it again", path=path)


def _axes(series: Any, path: Path) -> str:
    """A letter for each axis, T, C, Z, Y, X or S; axes that nothing is said about are slices, those of one step '_'."""
    letters = ""
    for letter, length in zip(series.axes, series.shape, strict=True):
        if letter in "QI" and length > 1 and "Z" not in series.axes and "Z" not in letters:
            letter = "Z"
        letters += letter if letter in "TCZYXS" else "_" if length == 1 else "?"
    if "?" in letters or not letters.replace("S", "").endswith("YX"):
        raise ReadError(f"has the axes {series.axes}; time, channels and slices are read, so save one stack", path=path)
    return letters


def _planes(axes: str, series: Any, pick: Pick, path: Path) -> NDArray[np.intp]:
    """(channels, K), which page each plane is, of the chosen point in time."""
    leading = [n for n, axis in enumerate(axes) if axis not in "YXS"]
    numbers = np.arange(math.prod(series.shape[n] for n in leading)).reshape([series.shape[n] for n in leading])
    if series.dataoffset is None and numbers.size != len(series.pages):
        raise ReadError("has other pages than its description says; save it again", path=path)
    order = [n for axis in "TCZ" for n, own in enumerate(axes[m] for m in leading) if own == axis]
    others = [n for n in range(len(leading)) if n not in order]
    sizes = [dict(zip(axes, series.shape, strict=True)).get(axis, 1) for axis in "TCZ"]
    planes: NDArray[np.intp] = numbers.transpose(*order, *others).reshape(sizes)[chosen_frame(sizes[0], pick, path)]
    return planes


def _grid(metadata: TiffMetadata, shape: Shape, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    try:
        return grid_in(metadata, shape)
    except GeometryError as error:
        raise GeometryError(error.message, path=path) from error


def _names(metadata: TiffMetadata, count: int) -> tuple[str, ...]:
    """The channels' names; numbers where they have none or not each its own."""
    named = tuple(name.strip() for name in metadata.channels if name.strip())
    if len(named) == len(set(named)) == count:
        return named
    return ("intensity",) if count == 1 else tuple(f"channel {n + 1}" for n in range(count))


def _picture(page: Any, metadata: TiffMetadata, path: Path) -> Image:
    """The only page: grey, or colours; kept in memory."""
    if page.dtype is None or page.dtype.kind not in "buif":
        raise ReadError(f"holds {page.dtype or 'unknown data'}, not plain numbers; convert it", path=path)
    check_size(page.imagewidth, page.imagelength, path)
    if page.nbytes > path.stat().st_size * _BEST_COMPRESSION:
        raise ReadError("claims far more pixels than the file can hold; copy it again", path=path)
    pixels = _asarray(page) if page.photometric in _PLAIN else None
    if pixels is None:
        return image_of(picture_in(path), path)
    colours = page.photometric == tifffile.PHOTOMETRIC.RGB
    planes = to_planes(pixels, (page.samplesperpixel, page.imagelength, page.imagewidth))
    transparency = len(page.extrasamples if colours else _ALPHA.intersection(page.extrasamples))
    voxels = native(planes[: len(planes) - transparency].transpose(0, 2, 1)[..., np.newaxis])
    if voxels.dtype == np.bool_:
        voxels = voxels.astype(np.uint8)
    geometry, notes = _grid(metadata, (voxels.shape[1], voxels.shape[2], 1), path)
    names = RGB if colours and len(voxels) == len(RGB) else _names(metadata, len(voxels))
    voxels.setflags(write=False)
    return Image(voxels, geometry, name_of(path), names, source=path, warnings=notes)


def _asarray(page: Any) -> NDArray[np.generic] | None:
    """A page's pixels; None for packings that tifffile lacks, and Pillow may know."""
    try:
        return np.asarray(page.asarray())
    except (ValueError, KeyError, ImportError) as error:
        if "requires the 'imagecodecs' package" in str(error):
            return None
        raise
