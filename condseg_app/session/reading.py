"""Reading an image's file, or its segmentation, as a job: a packed volume takes seconds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, Image, Model, Pick
from condseg_app.errors import CondsegError, GeometryError, ReadError
from condseg_app.io.choices import EVERYTHING, ChoiceNeeded
from condseg_app.io.labels.grids import difference
from condseg_app.io.labels.segmentations import (
    Segmentation,
    is_segmentation,
    looks_like_labels,
    read_segmentation,
    sorted_out,
)
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.session import table
from condseg_app.session.requests import Choice, LabelsFound, Request
from condseg_app.session.segmenting import annotation_of
from condseg_app.session.state import State, with_image


@dataclass(frozen=True, eq=False)
class Reading:
    """An image from a file, and the model to open with the image, if any."""

    image: Image
    model: tuple[Path, Model] | None = None

    def onto(self, state: State) -> State:
        """The state with both open."""
        opened = with_image(state, self.image)
        return opened if self.model is None else table.with_model(opened, *self.model)


def reading_steps(request: Request, onto: Image | None = None, *, check: bool = False) -> Steps:
    """Read an image or labels: brings a `Reading`, `LabelsFound`, or a `Choice` to be made first.

    Args:
        request: file and options.
        onto: the image in view.
        check: whether to read files in a process of their own first.
    """
    if check:
        _check(request.path, request.pick)
        yield Step(Progress(0.5))
    try:
        found = None if request.taken_as == "image" else _labels(request, onto)
        if found is not None:
            yield from marking_steps(found)
            return
        image = io.read_image(request.path, request.pick)
        if request.taken_as == "unknown" and not _is_same(request, onto) and looks_like_labels(image):
            yield from marking_steps(_on_grid(request, onto, certain=False))
            return
    except ChoiceNeeded as needed:
        yield Step(Progress(1.0), Choice(request, needed))
        return
    path = None if request.model is None else io.find_model(request.model)
    model = None if path is None else (path, io.read_model_description(path))
    yield Step(Progress(1.0 if not request.labels else 0.5), Reading(image, model))
    for labels in request.labels:
        yield from reading_steps(Request(labels, taken_as="labels"), image, check=check)


def gathering_steps(paths: Sequence[Path], onto: Image | None, *, check: bool) -> Steps:
    """Read files that were given together: the last image, and label maps onto this or the image in view."""
    images: list[Path] = []
    labels: list[Path] = []
    for path in sorted_out(paths):
        if check:
            _check(path, EVERYTHING)
        (labels if _holds_labels(path) else images).append(path)
    if images:
        yield from reading_steps(Request(images[-1], taken_as="image", labels=tuple(labels)), check=check)
        return
    for path in labels:
        yield from reading_steps(Request(path), onto, check=check)


def labels_as_image_steps(found: LabelsFound) -> Steps:
    """Open labels without their image at hand: on a grey image made of the labels."""
    segmentation = read_segmentation(found.path, None, found.pick)
    image = replace(segmentation.as_image(), pick=found.pick)
    yield Step(Progress(0.5), Reading(image))
    yield from marking_steps(LabelsFound(segmentation, True, image, pick=found.pick))


def renaming_steps(found: LabelsFound, names: dict[str, str]) -> Steps:
    """Give labels new names; several may become a single class."""
    segmentation = found.segmentation.renamed(names)
    yield from marking_steps(replace(found, segmentation=segmentation, certain=True))


def taking_steps(holder: object, read: Callable[[Image], Segmentation], image: Image) -> Steps:
    """Take a segmentation of an image from elsewhere than a file: brings `LabelsFound`."""
    yield Step(Progress(0.0))
    yield from marking_steps(LabelsFound(read(image), True, image, holder=holder))


def marking_steps(found: LabelsFound) -> Steps:
    """Turn labels into annotations, class by class, where no question is needed first: brings the `LabelsFound`."""
    marks: dict[str, ChunkedAnnotation] = {}
    names = found.segmentation.in_order if found.is_clear else []
    for number, name in enumerate(names):
        yield Step(Progress(number / len(names), f"Reading {name}"))
        marks[name] = annotation_of(found.segmentation, name)
    yield Step(Progress(1.0), replace(found, marks=marks))


def images_in(steps: Steps) -> Iterator[Image]:
    """The images that some steps of reading bring."""
    for step in steps:
        if isinstance(step.result, Reading):
            yield step.result.image


def _check(path: Path, pick: Pick) -> None:
    from condseg_app.remote.untrusted import check_untrusted  # the start stays quick

    check_untrusted(path, pick)


def _labels(request: Request, onto: Image | None) -> LabelsFound | None:
    """Content of a file that declares labels; None for an image."""
    if _is_same(request, onto):
        return None
    sure = request.taken_as == "labels"
    if not sure and not is_segmentation(request.path):
        return None
    try:
        return _on_grid(request, onto, certain=True)
    except ReadError:
        if sure or isinstance(_error_of_image(request), CondsegError):
            raise
        return None  # a table of classes beside an image without labels


def _error_of_image(request: Request) -> CondsegError | None:
    """Why a file cannot be read as an image either."""
    try:
        io.read_image(request.path, request.pick)
    except ChoiceNeeded:
        return None
    except CondsegError as error:
        return error
    return None


def _on_grid(request: Request, onto: Image | None, *, certain: bool) -> LabelsFound:
    """Labels on the grid of the image in view, or on their own with how that differs."""
    if onto is not None:
        try:
            found = read_segmentation(request.path, onto, request.pick)
            return LabelsFound(found, certain, onto, pick=request.pick)
        except GeometryError as error:
            own = read_segmentation(request.path, None, request.pick)
            misfit = difference(own.geometry, onto.geometry) or error.message
            return LabelsFound(own, certain, onto, misfit, request.pick)
    return LabelsFound(read_segmentation(request.path, None, request.pick), certain, None, pick=request.pick)


def _holds_labels(path: Path) -> bool:
    try:
        return is_segmentation(path) or looks_like_labels(io.read_image(path))
    except CondsegError:
        return False  # the error is reported when the file is read as an image


def _is_same(request: Request, onto: Image | None) -> bool:
    """Whether a file is that of the image in view, opened again."""
    return onto is not None and onto.source is not None and onto.source.resolve() == request.path.resolve()
