"""Masks to DICOM SEG, which refers to the masks' source series."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from highdicom.color import CIELabColor
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import format_number_as_ds

from condseg_app import __version__
from condseg_app.data import AxisMap, ClassEntry, ClassTable, Geometry
from condseg_app.errors import GeometryError, NothingToWrite, ReadError, WriteError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.dicom.header import read_whole_header, reason_of, telling
from condseg_app.io.dicom.seg import OWN_SCHEME, PRIVATE_CREATOR, PRIVATE_ELEMENT, PRIVATE_GROUP, segment_label
from condseg_app.io.dicom.slices import DicomSlice
from condseg_app.io.dicom.stacks import DicomStack
from condseg_app.io.dicom.values import DAMAGE, whole_number
from condseg_app.io.labels.sidecar import sidecar_text
from condseg_app.memory import require_memory

_SERIES_NUMBER = 9000  # beyond those that scanners give
_LONGEST_CODE = 16
_ANATOMY = CodedConcept("123037004", "SCT", "Anatomical Structure")
_TISSUE = CodedConcept("85756007", "SCT", "Tissue")
# Required elements that may be empty; files without names of patients often lack these.
_MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_NEEDED = {"FrameOfReferenceUID": "frame of reference", "StudyInstanceUID": "study", "SOPInstanceUID": "image number"}


def write_dicom_seg(
    path: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    geometry: Geometry,
    classes: ClassTable,
    source: DicomStack | None,
    extra: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Write masks, which may overlap, as a binary DICOM SEG file; returns a sentence for all omissions.

    Segments are numbered 1, 2, 3, ... in the table's order, as DICOM demands; the classes' own values, codes and
    the values of `extra` are in a private element, as the same JSON as beside other label maps.

    Args:
        path: .dcm.
        masks: class name -> mask, (I, J, K) of the grid.
        geometry: the masks' grid: the source's, with axes that may be turned.
        classes: rows of the masks' classes.
        source: the segmented slices, by `source_slices`; None if the image is no DICOM.
        extra: plain values on the origin of the masks: model, thresholds, ...

    Raises:
        WriteError: the image is no DICOM, all masks are empty, the source lacks an element that the format needs,
            or the disk refuses; nothing is written.
        GeometryError: the masks are not on the source's grid.
        OutOfMemory: the masks do not fit.
    """
    if source is None:
        raise WriteError("DICOM SEG refers to a DICOM series, and this image is none; choose .nii.gz", path=path)
    table = classes.keeping(name for name, mask in masks.items() if mask.any())
    notes = _left_out("no voxel is marked", classes.keeping(masks).names, table.names)
    turned = [_onto_source(masks[entry.name], geometry, source, path) for entry in table]
    there, lacking = _marked(turned, source)
    if lacking:
        notes += (f"what is marked on slices that are missing ({lacking}) is left out",)
    if not there:
        raise NothingToWrite("no voxel is marked, so there is nothing to write; mark a class first", path=path)
    headers, planes = _planes(turned, source, there, path)
    segmentation = _segmentation(path, headers, planes, table, source)
    block = segmentation.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(PRIVATE_ELEMENT, "UT", sidecar_text(table, {"segments": list(table.names), **(extra or {})}))
    with atomic_write(path) as temporary:
        segmentation.save_as(temporary)
    return notes


def _left_out(why: str, asked: tuple[str, ...], written: tuple[str, ...]) -> tuple[str, ...]:
    absent = [name for name in asked if name not in written]
    return (f"{why} of {', '.join(absent)}; left out",) if absent else ()


def _marked(masks: list[NDArray[np.bool_]], source: DicomStack) -> tuple[list[int], int]:
    """The slices with mask voxels, and the number of further such slices that are missing in the source."""
    marked = [k for k in range(len(source.slices)) if any(mask[..., k].any() for mask in masks)]
    there = [k for k in marked if source.slices[k] is not None]
    return there, len(marked) - len(there)


def _onto_source(mask: NDArray[np.bool_], geometry: Geometry, source: DicomStack, path: Path) -> NDArray[np.bool_]:
    """A mask on the source's axes; voxels move in the array, never in space."""
    if mask.shape != geometry.shape:
        raise GeometryError(f"a mask has shape {mask.shape}, its grid {geometry.shape}", path=path)
    if geometry.fits(source.geometry):
        return mask
    axes = AxisMap.between(geometry, source.geometry.orientation)
    if not axes.geometry(geometry).fits(source.geometry):
        raise GeometryError(
            "the masks are not on the grid of the DICOM series; resample them onto it, or choose .nii.gz", path=path
        )
    return axes.apply(mask)  # type: ignore[return-value]  # a view of the same type


def _planes(
    masks: list[NDArray[np.bool_]], source: DicomStack, there: list[int], path: Path
) -> tuple[list[Dataset], NDArray[np.uint8]]:
    """The headers of the source's images, and the masks as (frames, rows, columns, classes)."""
    slices: list[DicomSlice] = [one for k in there if (one := source.slices[k]) is not None]
    if any(one.tile is not None for one in slices):
        raise WriteError("the image is a mosaic, to whose slices DICOM SEG cannot refer; choose .nii.gz", path=path)
    first_of = {one.path: one for one in reversed(slices)}
    files = list(dict.fromkeys(one.path for one in slices))
    if len(files) > 1 and len(files) < len(slices):
        raise WriteError(
            "the series has several files of many frames, which one SEG cannot hold; choose .nii.gz", path=path
        )
    headers = [_source_header(first_of[file], path) for file in files]
    frames = int(headers[0].get("NumberOfFrames") or 1) if len(files) == 1 else len(files)
    kind = slices[0].kind
    require_memory(3 * frames * kind.rows * kind.columns * len(masks), path)
    planes = np.zeros((frames, kind.rows, kind.columns, len(masks)), np.uint8)
    for row, (k, one) in enumerate(zip(there, slices, strict=True)):
        for segment, mask in enumerate(masks):
            planes[one.frame if len(files) == 1 else row, :, :, segment] = mask[..., k].T
    return headers, planes


def _source_header(one: DicomSlice, path: Path) -> Dataset:
    file = one.path
    try:
        header = read_whole_header(file)
        with telling(file):
            for keyword, what in _NEEDED.items():
                if not header.get(keyword):
                    raise WriteError(f"the series has no {what}, which DICOM SEG needs; choose .nii.gz", path=path)
            for keyword in _MAY_BE_EMPTY:
                if keyword not in header:
                    setattr(header, keyword, "")
            _check_frames(header, path)
            _state_geometry(header, one)
            _share_geometry(header, one.frame)
    except ReadError as error:
        raise WriteError(f"its source {file.name} {error.message}", path=path) from error
    return header


def _check_frames(header: Dataset, path: Path) -> None:
    """Refuse a file of frames without stated places: highdicom refers to frames by place only."""
    own = header.get("PerFrameFunctionalGroupsSequence")
    frames = whole_number(header, "NumberOfFrames", 1)
    if frames > 1 and not (own and all("PlanePositionSequence" in groups for groups in own)):
        raise WriteError(
            "the image is one file whose frames do not state where they lie, to which DICOM SEG cannot refer; choose "
            ".nii.gz",
            path=path,
        )


def _state_geometry(header: Dataset, one: DicomSlice) -> None:
    """State the place of a file's only slice in the standard elements: the file may have used others."""
    if "PerFrameFunctionalGroupsSequence" in header:
        return
    for keyword, values in (
        ("ImagePositionPatient", one.position),
        ("ImageOrientationPatient", one.orientation),
        ("PixelSpacing", one.spacing and one.spacing[::-1]),
    ):
        if values is not None:
            setattr(header, keyword, [format_number_as_ds(float(value)) for value in values])


def _share_geometry(header: Dataset, frame: int) -> None:
    """Copy a frame's geometry to the shared groups: highdicom reads only these, and the stack's frames are alike."""
    own = header.get("PerFrameFunctionalGroupsSequence")
    if own:
        shared = header.SharedFunctionalGroupsSequence[0]
        for keyword in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
            if keyword not in shared:
                setattr(shared, keyword, own[frame].get(keyword))


def _segmentation(
    path: Path, headers: list[Dataset], planes: NDArray[np.uint8], table: ClassTable, source: DicomStack
) -> Segmentation:
    across, down, apart = source.geometry.spacing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # highdicom's are for programmers
            return Segmentation(
                source_images=headers,
                pixel_array=planes,
                segmentation_type=SegmentationTypeValues.BINARY,
                segment_descriptions=[_described(number, entry) for number, entry in enumerate(table, 1)],
                series_instance_uid=highdicom.UID(),
                series_number=_SERIES_NUMBER,
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer="CondSeg",
                manufacturer_model_name="CondSeg",
                software_versions=__version__,
                device_serial_number="none",
                pixel_measures=highdicom.PixelMeasuresSequence((down, across), apart, apart),
                content_label="CONDSEG",
                series_description="CondSeg segmentation",
                specific_character_set="ISO_IR 192",
            )
    except DAMAGE as error:
        raise WriteError(
            f"the series lacks something that DICOM SEG needs ({reason_of(error)}); choose .nii.gz", path=path
        ) from error


def _described(number: int, entry: ClassEntry) -> SegmentDescription:
    scheme, _, code = (entry.terminology or "").partition(":")
    known = bool(scheme) and 0 < len(code) <= _LONGEST_CODE and len(scheme) <= _LONGEST_CODE
    meaning = segment_label(entry.name)
    return SegmentDescription(
        segment_number=number,
        segment_label=meaning,
        segmented_property_category=_ANATOMY if known else _TISSUE,
        segmented_property_type=CodedConcept(code, scheme, meaning)
        if known
        else CodedConcept(f"class-{entry.value}", OWN_SCHEME, meaning),
        algorithm_type=SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            "CondSeg", codes.cid7162.ArtificialIntelligence, __version__
        ),
        display_color=CIELabColor.from_rgb(*entry.color),
    )
