"""Sound little DICOM files, by pydicom alone and with the same bytes each time."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, SegmentationStorage

_ROOT = "1.2.826.0.1.3680043.8.498.1"
_SHAPE = (5, 6, 4)


def series(folder: Path) -> None:
    """A folder with a file for each of four slices."""
    folder.mkdir()
    for k in range(_SHAPE[2]):
        _slice(k).save_as(folder / f"{k}.dcm", enforce_file_format=True)


def packed(path: Path) -> None:
    """A single slice, packed."""
    data = _slice(0)
    data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)


def segmentation(path: Path) -> None:
    """Two segments on two slices each, in single bits."""
    data = _common(SegmentationStorage, "9")
    data.Modality, data.SegmentationType, data.FrameOfReferenceUID = "SEG", "BINARY", f"{_ROOT}.3"
    data.Rows, data.Columns, data.NumberOfFrames = _SHAPE[1], _SHAPE[0], 4
    data.BitsAllocated = data.BitsStored = 1
    data.HighBit = data.PixelRepresentation = 0
    data.SegmentSequence = [_segment(n, name) for n, name in ((1, "liver"), (2, "spleen"))]
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [1.3, 1.1], 2.0, 2.0
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = [_frame(n // 2 + 1, n % 2) for n in range(4)]
    bits = np.random.default_rng(0).integers(0, 2, 4 * _SHAPE[0] * _SHAPE[1])
    data.PixelData = np.packbits(bits.astype(np.uint8), bitorder="little").tobytes().ljust(16, b"\0")
    data.save_as(path, enforce_file_format=True)


def _common(kind: str, number: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID, data.SOPInstanceUID = kind, f"{_ROOT}.4.{number}"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"{_ROOT}.1", f"{_ROOT}.2.{number if number == '9' else 0}"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    return data


def _slice(k: int) -> Dataset:
    data = _common(CTImageStorage, str(k + 1))
    data.Modality, data.SeriesNumber, data.SeriesDescription, data.InstanceNumber = "CT", 4, "5.0 B30f", k + 1
    data.ImageType, data.FrameOfReferenceUID = ["ORIGINAL", "PRIMARY", "AXIAL"], f"{_ROOT}.3"
    data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 2 * k]
    data.PixelSpacing, data.SliceThickness = [1.3, 1.1], 2
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.Rows, data.Columns = _SHAPE[1], _SHAPE[0]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    pixels = np.random.default_rng(k).integers(0, 3000, (_SHAPE[1], _SHAPE[0])).astype("<u2")
    data.PixelData = pixels.tobytes()
    return data


def _segment(number: int, name: str) -> Dataset:
    segment, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "10200004", "SCT", name
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = number, name, "MANUAL"
    segment.SegmentedPropertyTypeCodeSequence = [code]
    segment.RecommendedDisplayCIELabValue = [30000, 40000, 40000]
    return segment


def _frame(segment: int, k: int) -> Dataset:
    frame, place, which = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient, which.ReferencedSegmentNumber = [0, 0, 2 * k], segment
    frame.PlanePositionSequence, frame.SegmentIdentificationSequence = [place], [which]
    return frame
