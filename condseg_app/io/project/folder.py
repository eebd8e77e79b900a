"""A project's folder: manifest, arrays, and who has the project open."""

import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from condseg_app.data import Project, ProjectImage
from condseg_app.errors import ReadError, WriteError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.file_start import reading
from condseg_app.io.project.arrays import SUFFIX as ARRAY_SUFFIX
from condseg_app.io.project.arrays import read_annotation, read_probabilities, write_array
from condseg_app.io.project.manifest import ImageEntry, Names, manifest_of, read_manifest

SUFFIX = ".condseg"
MANIFEST = "project.json"
_ARRAYS = "arrays"


@dataclass(frozen=True)
class Revision:
    """A project as it lies on the disk, to tell changes by another program."""

    sha256: str


def is_project(path: Path) -> bool:
    """Whether a path is that of a project: its folder, or the manifest inside."""
    return path.suffix == SUFFIX or (path.name == MANIFEST and path.parent.suffix == SUFFIX)


def project_folder(path: Path) -> Path:
    """A project's folder, from a path for which `is_project`."""
    return path.parent if path.name == MANIFEST else path


def write_project(folder: Path, project: Project, seen: Revision | None = None) -> Revision:
    """Write a project; arrays of unchanged content are not written again.

    Args:
        folder: NAME.condseg, new or with an earlier state of the project.
        project: the project.
        seen: the project on disk as last read or written; None for a new folder, or to replace another project.

    Raises:
        WriteError: the disk refuses, the folder holds something else, or another program changed the project
            since. The earlier state stays as it was.
    """
    manifest = folder / MANIFEST
    _check_folder(folder, manifest)
    if seen is not None and revision_of(folder) != seen:
        raise WriteError("was changed by another program since; save the project under another name", path=folder)
    make_folder(folder / _ARRAYS)
    names = {at: _write_arrays(folder / _ARRAYS, image) for at, image in enumerate(project.images)}
    content = json.dumps(manifest_of(project, folder.resolve(), names), indent=1, ensure_ascii=False)
    with atomic_write(manifest) as temporary:
        temporary.write_text(content, encoding="utf-8")
    _remove_unused(folder / _ARRAYS, names.values())
    return Revision(_sha256(content.encode()))


def read_project(folder: Path) -> tuple[Project, Revision]:
    """Read a project, with where it stands on the disk.

    Raises:
        ReadError: no project, of a newer version, or damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ReadError(f"is no project, for it holds no {MANIFEST}; choose another folder", path=folder)
    with reading(path):
        data = path.read_bytes()
    manifest = read_manifest(_json(data, path), path)
    project = manifest.as_project(folder.resolve())
    images = [
        _with_arrays(image, entry, folder / _ARRAYS)
        for image, entry in zip(project.images, manifest.images, strict=True)
    ]
    return replace(project, images=tuple(images)), Revision(_sha256(data))


def revision_of(folder: Path) -> Revision | None:
    """The revision of a project on disk; None for a missing project."""
    try:
        return Revision(_sha256((folder / MANIFEST).read_bytes()))
    except OSError:
        return None


def _check_folder(folder: Path, manifest: Path) -> None:
    if folder.suffix != SUFFIX:
        raise WriteError(f"a project's name ends in {SUFFIX}; choose such a name", path=folder)
    if folder.exists() and not folder.is_dir():
        raise WriteError("is a file; choose another name", path=folder)
    if folder.is_dir() and not manifest.exists() and any(f.name != _ARRAYS for f in folder.iterdir() if _is_seen(f)):
        raise WriteError("is a folder of other files; choose another name", path=folder)


def _is_seen(file: Path) -> bool:
    return not file.name.startswith(".")


def make_folder(folder: Path) -> None:
    """Make a folder, if need be with those above; WriteError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"could not be made ({error.strerror}); choose another folder", path=folder) from error


def _write_arrays(folder: Path, image: ProjectImage) -> tuple[Names, Names]:
    annotations = {i: write_array(folder, values) for i, values in image.annotations.items()}
    return annotations, {i: write_array(folder, values) for i, values in image.probabilities.items()}


def _with_arrays(image: ProjectImage, entry: ImageEntry, folder: Path) -> ProjectImage:
    shape = image.geometry.shape
    return replace(
        image,
        annotations={i: read_annotation(folder, name, shape) for i, name in entry.annotations.items()},
        probabilities={i: read_probabilities(folder, name, shape) for i, name in entry.probabilities.items()},
    )


def _remove_unused(folder: Path, used: Any) -> None:
    """Remove arrays that the manifest does not name any more, and what a crash left; failures do not matter."""
    kept = {name for annotations, probabilities in used for name in (*annotations.values(), *probabilities.values())}
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name not in kept and path.suffix == ARRAY_SUFFIX:
                shutil.rmtree(path, ignore_errors=True)


def _json(data: bytes, path: Path) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ReadError("is damaged; restore the project from a backup", path=path) from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
