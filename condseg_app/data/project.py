"""A project: all that somebody has open on images, to be kept on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from condseg_app.data.chunked_annotation import ChunkedAnnotation
from condseg_app.data.classes import ClassId, ClassTable
from condseg_app.data.geometry import Geometry
from condseg_app.data.image import Pick
from condseg_app.data.levels import ClassLevels


@dataclass(frozen=True)
class FileReference:
    """A file that a project needs but does not hold.

    Attributes:
        path: the file or folder.
        size: bytes; of all files of a folder.
        sha256: of the file's bytes; of names and sizes of a folder's files.
    """

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, eq=False)
class ProjectImage:
    """An image of a project.

    Attributes:
        file: the image's file.
        pick: the choice among several images of the file.
        geometry: the image's grid, on which all arrays lie.
        annotations: class -> annotation.
        probabilities: class -> probabilities of a complete prediction.
    """

    file: FileReference
    pick: Pick
    geometry: Geometry
    annotations: Mapping[ClassId, ChunkedAnnotation] = field(default_factory=dict)
    probabilities: Mapping[ClassId, ClassLevels] = field(default_factory=dict)


@dataclass(frozen=True)
class Display:
    """How classes are shown and drawn.

    Attributes:
        thresholds: class -> threshold, where not the default.
        hidden: hidden classes.
        shows_conflicts: whether the voxels that several classes claim are shown.
        priority: classes in order of priority; None where the most probable class has priority.
        current_class: the current class.
        locked: classes whose voxels no drawing changes.
        only_free: whether drawing leaves the voxels of all other classes alone.
        only_inside: the class outside of which drawing changes nothing; None where drawing is not confined.
    """

    thresholds: Mapping[ClassId, float] = field(default_factory=dict)
    hidden: frozenset[ClassId] = frozenset()
    shows_conflicts: bool = False
    priority: tuple[ClassId, ...] | None = None
    current_class: ClassId | None = None
    locked: frozenset[ClassId] = frozenset()
    only_free: bool = False
    only_inside: ClassId | None = None


@dataclass(frozen=True, eq=False)
class Project:
    """All that is open, but the voxels of images and the weights of models.

    Attributes:
        classes: the class table.
        images: in the order of opening.
        in_view: index of the image in view; None without.
        model: the open model's file.
        display: how classes are shown.
    """

    classes: ClassTable = field(default_factory=ClassTable)
    images: tuple[ProjectImage, ...] = ()
    in_view: int | None = None
    model: FileReference | None = None
    display: Display = Display()
