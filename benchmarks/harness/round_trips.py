"""Volumes in every orientation, written and read back by us and by a second library."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import SimpleITK as sitk  # noqa: N813  (everybody's name for it)
import tifffile
import zarr
from numpy.typing import DTypeLike, NDArray

from condseg_app.data import AxisMap, Geometry, Image
from condseg_app.errors import CondsegError
from condseg_app.io import read_image
from condseg_app.io.formats import FORMATS
from condseg_app.io.image_files import write_image

Found = tuple[NDArray[Any], NDArray[np.float64] | None, NDArray[np.float64]]
"""A library's result: voxels (I, J, K), the affine where the format has a place for affines, the voxel sizes."""

_SHAPE = (5, 6, 4)
_LPS = np.array([[-1.0], [-1.0], [1.0]])

PLACES = ("axis-aligned", "oblique", "anisotropic", "left-handed", "tiny", "far offset")
DTYPES: tuple[DTypeLike, ...] = (np.uint8, np.int16, np.float32)
SUFFIXES = tuple(s for form in FORMATS for s in form.image_suffixes if not s.endswith(".png"))
"""The endings of all formats that volumes are written in."""


def orders() -> Iterator[AxisMap]:
    """The 48 ways to order and to flip three axes."""
    for i, j, k in itertools.permutations((0, 1, 2)):
        for flipped in itertools.product((False, True), repeat=3):
            yield AxisMap((i, j, k), (flipped[0], flipped[1], flipped[2]))


def volume(order: AxisMap, place: str, dtype: DTypeLike) -> Image:
    """A small volume of random voxels."""
    low, high = (0, 250) if dtype == np.uint8 else (-1000, 3000)
    factor = 0.3 if dtype == np.float32 else 1
    voxels = (np.random.default_rng(0).integers(low, high, _SHAPE) * factor).astype(dtype)
    geometry = order.geometry(Geometry(_SHAPE, affine(place)))
    return Image(np.ascontiguousarray(order.apply(voxels))[np.newaxis], geometry, "volume")


def affine(place: str) -> NDArray[np.float64]:
    """Voxel to world, in mm."""
    spacing = {"anisotropic": (0.43, 0.77, 5.0), "tiny": (1.3e-4, 2.1e-4, 1.7e-4)}.get(place, (1.1, 1.3, 2.0))
    found = np.diag([*spacing, 1.0])
    if place == "oblique":
        turned, _ = np.linalg.qr(np.array([[1.0, 0.21, -0.13], [-0.2, 1.0, 0.3], [0.11, -0.25, 1.0]]))
        found[:3, :3] = turned * spacing
    if place == "left-handed":
        found[:, 0] *= -1
    found[:3, 3] = (1.0e6 + 0.37, -2.0e6, 3.0e5) if place == "far offset" else (-31.7, 12.25, 101.3)
    return found


def failure(folder: Path, suffix: str, image: Image) -> str | None:
    """The failure of a round trip; None for a success."""
    path = folder / f"volume{suffix}"
    try:
        write_image(path, image)
        back = read_image(path)
    except CondsegError as error:
        return str(error)
    if back.array.dtype != image.array.dtype or not np.array_equal(back.voxels(), image.voxels()):
        return "voxels differ"
    if not within_an_ulp(back.geometry.affine, image.geometry.affine) or back.geometry.unit != image.geometry.unit:
        return "the grid differs"
    return _seen_by_others(path, suffix, image)


def within_an_ulp(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
    """Whether no number is further off than float32 can tell apart."""
    return bool((np.abs(found - wanted) <= np.spacing(np.abs(wanted).astype(np.float32))).all())


def _seen_by_others(path: Path, suffix: str, image: Image) -> str | None:
    geometry = image.geometry
    for library, read in SECOND[suffix].items():
        voxels, found, sizes = read(path)
        if voxels.dtype != image.array.dtype or not np.array_equal(voxels, image.voxels()[0]):
            return f"voxels differ for {library}"
        if not np.allclose(sizes, geometry.spacing, rtol=1e-6, atol=0):
            return f"voxel sizes differ for {library}"
        off = np.spacing(np.maximum(np.abs(geometry.affine), [*geometry.spacing, 1.0]).astype(np.float32))
        if found is not None and not (np.abs(found - geometry.affine) <= off).all():
            return f"the grid differs for {library}"
    return None


def _by_nibabel(path: Path) -> Found:
    found: Any = nibabel.load(path)
    return np.asanyarray(found.dataobj), found.affine, np.linalg.norm(found.affine[:3, :3], axis=0)


def _by_pynrrd(path: Path) -> Found:
    voxels, header = nrrd.read(str(path))
    found = np.eye(4)
    found[:3] = np.column_stack([header["space directions"].T, header["space origin"]]) * _LPS
    return voxels, found, np.linalg.norm(found[:3, :3], axis=0)


def _by_simpleitk(path: Path) -> Found:
    image = sitk.ReadImage(str(path))
    found = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    found[:3] = np.column_stack([directions, image.GetOrigin()]) * _LPS
    return sitk.GetArrayFromImage(image).T, found, np.array(image.GetSpacing())


def _by_tifffile(path: Path) -> Found:
    with tifffile.TiffFile(path) as file:
        described = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]["Pixels"]
        voxels = file.asarray()
    return voxels.T, None, np.array([described[f"PhysicalSize{axis}"] for axis in "XYZ"])


def _by_zarr(path: Path) -> Found:
    group: Any = zarr.open_group(path, mode="r")
    transforms = group.attrs["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    return group["0"][...].T, None, np.array(transforms[0]["scale"][::-1])


SECOND: Mapping[str, Mapping[str, Callable[[Path], Found]]] = {
    ".nii": {"nibabel": _by_nibabel},
    ".nii.gz": {"nibabel": _by_nibabel},
    ".nrrd": {"pynrrd": _by_pynrrd, "SimpleITK": _by_simpleitk},
    ".mha": {"SimpleITK": _by_simpleitk},
    ".ome.tif": {"tifffile": _by_tifffile},
    ".ome.tiff": {"tifffile": _by_tifffile},
    ".ome.zarr": {"zarr": _by_zarr},
    ".zarr": {"zarr": _by_zarr},
}
"""Other libraries that read the files of each ending."""
