"""NIfTI headers, checked before use."""

import gzip
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError

from condseg_app.data import Geometry, Pick, Shape
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import EVERYTHING, check_count, chosen_channel, chosen_frame
from condseg_app.io.file_start import GZIP, first_bytes, nifti_version, reading
from condseg_app.io.nifti.place import geometry_of
from condseg_app.io.voxels.layout import VoxelLayout

_MOST_EXTENSION_BYTES = 1 << 24
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_OTHER_TYPES = {
    1: "single bits",
    32: "complex numbers",
    128: "colours",
    1536: "numbers of 128 bits",
    1792: "complex numbers",
    2048: "complex numbers",
    2304: "colours",
}
_VECTOR = 1007  # an intent that ITK gives to channels of any kind
_VECTORS = (1006, 2003, 2004)  # intents: displacement, RGB, RGBA

_CIFTI = range(3000, 3100)  # intent codes


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """Content of a header.

    Attributes:
        layout: of the voxels.
        geometry: the grid.
        warnings: a sentence each.
    """

    layout: VoxelLayout
    geometry: Geometry
    warnings: tuple[str, ...]


def read_header(path: Path, pick: Pick = EVERYTHING) -> NiftiHeader:
    """Read and check a header.

    Raises:
        ReadError: the header is damaged, or does not describe volumes of numbers that can be in the file.
        ChoiceNeeded: the header describes several volumes, and none was chosen.
        GeometryError: the affine cannot be used.
    """
    header_path, voxels_path = _halves(path)
    compressed = first_bytes(voxels_path).startswith(GZIP)
    header, _ = _header(header_path)
    shape, others = _shape(header, path)
    dtype = _stored_type(header, path)
    slope, intercept, notes = _scaling(header)
    layout = VoxelLayout(
        path,
        voxels_path,
        dtype,
        shape,
        offset=_offset(header, single=header_path == voxels_path),
        packing="gzip" if compressed else None,
        slope=slope,
        intercept=intercept,
    )
    layout = replace(layout, offset=layout.offset + _chosen(others, pick, path) * layout.stored_bytes)
    geometry, oddities = _geometry(header, shape, path)
    warnings = (*_name_warnings(voxels_path, compressed), *notes, *oddities)
    return NiftiHeader(layout, geometry, warnings)


def extensions_of(path: Path) -> bytes:
    """The bytes between header and voxels.

    Raises:
        ReadError: the header is damaged.
    """
    return _header(_halves(path)[0])[1]


def _halves(path: Path) -> tuple[Path, Path]:
    """The files of header and voxels, which differ only for a pair of .hdr and .img."""
    ending = path.suffix.lower()
    if ending not in (".hdr", ".img"):
        return path, path
    wanted = path.stem.casefold(), {".hdr", ".img"} - {ending}
    for other in path.parent.iterdir():
        if other.stem.casefold() == wanted[0] and other.suffix.lower() in wanted[1]:
            return (path, other) if ending == ".hdr" else (other, path)
    missing = f"{path.stem}{wanted[1].pop()}"
    raise ReadError(f"its other half {missing} is missing; put it in the same folder", path=path)


def _header(path: Path) -> tuple[Any, bytes]:
    opener = gzip.open if first_bytes(path).startswith(GZIP) else open
    with reading(path), opener(path, "rb") as file:
        block = file.read(540)
        version = nifti_version(block)
        if version is None:
            raise ReadError(
                "is not NIfTI but Analyze 7.5, or its header is damaged; convert it to NIfTI, or copy it again",
                path=path,
            )
        kind: Any = nibabel.Nifti1Header if version == 1 else nibabel.Nifti2Header
        size = kind.template_dtype.itemsize
        if len(block) < size:
            raise ReadError("the file is cut off within its header; copy it again", path=path)
        try:
            header = kind(block[:size], check=False)
        except (HeaderDataError, ValueError) as error:
            raise ReadError("its header is damaged; copy the file again", path=path) from error
        room = _offset(header, single=True) - size
        extensions = (block[size:] + file.read(max(0, min(room, _MOST_EXTENSION_BYTES))))[:room]
    return header, extensions


def _offset(header: Any, *, single: bool) -> int:
    claimed = float(header["vox_offset"])
    least = header.template_dtype.itemsize + 4 if single else 0
    return max(int(claimed), least) if math.isfinite(claimed) else least


def _shape(header: Any, path: Path) -> tuple[Shape, tuple[int, int]]:
    """The volumes' shape, and the numbers of time points (the fourth axis) and channels (the fifth)."""
    count = int(header["dim"][0])
    if not 1 <= count <= 7:
        raise ReadError(f"its header claims {count} dimensions; copy the file again", path=path)
    shape = tuple(int(n) for n in header["dim"][1 : count + 1])
    if min(shape) < 1:
        raise ReadError(f"its header claims the impossible shape {shape}; copy the file again", path=path)
    i, j, k, frames, channels, *more = (*shape, 1, 1, 1, 1)
    if channels > 1 and _holds_vectors(header, channels):
        raise ReadError(f"holds vectors, not intensities (shape {shape}); choose another file", path=path)
    if int(header["intent_code"]) in _CIFTI:
        raise ReadError("is CIFTI-2, values on a brain's surface and not a volume; choose another file", path=path)
    if math.prod(more) > 1:
        raise ReadError(f"has more axes than space, time and channels (shape {shape}); save one volume", path=path)
    if sum(n > 1 for n in (i, j, k)) < 2:
        raise ReadError(f"holds a row of numbers (shape {shape}), not an image; choose another file", path=path)
    return (i, j, k), (frames, channels)


def _holds_vectors(header: Any, channels: int) -> bool:
    """Whether channels are directions, not intensities: by the intent, or by three channels of fractions."""
    intent, code = int(header["intent_code"]), int(header["datatype"])
    return intent in _VECTORS or (intent == _VECTOR and channels == 3 and _TYPES.get(code, "").startswith("f"))


def _chosen(others: tuple[int, int], pick: Pick, path: Path) -> int:
    """Number of volumes before the chosen volume."""
    frames, channels = others
    check_count(channels, "channel", path)
    channel = chosen_channel([f"channel {n + 1}" for n in range(channels)], pick, path) if channels > 1 else 0
    return channel * frames + chosen_frame(frames, pick, path)


def _stored_type(header: Any, path: Path) -> np.dtype[np.generic]:
    code = int(header["datatype"])
    if code in _TYPES:
        return np.dtype(f"{header.endianness}{_TYPES[code]}")
    held = _OTHER_TYPES.get(code, f"data of the unknown type {code}")
    raise ReadError(f"holds {held}, not intensities; convert it to one plain number a voxel", path=path)


def _scaling(header: Any) -> tuple[float, float, tuple[str, ...]]:
    """Slope, intercept and notes; a slope of 0 means no scaling."""
    if "scl_slope" not in header.template_dtype.names:
        return 1.0, 0.0, ()
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isfinite(slope) and slope != 0 and not math.isfinite(intercept):
        return slope, 0.0, (f"its intercept scl_inter is {intercept}; 0 is used",)
    return (slope, intercept, ()) if math.isfinite(slope) and slope != 0 else (1.0, 0.0, ())


def _geometry(header: Any, shape: Shape, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    try:
        return geometry_of(header, shape)
    except GeometryError as error:
        raise GeometryError(error.message, path=path) from error


def _name_warnings(path: Path, compressed: bool) -> tuple[str, ...]:
    if compressed == path.name.lower().endswith(".gz"):
        return ()
    what = "compressed, though its name does not end" if compressed else "not compressed, though its name ends"
    return (f"it is {what} in .gz; rename it, for other programs may refuse it",)
