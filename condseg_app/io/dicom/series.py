"""DICOM series as images: a folder of slices, or a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from condseg_app.data import Image
from condseg_app.errors import CondsegError, ReadError
from condseg_app.io.choices import EVERYTHING, ChoiceNeeded, Pick
from condseg_app.io.dicom.files import dicom_files, is_dicom, is_directory_file
from condseg_app.io.dicom.groups import SliceGroup, descriptions, grouped
from condseg_app.io.dicom.slices import DicomSlice, slices_in
from condseg_app.io.dicom.stacks import DicomStack, stacked
from condseg_app.io.dicom.voxels import DicomVoxels
from condseg_app.io.file_start import name_of

__all__ = ["SeriesDescription", "is_dicom", "read_dicom", "series_in", "source_slices"]

_RGB = ("red", "green", "blue")


@dataclass(frozen=True)
class SeriesDescription:
    """A series, or a part whose slices have their own size or orientation.

    Attributes:
        key: value for `Pick.series`: the series instance UID, with '#2', ... for further parts.
        text: description for a choice: 'CT series 4 5.0 B30f, 120 slices of 512 x 512'.
        is_volume: False for scouts and for series of one or two slices.
    """

    key: str
    text: str
    is_volume: bool


def series_in(path: Path) -> tuple[SeriesDescription, ...]:
    """The series of a file or folder; only headers are read.

    Raises:
        ReadError: there is no DICOM image, or the files are damaged.
    """
    groups, _ = _groups(path.expanduser())
    return tuple(
        SeriesDescription(group.key, text, group.is_volume)
        for group, text in zip(groups, descriptions(groups), strict=True)
    )


def read_dicom(path: Path, pick: Pick = EVERYTHING) -> Image:
    """Read the headers of a file or folder as an image; pixels are decoded on demand.

    Of a folder with a single volume and scouts the volume is taken.

    Args:
        path: a file, which is read alone, or a folder.
        pick: the series, if there are several, and the frame, if a series holds several volumes.

    Raises:
        ChoiceNeeded: a series or a frame must be chosen.
        ReadError: the image is missing or damaged, or slices are missing.
        GeometryError: the slices do not lie on a grid.
    """
    path = path.expanduser()
    stack = source_slices(path, pick)
    voxels = DicomVoxels(stack.slices, path)
    channels = _RGB if voxels.shape[0] == 3 else ("intensity",)
    shown = path.parent if is_directory_file(path) else path
    name = shown.name if shown.is_dir() else name_of(path)
    return Image(voxels, stack.geometry, name, channels, source=path, warnings=stack.warnings)


def source_slices(path: Path, pick: Pick = EVERYTHING) -> DicomStack:
    """The files and frames of an image in the order of slices, by the rules of `read_dicom`.

    Raises:
        CondsegError: as `read_dicom`.
    """
    groups, notes = _groups(path.expanduser())
    group, aside = _chosen(groups, pick, path)
    stack = stacked(group, pick.frame, path)
    return DicomStack(stack.key, stack.slices, stack.geometry, (*notes, *aside, *stack.warnings))


def _groups(path: Path) -> tuple[tuple[SliceGroup, ...], tuple[str, ...]]:
    """The groups of slices, and notes on files of a folder that cannot be read."""
    slices: list[DicomSlice] = []
    refused: list[CondsegError] = []
    found = dicom_files(path)
    for file in found.files:
        try:
            slices += slices_in(file)
        except CondsegError as error:  # many series have a report or a plan beside them
            refused.append(error)
    if not slices:
        raise _none_of(refused, path)
    if not refused:
        return grouped(slices), found.notes
    first = refused[0].path
    note = f"{len(refused)} of its files are left out; {first.name if first else 'one'} {refused[0].message}"
    return grouped(slices), (*found.notes, note)


def _none_of(refused: Sequence[CondsegError], path: Path) -> CondsegError:
    """The error where no file holds an image."""
    if len(refused) == 1:
        return refused[0]
    causes = {error.message for error in refused}
    which = "the first" if len(causes) > 1 else "each"
    return ReadError(f"none of its {len(refused)} DICOM files is read ({which}: {refused[0].message})", path=path)


def _chosen(groups: tuple[SliceGroup, ...], pick: Pick, path: Path) -> tuple[SliceGroup, tuple[str, ...]]:
    """The chosen group, with a note on the other groups."""
    options = [(group.key, text) for group, text in zip(groups, descriptions(groups), strict=True)]
    if pick.series is not None:
        for group in groups:
            if group.key == pick.series:
                return group, ()
        known = "; ".join(f"{key}: {text}" for key, text in options)
        raise ReadError(f"holds no series {pick.series}; choose one of those in it ({known})", path=path)
    if len(groups) == 1:
        return groups[0], ()
    volumes = [group for group in groups if group.is_volume]
    if len(volumes) != 1:
        raise ChoiceNeeded("series", options, path)
    aside = "; ".join(group.text for group in groups if group is not volumes[0])
    return volumes[0], (f"it is the one volume here; beside it there is {aside}",)
