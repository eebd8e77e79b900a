"""The state as a project, and a project as a state."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from condseg_app.data import ClassId, Display, FileReference, Image, Model, Project, ProjectImage
from condseg_app.errors import WriteError
from condseg_app.session import table
from condseg_app.session.state import AnnotatedImage, Annotations, State, key_on_grid

Refer = Callable[[Path], FileReference]
"""Makes a reference to a file; ReadError for a missing file."""


def project_of(state: State, refer: Refer) -> Project:
    """The state as a project; images that lie in no file are left out.

    Raises:
        ReadError: an image's or the model's file is not there any more.
    """
    annotated = [pair for pair in _annotated(state) if pair[0].source is not None]
    is_listed = state.image is not None and state.image.source is not None
    images = [_image(image, annotations, refer) for image, annotations in annotated]
    if is_listed:
        complete = {i: levels for i, levels in state.levels.items() if state.state_of(i) == "complete"}
        images[-1] = replace(images[-1], probabilities=complete)
    return Project(
        state.classes,
        tuple(images),
        len(images) - 1 if is_listed else None,
        None if state.model_path is None else refer(state.model_path),
        _display_of(state),
    )


def state_of(project: Project, images: Sequence[Image], model: tuple[Path, Model] | None, *, is_same: bool) -> State:
    """A project as a state.

    Args:
        project: the project.
        images: those of the project, in its order.
        model: the project's model and its file; None without.
        is_same: whether the model is the very model that the project was saved with.
    """
    pairs = list(zip(images, project.images, strict=True))
    others = [pair for at, pair in enumerate(pairs) if at != project.in_view]
    state = State(
        classes=project.classes,
        elsewhere={key_on_grid(image): AnnotatedImage(image, kept.annotations) for image, kept in others},
        **{field.name: getattr(project.display, field.name) for field in fields(Display)},
    )
    if project.in_view is not None:
        image, kept = pairs[project.in_view]
        parts = dict.fromkeys(kept.probabilities, 1.0)
        state = replace(state, image=image, annotations=kept.annotations, levels=dict(kept.probabilities), parts=parts)
    if model is None:
        return state
    if is_same:
        return replace(state, model_path=model[0], model=model[1])
    return table.with_model(state, *model)


def refuse_images_without_file(state: State) -> None:
    """Raise a WriteError where an annotated image lies in no file: a project would lose the annotations."""
    for image, annotations in _annotated(state):
        if image.source is None and annotations:
            raise WriteError(f"the image '{image.name}' lies in no file; save the image to a file first")


def says_as(state: State, other: State) -> bool:
    """Whether two states are the same project: all but the image in view, the current class, jobs and the like."""
    return _kept(state) == _kept(other)


def _kept(state: State) -> tuple[object, ...]:
    annotated: Mapping[str, dict[ClassId, object]] = {
        key_on_grid(image): dict(annotations) for image, annotations in _annotated(state) if annotations
    }
    return (
        annotated,
        state.classes,
        replace(_display_of(state), current_class=None),
        state.model_path,
    )


def _display_of(state: State) -> Display:
    return Display(**{field.name: getattr(state, field.name) for field in fields(Display)})


def _annotated(state: State) -> Iterator[tuple[Image, Annotations]]:
    """All images with their annotations, the image in view last."""
    for other in state.elsewhere.values():
        yield other.image, other.annotations
    if state.image is not None:
        yield state.image, state.annotations


def _image(image: Image, annotations: Annotations, refer: Refer) -> ProjectImage:
    source = image.source
    if source is None:
        raise WriteError(f"the image '{image.name}' lies in no file; save the image to a file first")
    return ProjectImage(refer(source), image.pick, image.geometry, annotations)
