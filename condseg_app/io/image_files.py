"""Images to files: volumes as NIfTI, pictures as PNG."""

import gzip
import io
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from condseg_app.data import Image
from condseg_app.errors import WriteError
from condseg_app.io.atomic import atomic_write

_NIFTI_UNITS = {"mm": "mm", "µm": "micron", "pixel": "unknown"}


def write_image(path: Path, image: Image) -> None:
    """Write an image in the format that the file's name ends with; equal images give equal bytes.

    Args:
        path: ends with .nii.gz or .nii (one channel, exact affine and data type), or .png (a 2D image of
            uint8 with one channel or red, green, blue).
        image: what to write.

    Raises:
        WriteError: another ending, or an image that the format cannot hold.
    """
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        content = _nifti(path, image)
        content = gzip.compress(content, 9, mtime=0) if name.endswith(".gz") else content
    elif name.endswith(".png"):
        content = _png(path, image)
    else:
        raise WriteError("images are written as .nii.gz, .nii or .png; choose one of these endings", path=path)
    with atomic_write(path) as part:
        part.write_bytes(content)


def _nifti(path: Path, image: Image) -> bytes:
    if len(image.channels) != 1:
        raise WriteError(f"a volume of one channel can be written, this one has {len(image.channels)}", path=path)
    volume = nibabel.Nifti1Image(np.asarray(image.voxels()[0]), image.geometry.affine)
    volume.header.set_xyzt_units(_NIFTI_UNITS[image.geometry.unit])
    return bytes(volume.to_bytes())


def _png(path: Path, image: Image) -> bytes:
    voxels: NDArray[np.generic] = image.voxels()
    if not image.geometry.is_2d or voxels.dtype != np.uint8 or len(voxels) not in (1, 3):
        raise WriteError(
            f"a PNG holds a 2D image of uint8 in one or three channels, not {voxels.dtype} of shape {voxels.shape}; "
            "write it as .nii.gz",
            path=path,
        )
    rows = np.ascontiguousarray(voxels[..., 0].transpose(2, 1, 0))  # (C, I, J, 1) -> (row, column, channel)
    stream = io.BytesIO()
    PIL.Image.fromarray(rows[..., 0] if len(voxels) == 1 else rows).save(stream, "PNG", optimize=True)
    return stream.getvalue()
