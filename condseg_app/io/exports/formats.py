"""The formats that masks are exported in, as the Export page lists them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from condseg_app.data import ClassTable, Geometry, Image
from condseg_app.errors import WriteError
from condseg_app.io.dicom.files import is_dicom
from condseg_app.io.labels.parts import label_map_files
from condseg_app.io.labels.sidecar import sidecar_path
from condseg_app.io.labels.writer import mask_files

Content = Literal["labels", "masks", "segments", "dicom-seg", "coco", "labelme", "cvat", "meshes", "statistics"]


@dataclass(frozen=True)
class ExportFormat:
    """A file format for masks.

    Attributes:
        key: name in the session and on the command line.
        title: text for the user.
        suffix: of the files.
        keeps: preserved content.
        loses: lost content.
        for_2d: whether a 2D image's masks can be written.
        for_3d: whether a volume's masks can be written.
        one_file_a_class: a folder with a file for each class, rather than a single file.
        content: the kind of content.
        ending: added after the image's name, before the suffix.
        needs_dicom: whether the format refers to the image's own DICOM files.
    """

    key: str
    title: str
    suffix: str
    keeps: str
    loses: str
    for_2d: bool = True
    for_3d: bool = True
    one_file_a_class: bool = False
    content: Content = "labels"
    ending: str = "_labels"
    needs_dicom: bool = False

    @property
    def keeps_overlap(self) -> bool:
        """Whether a voxel may have several classes."""
        return self.content not in ("labels", "cvat")

    @property
    def keeps_marks(self) -> bool:
        """Whether masks can be read back unchanged."""
        return self.content not in ("meshes", "statistics")

    def is_for(self, image: Image) -> bool:
        """Whether the format can hold an image's masks."""
        fits = self.for_2d if image.geometry.is_2d else self.for_3d
        return fits and (not self.needs_dicom or (image.source is not None and is_dicom(image.source)))

    def named(self, folder: Path, name: str) -> Path:
        """Path of an image's exported masks: a file, or a folder of files.

        Args:
            folder: the parent folder.
            name: the image's name, without the ending.
        """
        return folder / f"{name}{self.ending}{'' if self.one_file_a_class else self.suffix}"

    def why_not_at(self, target: Path) -> str | None:
        """Why masks cannot be written to a path; None where they can."""
        if self.one_file_a_class:
            return None
        if not target.name.lower().endswith(self.suffix):
            return f"The name has to end in {self.suffix}"
        return None if target.parent.is_dir() else f"There is no folder {target.parent}"

    def check_fits(self, geometry: Geometry, path: Path) -> None:
        """Refuse an image that the format cannot hold.

        Raises:
            WriteError: a 2D image or a volume that the format is not for.
        """
        if not (self.for_2d if geometry.is_2d else self.for_3d):
            kind = "2D images" if geometry.is_2d else "volumes"
            raise WriteError(f"the format '{self.title}' is not for {kind}; choose another one", path=path)


_TABLE = "class names, values, colours and codes (JSON beside it)"
_INSIDE = "class names, values, colours and codes (inside)"
_MESHES = "positions in mm (RAS), oblique and mirrored grids, overlap of classes"

EXPORT_FORMATS: tuple[ExportFormat, ...] = (
    ExportFormat(
        "nifti",
        "NIfTI label map",
        ".nii.gz",
        keeps=f"exact geometry; {_TABLE}; an ITK-SNAP label file",
        loses="overlap of classes",
    ),
    ExportFormat(
        "nifti-masks",
        "NIfTI, one mask a class",
        ".nii.gz",
        one_file_a_class=True,
        keeps=f"exact geometry; overlap of classes; {_TABLE}",
        loses="nothing",
        content="masks",
        ending="_masks",
    ),
    ExportFormat(
        "png",
        "PNG label map",
        ".png",
        for_3d=False,
        keeps=f"pixels; colours as the palette; {_TABLE}",
        loses="overlap of classes; values above 255",
    ),
    ExportFormat(
        "png-masks",
        "PNG, one mask a class",
        ".png",
        for_3d=False,
        one_file_a_class=True,
        keeps=f"pixels; overlap of classes; {_TABLE}",
        loses="nothing",
        content="masks",
        ending="_masks",
    ),
    ExportFormat(
        "coco",
        "COCO JSON (annotation tools)",
        ".json",
        keeps=f"pixels, as polygons and run lengths, slice by slice; overlap of classes; {_INSIDE}",
        loses="voxel size and position; the pictures of a volume's slices are named, not written",
        content="coco",
        ending="_coco",
    ),
    ExportFormat(
        "labelme",
        "Labelme JSON",
        ".json",
        for_3d=False,
        keeps=f"pixels, as polygons and masks; overlap of classes; {_INSIDE}",
        loses="pixel size; Labelme chooses its own colours",
        content="labelme",
        ending="_labelme",
    ),
    ExportFormat(
        "cvat",
        "CVAT segmentation masks",
        ".zip",
        keeps=f"pixels, slice by slice, in the classes' colours; {_INSIDE}",
        loses="overlap of classes; voxel size and position; the pictures of a volume's slices",
        content="cvat",
        ending="_cvat",
    ),
    *(
        ExportFormat(
            f"mesh-{kind}",
            f"{kind.upper()} meshes",
            f".{kind}",
            for_2d=False,
            one_file_a_class=True,
            keeps=f"{_MESHES}; {'' if kind == 'stl' else 'colours; '}{_TABLE}",
            loses="voxels: a mesh cannot be opened as a mask again",
            content="meshes",
            ending=f"_{kind}",
        )
        for kind in ("stl", "ply", "obj")
    ),
    ExportFormat(
        "statistics",
        "Statistics table (CSV, JSON)",
        ".csv",
        keeps="volume, surface, bounding box, intensities and confidence of each class by itself; class table (JSON)",
        loses="the masks",
        content="statistics",
        ending="_statistics",
    ),
    ExportFormat(
        "dicom-seg",
        "DICOM SEG",
        ".dcm",
        for_2d=False,
        keeps="the source series and its frame of reference; overlap of classes; names, colours, codes and class table",
        loses="classes that are marked nowhere; only for images that were opened from DICOM",
        content="dicom-seg",
        ending="_seg",
        needs_dicom=True,
    ),
    ExportFormat(
        "seg-nrrd",
        "3D Slicer segmentation",
        ".seg.nrrd",
        for_2d=False,
        keeps=f"exact geometry; names, colours and terminology as segments; overlap of classes; {_TABLE}",
        loses="nothing",
        content="segments",
        ending="_segments",
    ),
    ExportFormat(
        "seg-nrrd-labels",
        "3D Slicer segmentation, one class a voxel",
        ".seg.nrrd",
        for_2d=False,
        keeps=f"exact geometry; names, colours and terminology as segments; {_TABLE}; an ITK-SNAP label file",
        loses="overlap of classes",
    ),
    ExportFormat(
        "meta-image",
        "MetaImage label map",
        ".mha",
        for_2d=False,
        keeps=f"exact geometry; {_TABLE}; an ITK-SNAP label file",
        loses="overlap of classes; refuses sheared axes",
    ),
    ExportFormat(
        "ome-tiff",
        "OME-TIFF label map",
        ".ome.tif",
        keeps=f"voxel sizes (position and direction for CondSeg only); {_TABLE}",
        loses="overlap of classes; refuses sheared axes",
    ),
    ExportFormat(
        "ome-zarr",
        "OME-Zarr label map (a folder)",
        ".ome.zarr",
        keeps=f"exact geometry; names and colours inside; {_TABLE}",
        loses="overlap of classes",
    ),
)


def export_format(key: str) -> ExportFormat:
    """The format of a key.

    Raises:
        WriteError: there is none.
    """
    for form in EXPORT_FORMATS:
        if form.key == key:
            return form
    raise WriteError(f"there is no format '{key}'; choose one of: {', '.join(form.key for form in EXPORT_FORMATS)}")


def export_files(form: ExportFormat, target: Path, classes: ClassTable) -> tuple[Path, ...]:
    """The files of an export.

    Args:
        form: the format.
        target: the file, or the folder of a file for each class.
        classes: the exported classes.
    """
    if form.one_file_a_class:
        return mask_files(target, classes, form.suffix)
    if form.content == "labels":
        return label_map_files(target)
    return (target, sidecar_path(target)) if form.content in ("statistics", "segments") else (target,)
