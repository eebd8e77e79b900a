from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import ArrayLike, NDArray
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

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


SaveSeries = Callable[..., list[Path]]


@pytest.fixture(scope="session")
def save_series() -> SaveSeries:
    """Write a DICOM series with pydicom alone, one file a slice."""
    return _save_series


def _save_series(
    folder: Path,
    stored: NDArray[np.generic],
    affine: ArrayLike = AFFINE,
    names: Sequence[str] | None = None,
    **elements: object,
) -> list[Path]:
    """Write (I, J, K) or (I, J, K, 3) numbers whose grid has a RAS+ affine; `None` removes an element."""
    folder.mkdir(parents=True, exist_ok=True)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine)
    uids = [generate_uid() for _ in range(3)]
    paths = [folder / (names[k] if names else f"{k:03d}.dcm") for k in range(stored.shape[2])]
    for k, path in enumerate(paths):
        data = _image(np.moveaxis(stored[:, :, k], 0, 1), lps, k)
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = uids
        for keyword, value in elements.items():
            if value is None:
                delattr(data, keyword)
            else:
                setattr(data, keyword, value(k) if callable(value) else value)
        data.save_as(path, enforce_file_format=True)
    return paths


def _image(pixels: NDArray[np.generic], lps: NDArray[np.float64], k: int) -> pydicom.Dataset:
    """A CT image of (rows, columns[, 3]) pixels."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
    data.Modality, data.SeriesNumber, data.SeriesDescription = "CT", 4, "5.0 B30f"
    data.PatientName, data.PatientID, data.StudyDate, data.StudyTime = "Müller^A", "1", "20260101", "120000"
    data.SpecificCharacterSet = "ISO_IR 100"
    data.InstanceNumber, data.ImageType = k + 1, ["ORIGINAL", "PRIMARY", "AXIAL"]
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    directions = (lps[:3, :2] / spacing[:2]).T.ravel()
    data.ImageOrientationPatient = [f"{part:.13f}"[:16] for part in directions]
    data.ImagePositionPatient = [f"{part:.10f}"[:16] for part in lps[:3, 3] + k * lps[:3, 2]]
    data.PixelSpacing = [f"{spacing[1]:.12f}"[:16], f"{spacing[0]:.12f}"[:16]]
    data.SliceThickness = f"{spacing[2]:.6f}"
    data.Rows, data.Columns, *_ = pixels.shape
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    data.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    bits = 8 * pixels.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = np.ascontiguousarray(pixels).tobytes().ljust((pixels.nbytes + 1) // 2 * 2, b"\0")
    return data
