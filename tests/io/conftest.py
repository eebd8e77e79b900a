from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

SHARED = Path(__file__).parents[3] / "shared" / "data"
AFFINE = np.array([[-2.0, 0.1, 0, 30], [0.1, 2.0, 0, -12.5], [0, 0, 3.5, 7], [0, 0, 0, 1]])

SaveNifti = Callable[..., Path]


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """A folder of real data, where there is one."""

    def folder(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"needs the data folder {SHARED / name}")
        return SHARED / name

    return folder


@pytest.fixture
def save_nifti(tmp_path: Path) -> SaveNifti:
    """Write an array with nibabel alone, so that nothing is read back by the code that wrote it."""

    def save(
        array: NDArray[np.generic], affine: ArrayLike = AFFINE, name: str = "volume.nii.gz", **header: object
    ) -> Path:
        image = nibabel.Nifti1Image(array, np.asarray(affine), dtype=array.dtype)
        for key, value in header.items():
            image.header[key] = value
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.to_filename(path)
        return path

    return save
