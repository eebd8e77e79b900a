"""Any image file, by the format its name and content tell."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from condseg_app.data import Image
from condseg_app.errors import ReadError
from condseg_app.io import nifti, pictures

SUFFIXES = (*nifti.SUFFIXES, *pictures.SUFFIXES)


def can_read(path: Path) -> bool:
    """Whether the name is one of a format that is read; the file is not opened."""
    return path.name.lower().endswith(SUFFIXES)


def read_image(path: Path) -> Image:
    """Open an image or a volume; its voxels are read when they are asked for.

    Raises:
        ReadError: it does not exist, is of another format, or is damaged.
        GeometryError: its affine cannot be used.
    """
    path = path.expanduser()
    if not path.exists():
        raise ReadError("there is no such file; check the path", path=path)
    if path.is_dir():
        raise ReadError("is a folder, not an image; open one of the files in it", path=path)
    if is_nifti(path):
        return nifti.read_nifti(path)
    if can_read(path):
        return pictures.read_picture(path)
    raise ReadError(f"is of a format that is not read; use one of {', '.join(SUFFIXES)}", path=path)


def check_voxels(image: Image) -> Image:
    """Read an image's voxels once, so that damage shows now, and name what is odd about them.

    Returns the image with its voxels in memory, and warnings about voxels that are not finite or all the same.
    """
    voxels = image.voxels()
    notes: tuple[str, ...] = ()
    if voxels.dtype.kind == "f":
        odd = int(np.count_nonzero(~np.isfinite(voxels)))
        if odd:
            notes += (f"{odd:,} voxels are not finite; they are taken for the lowest intensity",)
    if voxels.size and voxels.min() == voxels.max():
        notes += ("all its voxels have the same intensity",)
    return replace(image, array=voxels, warnings=(*image.warnings, *notes))


def is_nifti(path: Path) -> bool:
    """Whether the name is a NIfTI file's."""
    return path.name.lower().endswith(nifti.SUFFIXES)
