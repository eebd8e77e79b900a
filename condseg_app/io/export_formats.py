"""The formats that masks are exported in, as the Export page lists them."""

from dataclasses import dataclass
from pathlib import Path

from condseg_app.data import ClassTable
from condseg_app.io.label_parts import label_map_files
from condseg_app.io.label_writers import mask_files


@dataclass(frozen=True)
class ExportFormat:
    """One way to write masks.

    Attributes:
        key: what the session calls it.
        title: what the user reads.
        suffix: of the files.
        for_2d: whether it can hold a 2D image's masks.
        for_3d: whether it can hold a volume's.
        one_file_a_class: masks in a folder rather than one label map.
        keeps: what comes along.
        loses: what does not.
    """

    key: str
    title: str
    suffix: str
    for_2d: bool
    for_3d: bool
    one_file_a_class: bool
    keeps: str
    loses: str


_TABLE = "class names, values, colours and codes (JSON beside it)"

EXPORT_FORMATS: tuple[ExportFormat, ...] = (
    ExportFormat(
        "nifti",
        "NIfTI label map",
        ".nii.gz",
        for_2d=True,
        for_3d=True,
        one_file_a_class=False,
        keeps=f"exact geometry; {_TABLE}; an ITK-SNAP label file",
        loses="overlap of classes",
    ),
    ExportFormat(
        "nifti-masks",
        "NIfTI, one mask a class",
        ".nii.gz",
        for_2d=True,
        for_3d=True,
        one_file_a_class=True,
        keeps=f"exact geometry; overlap of classes; {_TABLE}",
        loses="nothing",
    ),
    ExportFormat(
        "png",
        "PNG label map",
        ".png",
        for_2d=True,
        for_3d=False,
        one_file_a_class=False,
        keeps=f"pixels; colours as the palette; {_TABLE}",
        loses="overlap of classes; values above 255",
    ),
    ExportFormat(
        "png-masks",
        "PNG, one mask a class",
        ".png",
        for_2d=True,
        for_3d=False,
        one_file_a_class=True,
        keeps=f"pixels; overlap of classes; {_TABLE}",
        loses="nothing",
    ),
    ExportFormat(
        "seg-nrrd",
        "3D Slicer segmentation",
        ".seg.nrrd",
        for_2d=False,
        for_3d=True,
        one_file_a_class=False,
        keeps=f"exact geometry; names, colours and terminology as segments; {_TABLE}",
        loses="overlap of classes",
    ),
    ExportFormat(
        "meta-image",
        "MetaImage label map",
        ".mha",
        for_2d=False,
        for_3d=True,
        one_file_a_class=False,
        keeps=f"exact geometry; {_TABLE}; an ITK-SNAP label file",
        loses="overlap of classes; refuses sheared axes",
    ),
    ExportFormat(
        "ome-tiff",
        "OME-TIFF label map",
        ".ome.tif",
        for_2d=True,
        for_3d=True,
        one_file_a_class=False,
        keeps=f"voxel sizes (position and direction for CondSeg only); {_TABLE}",
        loses="overlap of classes; refuses sheared axes",
    ),
    ExportFormat(
        "ome-zarr",
        "OME-Zarr label map (a folder)",
        ".ome.zarr",
        for_2d=True,
        for_3d=True,
        one_file_a_class=False,
        keeps=f"exact geometry; names and colours inside; {_TABLE}",
        loses="overlap of classes",
    ),
)


def export_files(form: ExportFormat, target: Path, classes: ClassTable) -> tuple[Path, ...]:
    """The files that an export makes.

    Args:
        form: the format.
        target: the label map's file, or the folder for one mask a class.
        classes: those to be written.
    """
    return mask_files(target, classes, form.suffix) if form.one_file_a_class else label_map_files(target)
