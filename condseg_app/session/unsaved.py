"""Work that would be lost if everything was closed now."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassEntry, Image
from condseg_app.io.contents import without_ending
from condseg_app.io.file_names import as_file_name
from condseg_app.session.exporting import ExportPlan
from condseg_app.session.state import State, with_image

_FORMAT = "nifti-masks"
"""Format for images of two and three axes that keeps overlapping annotations."""


@dataclass(frozen=True, eq=False)
class UnsavedMarks:
    """Annotations on an image that no file keeps.

    Attributes:
        image: the annotated image.
        classes: the annotated classes.
        in_view: whether this is the open image.
    """

    image: Image
    classes: tuple[ClassEntry, ...]
    in_view: bool


@dataclass(frozen=True)
class UnsavedLesson:
    """A lesson of which nothing is saved yet.

    Attributes:
        name: of the class that is taught.
        step: training steps taken.
        steps: training steps to take in all.
        seconds: spent on learning.
    """

    name: str
    step: int
    steps: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Unsaved:
    """Everything that closing would lose; false if empty.

    Attributes:
        marks: unsaved annotations by image, the image in view first.
        lesson: the lesson that runs, or ended without being saved.
        writing: titles of the files that are being written.
        project: name of the open project that has changed since saving; empty without.
    """

    marks: tuple[UnsavedMarks, ...] = ()
    lesson: UnsavedLesson | None = None
    writing: tuple[str, ...] = ()
    project: str = ""

    def __bool__(self) -> bool:
        return bool(self.marks or self.writing or self.project) or self.lesson is not None


def unsaved_lesson(state: State) -> UnsavedLesson | None:
    """The lesson that has learnt something of which no file is written yet."""
    lesson = state.lesson
    if lesson is None or lesson.progress is None or lesson.progress.step == 0:
        return None
    if lesson.result is not None and (state.job is None or state.job.kind != "lesson"):
        return None
    if not state.is_teaching and lesson.last is None:
        return None
    done = lesson.progress
    return UnsavedLesson(state.lesson_name, done.step, done.steps, done.seconds)


def unsaved_marks(state: State, written: Container[ChunkedAnnotation]) -> Iterator[UnsavedMarks]:
    """The images with annotations that no file keeps, the image in view first.

    Args:
        state: all that is open.
        written: annotations that files keep. An edit makes new objects, so they are compared as objects.
    """
    images = [] if state.image is None else [(state.image, state.annotations)]
    images += [(other.image, other.annotations) for other in state.elsewhere.values()]
    for image, annotations in images:
        lost = [i for i, a in annotations.items() if a.state != "unlabelled" and a not in written]
        if lost:
            yield UnsavedMarks(image, tuple(map(state.entry, lost)), image is state.image)


def plans_of_marks(state: State, marks: Iterable[UnsavedMarks], folder: Path) -> Iterator[ExportPlan]:
    """Exports of annotations into a folder, a mask for each class, under unused names.

    Raises:
        CondsegError: annotations cannot be written.
    """
    taken: set[Path] = set()
    form = io.export_format(_FORMAT)
    for one in marks:
        shown = state if one.in_view else with_image(state, one.image)
        name = as_file_name(without_ending(one.image.name))
        path, number = form.named(folder, name), 1
        while path in taken or path.exists():
            number += 1
            path = form.named(folder, f"{name} {number}")
        taken.add(path)
        yield ExportPlan.of(shown, path, _FORMAT, [entry.id for entry in one.classes])
