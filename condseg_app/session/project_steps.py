"""Reading and writing of projects as jobs, with the files that a project needs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from condseg_app import io
from condseg_app.data import FileReference, Image, Model, Project, ProjectImage
from condseg_app.errors import CondsegError, WriteError
from condseg_app.io.project.folder import Revision, make_folder, read_project, write_project
from condseg_app.io.project.lock import Lock
from condseg_app.io.project.references import reference_to, why_not_same
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.session.as_project import Refer, project_of, refuse_images_without_file, state_of
from condseg_app.session.requests import MissingFile
from condseg_app.session.state import OpenProject, State

Moved = Mapping[Path, Path]
"""Old place of a file -> new place."""


@dataclass(frozen=True, eq=False)
class Saved:
    """A project that was written.

    Attributes:
        project: as it lies on the disk.
        lock: held by this window.
    """

    project: OpenProject
    lock: Lock


@dataclass(frozen=True, eq=False)
class Opened:
    """A project, or work from a journal, that was read.

    Attributes:
        state: to become.
        notices: sentences on files that are not as they were.
        lock: held by this window; None where another window has the project, or for a journal.
    """

    state: State
    notices: tuple[str, ...]
    lock: Lock | None = None


class References:
    """References to files as they were when first asked for: hashing takes a while."""

    def __init__(self) -> None:
        self._known: dict[Path, FileReference] = {}

    def __call__(self, path: Path) -> FileReference:
        """A reference; ReadError for a missing file."""
        if path not in self._known:
            self._known[path] = reference_to(path)
        return self._known[path]


def saving_steps(state: State, folder: Path, lock: Lock | None, refer: Refer) -> Steps:
    """Write a project: brings `Saved`.

    Args:
        state: to write.
        folder: NAME.condseg.
        lock: of the folder, where this window has the lock already.
        refer: makes references.

    Raises:
        WriteError: another window or program has the project, or the disk refuses.
    """
    yield Step(Progress(0.0))
    refuse_images_without_file(state)
    project = project_of(state, refer)
    opened = state.project
    seen = opened.revision if opened is not None and opened.folder == folder else None
    lock = lock or _locked(folder)
    revision = write_project(folder, project, seen)
    yield Step(Progress(1.0), Saved(OpenProject(folder, revision, replace(state, project=None)), lock))


def opening_steps(folder: Path, moved: Moved) -> Steps:
    """Read a project: brings `Opened`, or a `MissingFile` to be asked for."""
    project, revision = read_project(folder)
    yield Step(Progress(0.1))
    lock = Lock(folder)
    may_write = _taken(lock)
    holder = "" if may_write else lock.owner()
    finish = partial(_with_project, folder=folder, revision=revision, holder=holder, lock=lock if may_write else None)
    for step in restoring_steps(project, folder, moved):
        result = finish(step.result) if isinstance(step.result, Opened) else step.result
        if isinstance(result, MissingFile):
            lock.release()
        yield replace(step, result=result)


def restoring_steps(project: Project, source: Path, moved: Moved) -> Steps:
    """Read the files that a project needs: brings `Opened`, or a `MissingFile` to be asked for.

    Args:
        project: the project.
        source: the project's folder, or the journal's file.
        moved: places of files that are not where they were.
    """
    images: list[Image] = []
    notices: list[str] = []
    for at, kept in enumerate(project.images):
        kept = replace(kept, file=replace(kept.file, path=moved.get(kept.file.path, kept.file.path)))
        yield Step(Progress(0.1 + 0.8 * at / len(project.images), kept.file.path.name))
        reason = why_not_same(kept.file)
        found = _image(kept)
        if isinstance(found, str):
            missing = MissingFile(source, project.images[at].file.path, reason or found, moved)
            yield Step(Progress(1.0), missing)
            return
        images.append(found)
        notices += [f"{kept.file.path.name} {reason} this was saved."] if reason else []
    model, told = _model(project)
    state = state_of(project, images, model, is_same=not told)
    yield Step(Progress(1.0), Opened(state, (*notices, *told)))


def _with_project(opened: Opened, *, folder: Path, revision: Revision, holder: str, lock: Lock | None) -> Opened:
    told = (f"The project is open in another window ({holder}), so it is read-only here.",) if holder else ()
    project = OpenProject(folder, revision, opened.state, holder)
    return Opened(replace(opened.state, project=project), (*opened.notices, *told), lock)


def _image(kept: ProjectImage) -> Image | str:
    """The image, or why its file does not hold the image, the end of a sentence."""
    try:
        image = io.read_image(kept.file.path, kept.pick)
    except CondsegError as error:
        return error.message
    if not image.geometry.fits(kept.geometry):
        return "holds an image of another shape or place"
    return image


def _model(project: Project) -> tuple[tuple[Path, Model] | None, tuple[str, ...]]:
    """The project's model, and a sentence where it is not as it was."""
    if project.model is None:
        return None, ()
    path = project.model.path
    try:
        model = path, io.read_model_description(path)
    except CondsegError:
        return None, (f"The model {path.name} is not there any more; choose a model again.",)
    reason = why_not_same(project.model)
    return model, () if reason is None else (f"The model {path.name} {reason} this was saved.",)


def _locked(folder: Path) -> Lock:
    """The lock of a project's folder, taken; WriteError where another window has it."""
    make_folder(folder)
    lock = Lock(folder)
    if not _taken(lock):
        raise WriteError(
            f"is open in another window ({lock.owner()}); save the project under another name", path=folder
        )
    return lock


def _taken(lock: Lock) -> bool:
    """Whether the lock could be taken; in a folder that cannot be written, it cannot."""
    try:
        return lock.take()
    except (OSError, WriteError):
        return False
