"""TIFF: pictures, stacks, OME-TIFF and ImageJ's, through tifffile; a stack's pages are read on demand."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image, Pick, Shape
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import ChoiceNeeded, chosen_channel, chosen_frame
from condseg_app.io.file_start import name_of
from condseg_app.io.labels.stored import StoredLabels
from condseg_app.io.pictures.camera import told
from condseg_app.io.pictures.reader import RGB, image_of, native, picture_in, telling
from condseg_app.io.tiff.metadata import TiffMetadata, grid_in, imagej_image, ome_images, resolution_of
from condseg_app.io.tiff.pages import NUMBERS, PageKind, Source, TiffVoxels, check_claims, colours_of, opened, planes_of


def read_tiff(path: Path, pick: Pick) -> Image:
    """Read a picture, or a stack's metadata; a stack's pages are read on demand.

    Pages without description are the slices of a volume. A picture with a palette is read in colours.

    Raises:
        ReadError: not a TIFF of plain numbers, or damaged.
        ChoiceNeeded: the file holds several images or points in time, and none was chosen.
        GeometryError: the sizes of voxels cannot be used.
    """
    return _image(path, pick, as_labels=False)


def labels_in_tiff(path: Path, pick: Pick) -> StoredLabels:
    """Read a label map: the stored numbers (a palette's indices), or colours of 8 bits.

    Raises:
        ReadError, ChoiceNeeded, GeometryError: as `read_tiff`.
    """
    image = _image(path, pick, as_labels=True)
    if image.is_rgb and image.array.dtype == np.uint8 and pick.channel is None:
        return StoredLabels(image.voxels(), image.geometry, image.warnings)
    channel = chosen_channel(image.channels, pick, path)
    return StoredLabels(np.asarray(image.array[channel]), image.geometry, image.warnings)


def _image(path: Path, pick: Pick, *, as_labels: bool) -> Image:
    with telling(path):
        _refuse_circles(path)
    with opened(path) as file:
        pages, xml = len(file.pages), file.ome_metadata if file.is_ome else None
        described, note = ome_images(xml, path.name, pages) if xml else ([], "")
        several = pages > 1 or _planes_in_first(file) > 1
        if not several:
            metadata = described[0] if len(described) == 1 else _undescribed(file)
            image = _picture(file.pages.first, metadata, path, as_labels=as_labels)
    if several:
        image = _stack(path, pick, described)
    return replace(image, warnings=(*image.warnings, note)) if note else image


def _refuse_circles(path: Path) -> None:
    """Refuse pages that lead in a circle, on which tifffile may loop for ever.

    Raises:
        ReadError: a page leads back to an earlier page.
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
    """Number of planes that ImageJ states for the first page, or that the page holds."""
    described = file.imagej_metadata or {}
    return max(int(described.get("images", 1)), int(getattr(file.pages.first, "imagedepth", 1)))


def _undescribed(file: tifffile.TiffFile) -> TiffMetadata:
    """Metadata by ImageJ or the tags, for files without OME-XML."""
    resolution = resolution_of(file.pages.first)
    return imagej_image(file.imagej_metadata, resolution) if file.imagej_metadata else resolution.metadata


def _stack(path: Path, pick: Pick, described: Sequence[TiffMetadata]) -> Image:
    with opened(path, ome=bool(described)) as file:
        at = _chosen_series(file, pick, path)
        series = file.series[at]
        metadata = described[at] if at < len(described) else _undescribed(file)
        if series.keyframe.photometric not in NUMBERS:
            raise ReadError("holds pages in unusual colours; save them as grey or RGB", path=path)
        check_claims(series.keyframe, math.prod(series.shape), path)
        axes = _axes(series, path)
        planes = _planes(axes, series, pick, path)
        kind = PageKind.of(series.keyframe, dict(zip(axes, series.shape, strict=True)).get("S", 1))
        dtype = np.dtype(series.keyframe.dtype).newbyteorder(file.byteorder)
        voxels = TiffVoxels(Source(path, bool(described), at), planes, kind, dtype)
        notes = (*kind.warnings, *told(kind.orientation), *_contradictions(described, series.keyframe, metadata))
    return _placed(voxels, kind, metadata, path, notes)


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


def _axes(series: Any, path: Path) -> str:
    """A letter for each axis, T, C, Z, Y, X or S; unknown axes are slices, or '_' if of length 1."""
    letters = ""
    for letter, length in zip(series.axes, series.shape, strict=True):
        if letter in "QI" and length > 1 and "Z" not in series.axes and "Z" not in letters:
            letter = "Z"
        letters += letter if letter in "TCZYXS" else "_" if length == 1 else "?"
    if "?" in letters or not letters.replace("S", "").endswith("YX"):
        raise ReadError(f"has the axes {series.axes}; time, channels and slices are read, so save one stack", path=path)
    return letters


def _planes(axes: str, series: Any, pick: Pick, path: Path) -> NDArray[np.intp]:
    """Page number of each plane (channels, K) of the chosen point in time."""
    leading = [n for n, axis in enumerate(axes) if axis not in "YXS"]
    numbers = np.arange(math.prod(series.shape[n] for n in leading)).reshape([series.shape[n] for n in leading])
    if series.dataoffset is None and numbers.size != len(series.pages):
        raise ReadError("has other pages than its description says; save it again", path=path)
    order = [n for axis in "TCZ" for n, own in enumerate(axes[m] for m in leading) if own == axis]
    others = [n for n in range(len(leading)) if n not in order]
    sizes = [dict(zip(axes, series.shape, strict=True)).get(axis, 1) for axis in "TCZ"]
    planes: NDArray[np.intp] = numbers.transpose(*order, *others).reshape(sizes)[chosen_frame(sizes[0], pick, path)]
    return planes


def _placed(
    voxels: TiffVoxels | NDArray[np.generic], kind: PageKind, metadata: TiffMetadata, path: Path, notes: tuple[str, ...]
) -> Image:
    """Voxels (C, I, J, K) on their grid, with names of channels."""
    _, i, j, k = voxels.shape
    geometry, odd = _grid(metadata, (i, j, k), path)
    names = RGB if kind.colours and voxels.shape[0] == len(RGB) else _names(metadata, voxels.shape[0])
    return Image(voxels, geometry, name_of(path), names, source=path, warnings=(*notes, *odd))


def _grid(metadata: TiffMetadata, shape: Shape, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    try:
        return grid_in(metadata, shape)
    except GeometryError as error:
        raise GeometryError(error.message, path=path) from error


def _names(metadata: TiffMetadata, count: int) -> tuple[str, ...]:
    """The channels' names; numbers where names are missing or not unique."""
    named = tuple(name.strip() for name in metadata.channels if name.strip())
    if len(named) == len(set(named)) == count:
        return named
    return ("intensity",) if count == 1 else tuple(f"channel {n + 1}" for n in range(count))


def _picture(page: Any, metadata: TiffMetadata, path: Path, *, as_labels: bool) -> Image:
    """The only page: grey, or colours; kept in memory."""
    check_claims(page, math.prod(page.shape), path)
    kind = PageKind.of(page, page.samplesperpixel)
    if page.photometric not in NUMBERS:
        image = image_of(picture_in(path), path)
        return replace(image, warnings=(*image.warnings, *told(kind.orientation)))
    planes = planes_of(page, kind, path)[: kind.shown]
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and not as_labels:
        planes, kind = colours_of(page, planes), replace(kind, colours=True)
    voxels = native(planes.transpose(0, 2, 1)[..., np.newaxis])
    if voxels.dtype == np.bool_:
        voxels = voxels.astype(np.uint8)
    voxels.setflags(write=False)
    notes = (*kind.warnings, *told(kind.orientation), *_contradictions([metadata], page, metadata))
    return _placed(voxels, kind, metadata, path, notes)


def _contradictions(described: Sequence[TiffMetadata], page: Any, metadata: TiffMetadata) -> tuple[str, ...]:
    """A sentence where OME's sizes differ from the page's resolution."""
    return resolution_of(page).conflict(metadata) if described else ()
