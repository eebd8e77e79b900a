"""NIfTI volumes."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image, Unit
from condseg_app.errors import GeometryError, ReadError

SUFFIXES = (".nii", ".nii.gz")

# Deflate packs no better than this; a header that claims more voxels than its file can hold is wrong.
_BEST_COMPRESSION = 1032
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class NiftiArray:
    """Voxels (1, I, J, K) that are read from the file when they are asked for."""

    proxy: Any
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Read; scaled by scl_slope and scl_inter, in native byte order."""
        try:
            values = np.asarray(self.proxy).reshape(self.shape[1:])
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ReadError("the file is truncated or damaged; get it again", path=self.path) from error
        native: NDArray[np.generic] = values.astype(self.dtype, copy=False)[None][key]
        return native


def read_nifti(path: Path) -> Image:
    """Read a volume's header; its voxels follow when they are asked for.

    Raises:
        ReadError: not a NIfTI file, damaged, or not one volume of numbers.
        GeometryError: the affine cannot be used.
    """
    volume = _open(path)
    shape = _volume_shape(volume, path)
    _check_size(volume, path)
    unit, scale = _unit(volume.header)
    warnings = _orientation_warnings(volume.header)
    affine = np.array(volume.affine, dtype=np.float64)
    affine[:3] *= scale
    try:
        geometry = Geometry(shape, affine, unit)
    except GeometryError as error:
        raise GeometryError(error.message, path=path) from error
    if geometry.is_sheared:
        warnings += ("its axes are not at right angles (gantry tilt?); they are kept as they are",)
    array = NiftiArray(volume.dataobj, path, (1, *shape), _value_type(volume))
    return Image(array, geometry, name_of(path), source=path, warnings=warnings)


def name_of(path: Path) -> str:
    """The file's name without its NIfTI ending."""
    lower = path.name.lower()
    ending = next((s for s in reversed(SUFFIXES) if lower.endswith(s)), "")
    return path.name[: len(path.name) - len(ending)] or path.name


def _open(path: Path) -> Any:
    start = _first_bytes(path)
    zipped_name = path.name.lower().endswith(".gz")
    if start.startswith(b"version https://git-lfs"):
        raise ReadError("is a git-LFS pointer, not the file itself; fetch it with 'git lfs pull'", path=path)
    if start.startswith(_GZIP) != zipped_name:
        what = "is not compressed, though its name ends in .gz" if zipped_name else "is compressed (gzip)"
        raise ReadError(f"{what}; rename it to {'.nii' if zipped_name else '.nii.gz'}", path=path)
    try:
        return nibabel.Nifti1Image.from_filename(path) if _is_nifti1(path) else nibabel.Nifti2Image.from_filename(path)
    except (ImageFileError, HeaderDataError, ValueError, OSError, EOFError, zlib.error) as error:
        raise ReadError("is not a NIfTI file, or its header is damaged; get it again", path=path) from error


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise ReadError(f"cannot be opened ({error.strerror}); check the path", path=path) from error
    if not start:
        raise ReadError("is empty; get the file again", path=path)
    return start


def _is_nifti1(path: Path) -> bool:
    """Whether the header's own length says NIfTI-1 (348), in either byte order."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            length = file.read(4)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError("is damaged at its very start; get the file again", path=path) from error
    return 540 not in (int.from_bytes(length, "little"), int.from_bytes(length, "big"))


def _volume_shape(volume: Any, path: Path) -> tuple[int, int, int]:
    if not np.issubdtype(volume.get_data_dtype(), np.number) or volume.get_data_dtype().kind == "c":
        kind = "complex numbers" if volume.get_data_dtype().kind == "c" else "colours"
        raise ReadError(f"holds {kind}, not intensities; convert it to one number a voxel", path=path)
    shape = tuple(int(n) for n in volume.shape)
    if not shape or min(shape) < 1:
        raise ReadError(f"claims the impossible shape {shape}; get the file again", path=path)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 3:
        raise ReadError(f"holds {len(shape)}D data of shape {shape}; save one frame or channel as a volume", path=path)
    shape += (1,) * (3 - len(shape))
    if sum(n > 1 for n in shape) < 2:
        raise ReadError(f"holds a row of numbers (shape {shape}), not an image", path=path)
    return shape[0], shape[1], shape[2]


def _check_size(volume: Any, path: Path) -> None:
    """Before anything is allocated: can the file hold what its header claims?"""
    claimed = int(np.prod([int(n) for n in volume.shape], dtype=object)) * volume.get_data_dtype().itemsize
    there = path.stat().st_size
    zipped = path.name.lower().endswith(".gz")
    if claimed > there * (_BEST_COMPRESSION if zipped else 1):
        raise ReadError(f"is truncated: its header claims {claimed:,} bytes of voxels; get the file again", path=path)


def _value_type(volume: Any) -> np.dtype[np.generic]:
    slope, intercept = volume.dataobj.slope, volume.dataobj.inter
    if slope == 1 and intercept == 0:
        native: np.dtype[np.generic] = np.dtype(volume.get_data_dtype()).newbyteorder("=")
        return native
    return np.dtype(np.float32)


def _unit(header: Any) -> tuple[Unit, float]:
    match header.get_xyzt_units()[0]:
        case "micron":
            return "µm", 1.0
        case "meter":
            return "mm", 1000.0
        case _:
            return "mm", 1.0


def _orientation_warnings(header: Any) -> tuple[str, ...]:
    if header["qform_code"] == 0 and header["sform_code"] == 0:
        return ("its orientation is not stated; left and right may be swapped",)
    return ()
