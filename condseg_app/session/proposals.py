"""Proposals of the next slice and the next image to annotate, for most effect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from condseg_app.data import ChunkedAnnotation, ClassId, ClassLevels, Image, Pick, uncertainty_by_slice
from condseg_app.errors import CondsegError, EngineLost
from condseg_app.io import is_image
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.file_start import name_of
from condseg_app.io.labels.tables import classes_beside
from condseg_app.jobs import Job, Progress, Step, Steps
from condseg_app.remote import EngineLike, PredictorLike
from condseg_app.session.command import command
from condseg_app.session.computing import Computing
from condseg_app.session.jobs import Jobs
from condseg_app.session.may import refuse
from condseg_app.session.reading import images_in, reading_steps
from condseg_app.session.requests import Request
from condseg_app.session.state import AnnotatedImage, State
from condseg_app.session.store import Store
from condseg_app.session.work import Work

# Number of images examined: a waiting user has time for some.
_MOST_IMAGES = 8


@dataclass(frozen=True)
class Proposal:
    """A slice to annotate next.

    Attributes:
        class_id: of which class.
        axis: the image's axis that the slices follow each other on.
        index: the slice; None where all is certain, or without a result.
    """

    class_id: ClassId
    axis: int
    index: int | None


@dataclass(frozen=True, eq=False)
class ImageProposal:
    """An image to annotate next, out of several examined.

    Attributes:
        class_id: the class.
        images: number of images examined.
        image: the image with the least certain slice of all; None where the class is found in none.
        slice: that slice.
    """

    class_id: ClassId
    images: int
    image: Image | None
    slice: Proposal


class Proposals:
    """Commands that look for the slice and the image to annotate next.

    Args:
        store: of the session.
        jobs: of the session.
        computing: of the session.
    """

    slice_proposed = Signal(Proposal)
    """On which slice to annotate a class next."""
    image_proposed = Signal(ImageProposal)
    """On which image to annotate a class next, of those that were looked at so far."""

    def __init__(self, store: Store, jobs: Jobs, computing: Computing) -> None:
        self._store, self._jobs, self._computing = store, jobs, computing

    @command
    def find_slice(self, class_id: ClassId, axis: int) -> None:
        """Find in the background the slice to annotate next, of those along an axis, then emit `slice_proposed`."""
        state = self._store.state
        state.entry(class_id)
        job = Job("Looking for the least certain slice", partial(proposal_steps, state, class_id, axis))
        self._jobs.run(job, self.slice_proposed.emit)

    @command
    def find_image(self, class_id: ClassId, axis: int) -> None:
        """Look for the image to annotate next and emit `image_proposed` after each image.

        Args:
            class_id: a class that the model knows.
            axis: slice axis of the image in view.
        """
        state = self._store.state
        refuse(state, "search", class_id)
        steps = partial(next_image_steps, self._computing.engine, state, class_id, axis)
        job = Job(f"Looking where {state.name_of(class_id)} is least certain", steps)
        self._jobs.start(Work(job, "search", self.image_proposed.emit))


def proposal_steps(state: State, class_id: ClassId, axis: int) -> Steps:
    """Find the slice where a class is least certain, among slices without its annotation."""
    levels = state.levels_of(class_id)
    proposal = None if levels is None else _least_certain(levels, axis, state.annotations.get(class_id))
    yield Step(Progress(1.0), Proposal(class_id, axis, None if proposal is None else proposal[0]))


def next_image_steps(engine: EngineLike, state: State, class_id: ClassId, axis: int) -> Steps:
    """Find the image where a class is least certain: brings an `ImageProposal` after each image.

    Candidates are images of the session with annotations, and images beside the image in view,
    later names first. Images that cannot be read, or do not fit the model, are skipped.

    Args:
        engine: computes.
        state: with a model that knows the class.
        class_id: the class.
        axis: the slice axis of the image in view; other images use the axis of the same direction.
    """
    image, (path, model) = state.opened_image(), state.opened_model()
    across = image.geometry.world_axes[axis]
    found, highest, seen = ImageProposal(class_id, 0, None, Proposal(class_id, axis, None)), 0.0, 0
    others = _others(state, image)
    for number, other in enumerate(others):
        told = name_of(other) if isinstance(other, Path) else other.image.name
        yield Step(Progress(number / len(others), told), replace(found, images=seen) if seen else None)
        try:
            marked = _read(other, replace(EVERYTHING, channel=image.pick.channel), state.checks_files)
            if marked is None or model.misfit(marked.image) is not None:
                continue
            levels = ClassLevels(marked.image.geometry.shape)
            for part in _predicted(engine.predictor(path, marked.image), state.model_class(class_id), levels):
                yield Step(Progress((number + part) / len(others), told))
        except EngineLost:
            raise
        except CondsegError:
            continue
        seen += 1
        along = marked.image.geometry.world_axes.index(across)
        least = _least_certain(levels, along, marked.annotations.get(class_id))
        if least is not None and least[1] > highest:
            highest, where = least[1], Proposal(class_id, along, least[0])
            found = ImageProposal(class_id, 0, marked.image, where)
    yield Step(Progress(1.0), replace(found, images=seen))


def _read(other: AnnotatedImage | Path, pick: Pick, check: bool) -> AnnotatedImage | None:
    """An image with its annotations; None where a file holds several."""
    if isinstance(other, AnnotatedImage):
        return other
    read = images_in(reading_steps(Request(other, pick=pick, taken_as="image"), check=check))
    return next((AnnotatedImage(image, {}) for image in read), None)


def _predicted(predictor: PredictorLike, own: str, levels: ClassLevels) -> Iterator[float]:
    """Fill in a class, by the model's name; yields the fraction done after each window."""
    for window in range(predictor.windows):
        block = predictor.segment(window, [own])
        levels.paste(block.region, block.probabilities[own])
        yield (window + 1) / predictor.windows


def _least_certain(levels: ClassLevels, axis: int, annotation: ChunkedAnnotation | None) -> tuple[int, float] | None:
    """The least certain slice without annotation, and its uncertainty; None where all is certain."""
    uncertain: NDArray[np.float64] = uncertainty_by_slice(levels, axis)
    if annotation is not None:
        uncertain[annotation.decided_on[axis] > 0] = 0
    index = int(np.argmax(uncertain))
    return (index, float(uncertain[index])) if uncertain.any() else None


def _others(state: State, image: Image) -> Sequence[AnnotatedImage | Path]:
    """Images of the session, then files beside the image in view: later names, then earlier names."""
    marked = list(state.elsewhere.values())
    known = {other.image.source.resolve() for other in marked if other.image.source is not None}
    files = (file for file in _beside(image) if file not in known)
    images = (file for file in files if is_image(file) and classes_beside(file)[0] is None)  # no label maps
    others: chain[AnnotatedImage | Path] = chain(marked, images)
    return list(islice(others, _MOST_IMAGES))


def _beside(image: Image) -> Sequence[Path]:
    """Files beside an image's file; empty where the folder cannot be read any more."""
    if image.source is None:
        return ()
    here = image.source.resolve()
    try:
        files = sorted(file for file in here.parent.iterdir() if file != here)
    except OSError:
        return ()
    return [file for file in files if file > here] + [file for file in files if file < here]
