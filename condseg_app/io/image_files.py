"""Images to files: volumes as NIfTI, pictures as PNG, either as OME-Zarr."""

from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from condseg_app.data import Image
from condseg_app.errors import WriteError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.contents import is_zarr_name
from condseg_app.io.nifti_writer import nifti_by_parts
from condseg_app.io.regions import slabs
from condseg_app.io.zarr_writer import image_to_zarr


def write_image(path: Path, image: Image) -> None:
    """Write an image in the format that the file's name ends with; equal images give equal bytes.

    A lazy image is read a few slices at a time.

    Args:
        path: ends with .nii.gz or .nii (one channel, exact affine and data type), .zarr (OME-Zarr 0.5, any channels),
            or .png (a 2D image of uint8 with one channel or red, green, blue).
        image: what to write.

    Raises:
        WriteError: another ending, or an image that the format cannot hold.
    """
    name = path.name.lower()
    with atomic_write(path) as part:
        if name.endswith((".nii", ".nii.gz")):
            _write_nifti(path, part, image)
        elif is_zarr_name(path):
            image_to_zarr(path, part, image)
        elif name.endswith(".png"):
            _write_png(path, part, image)
        else:
            raise WriteError("images are written as .nii.gz, .nii, .zarr or .png; choose one of these", path=path)


def _write_nifti(path: Path, part: Path, image: Image) -> None:
    if len(image.channels) != 1:
        raise WriteError(f"a volume of one channel can be written, this one has {len(image.channels)}", path=path)
    packed = path.name.lower().endswith(".gz")
    with nifti_by_parts(part, image.geometry, image.array.dtype, packed=packed) as put:
        i, j, _ = (slice(0, n) for n in image.geometry.shape)
        for k, (values,) in slabs(image.array):
            put((i, j, k), values)


def _write_png(path: Path, part: Path, image: Image) -> None:
    voxels: NDArray[np.generic] = image.voxels()
    if not image.geometry.is_2d or voxels.dtype != np.uint8 or len(voxels) not in (1, 3):
        raise WriteError(
            f"a PNG holds a 2D image of uint8 in one or three channels, not {voxels.dtype} of shape {voxels.shape}; "
            "write it as .nii.gz",
            path=path,
        )
    rows = np.ascontiguousarray(voxels[..., 0].transpose(2, 1, 0))  # (C, I, J, 1) -> (row, column, channel)
    PIL.Image.fromarray(rows[..., 0] if len(voxels) == 1 else rows).save(part, "PNG", optimize=True)
