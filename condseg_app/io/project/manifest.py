"""A project's manifest: all of a project but the arrays, as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from condseg_app import __version__
from condseg_app.data import ClassId, Display, FileReference, Geometry, Pick, Project, ProjectImage, Shape, Unit
from condseg_app.errors import ClassTableError, GeometryError, ReadError
from condseg_app.io.labels.sidecar import WrittenTable
from condseg_app.io.project.references import found, relative_to

SCHEMA = "condseg-project"
FORMAT_VERSION = 1
_Row = tuple[float, float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _File(_Strict):
    relative: str | None
    absolute: Path
    size: int = Field(ge=0)
    sha256: str

    def as_reference(self, folder: Path) -> FileReference:
        return FileReference(found(folder, self.relative, self.absolute), self.size, self.sha256)


class _Grid(_Strict):
    shape: Shape
    affine: tuple[_Row, _Row, _Row, _Row]
    unit: Unit


class ImageEntry(_Strict):
    """An image of a manifest.

    Attributes:
        file: the image's file.
        pick: the choice among several images of the file.
        grid: the image's grid.
        annotations: class -> name of the array; empty in a journal, which holds annotations itself.
        probabilities: class -> name of the array.
    """

    file: _File
    pick: Pick
    grid: _Grid
    annotations: dict[ClassId, str]
    probabilities: dict[ClassId, str]

    @property
    def geometry(self) -> Geometry:
        """The image's grid; GeometryError where impossible."""
        return Geometry(self.grid.shape, np.array(self.grid.affine), self.grid.unit)

    def as_image(self, folder: Path) -> ProjectImage:
        """The image, without arrays."""
        return ProjectImage(self.file.as_reference(folder), self.pick, self.geometry)


class _Display(_Strict):
    thresholds: dict[ClassId, float]
    hidden: frozenset[ClassId]
    shows_conflicts: bool
    priority: tuple[ClassId, ...] | None
    current_class: ClassId | None
    locked: frozenset[ClassId] = frozenset()  # the last three are younger than the first projects
    only_free: bool = False
    only_inside: ClassId | None = None


class Manifest(_Strict):
    """All of a project but the arrays, as written."""

    # Not `schema`, which pydantic has a method of.
    kind: Literal["condseg-project"] = Field(alias="schema")
    version: Literal[1]
    software: str
    classes: WrittenTable
    images: list[ImageEntry]
    in_view: int | None
    model: _File | None
    display: _Display

    def as_project(self, folder: Path) -> Project:
        """The project, without arrays.

        Args:
            folder: relative paths begin here.
        """
        return Project(
            self.classes,
            tuple(image.as_image(folder) for image in self.images),
            self.in_view,
            None if self.model is None else self.model.as_reference(folder),
            Display(**self.display.model_dump()),
        )


Names = Mapping[ClassId, str]
"""Class -> name of an array."""


def manifest_of(project: Project, folder: Path, names: Mapping[int, tuple[Names, Names]]) -> dict[str, Any]:
    """A project's manifest as plain values.

    Args:
        project: the project.
        folder: relative paths begin here.
        names: index of an image -> names of its annotations' and its probabilities' arrays.
    """
    display = project.display
    return {
        "schema": SCHEMA,
        "version": FORMAT_VERSION,
        "software": f"condseg {__version__}",
        "classes": [asdict(entry) for entry in project.classes],
        "images": [_image(image, folder, *names.get(at, ({}, {}))) for at, image in enumerate(project.images)],
        "in_view": project.in_view,
        "model": None if project.model is None else _file(project.model, folder),
        "display": {**asdict(display), "hidden": sorted(display.hidden), "locked": sorted(display.locked)},
    }


def read_manifest(content: object, path: Path) -> Manifest:
    """Check a manifest.

    Args:
        content: plain values from JSON.
        path: of the file, for errors.

    Raises:
        ReadError: no manifest, of a newer version, or damaged.
    """
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ReadError("is not the manifest of a project; choose a folder that ends in .condseg", path=path)
    version = content.get("version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ReadError(
            f"is of project format {version}, this program reads up to {FORMAT_VERSION}; update the program", path=path
        )
    try:
        manifest = Manifest.model_validate(content)
        _check_references(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReadError(
            f"is wrong at '{where}' ({first['msg']}); restore the project from a backup", path=path
        ) from error
    except (ClassTableError, GeometryError) as error:
        raise ReadError(f"is damaged ({error.message}); restore the project from a backup", path=path) from error
    return manifest


def _check_references(manifest: Manifest) -> None:
    """Raise a ClassTableError or GeometryError where parts of a manifest do not fit each other."""
    ids = {entry.id for entry in manifest.classes}
    for image in manifest.images:
        _ = image.geometry
        unknown = sorted({*image.annotations, *image.probabilities} - ids)
        if unknown:
            raise ClassTableError(f"the class table lacks the class of id '{unknown[0]}'")
    if manifest.in_view is not None and not 0 <= manifest.in_view < len(manifest.images):
        raise GeometryError(f"image {manifest.in_view} of {len(manifest.images)} is in view")


def _image(image: ProjectImage, folder: Path, annotations: Names, probabilities: Names) -> dict[str, Any]:
    grid = image.geometry
    return {
        "file": _file(image.file, folder),
        "pick": asdict(image.pick),
        "grid": {"shape": list(grid.shape), "affine": grid.affine.tolist(), "unit": grid.unit},
        "annotations": dict(annotations),
        "probabilities": dict(probabilities),
    }


def _file(file: FileReference, folder: Path) -> dict[str, Any]:
    return {
        "relative": relative_to(folder, file.path),
        "absolute": str(file.path),
        "size": file.size,
        "sha256": file.sha256,
    }
