"""Opening of images and their segmentations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from psygnal import Signal

from condseg_app.data import Image, Pick
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.labels.segmentations import Segmentation
from condseg_app.jobs import Job, Steps
from condseg_app.session.annotations import Annotations
from condseg_app.session.command import command
from condseg_app.session.jobs import Jobs
from condseg_app.session.may import refuse
from condseg_app.session.reading import (
    Reading,
    gathering_steps,
    labels_as_image_steps,
    reading_steps,
    renaming_steps,
    taking_steps,
)
from condseg_app.session.requests import Choice, LabelsFound, Request, channel_choice
from condseg_app.session.segmenting import segmented, told
from condseg_app.session.state import State, with_image
from condseg_app.session.store import Store


class Images:
    """Commands that open images, and the labels that are found.

    Args:
        store: of the session.
        jobs: of the session.
        annotations: of the session; takes labels.
    """

    labels_used = Signal(LabelsFound)
    """Labels have become the segmentation of the image in view."""

    def __init__(self, store: Store, jobs: Jobs, annotations: Annotations) -> None:
        self._store, self._jobs, self._annotations = store, jobs, annotations
        self.changed = store.image_changed
        self.choice_needed, self.labels_found = store.choice_needed, store.labels_found

    @property
    def _state(self) -> State:
        return self._store.state

    @command
    def open(self, path: Path, model: str | Path | None = None, pick: Pick = EVERYTHING) -> None:
        """Open a file, and a model if named, once both are read in the background.

        If either cannot be read, the open image and model stay. Of several requests the last counts.
        Where a file holds several images and none was picked, `choice_needed` is emitted. Labels
        become the segmentation of the image in view; where a question is needed first, `labels_found` is emitted.
        """
        self._open_file(Request(path, model, pick))

    @command
    def open_files(self, paths: Sequence[Path]) -> None:
        """Open files that were given together: the last image, and label maps onto this image."""
        if len(paths) == 1:
            self._open_file(Request(paths[0]))
        elif paths:
            steps = partial(gathering_steps, paths, self._state.image, check=self._state.checks_files)
            self._begin_opening(f"Opening {len(paths)} files", steps)

    def choose(self, choice: Choice, value: str | int) -> None:
        """Open a file again with a chosen option."""
        self._open_file(choice.chosen(value))

    def choose_nothing(self) -> None:
        """Drop the question that a file brought: what is open stays."""
        self._ask(None)

    @command
    def choose_again(self) -> None:
        """Ask again for a choice among the images in the open image's file."""
        refuse(self._state, "choose_again")
        image = self._state.opened_image()
        channels = channel_choice(image)
        if channels is not None:
            self._ask(channels)
        elif image.source is not None:
            self._open_file(Request(image.source, taken_as="image"))

    @command
    def show(self, image: Image) -> None:
        """Open an image read by another part of the program."""
        self._store.open(with_image(self._state, image))

    @command
    def close(self) -> None:
        """Close the image; its annotations return when the image is opened again."""
        self._store.open(with_image(self._state, None))

    @command
    def check_files(self, checks: bool) -> None:
        """Read image files in a process of their own first, in limited memory and time, or not."""
        self._store.become(replace(self._state, checks_files=checks))

    # Use of labels that were found

    @command
    def use_labels(self, found: LabelsFound, names: Mapping[str, str] | None = None) -> None:
        """Make labels the segmentation of the image in view.

        Args:
            found: labels on that image's grid.
            names: 'class 1' -> new name; the file's own names if None.
        """
        if names is None:
            self._mark(found)
        else:
            self._begin_opening(f"Opening {found.path.name}", partial(renaming_steps, found, dict(names)))

    @command
    def take_labels(self, name: str, holder: object, read: Callable[[Image], Segmentation]) -> None:
        """Make labels that lie in no file, but in a layer for example, the segmentation of the image in view.

        Args:
            name: of the labels.
            holder: the layer; comes back in `LabelsFound`.
            read: the labels on an image's grid; called in the background.
        """
        self._begin_opening(f"Reading {name}", partial(taking_steps, holder, read, self._state.opened_image()))

    def open_labels_alone(self, found: LabelsFound) -> None:
        """Open labels without their image."""
        self._begin_opening(f"Opening {found.path.name}", partial(labels_as_image_steps, found))

    def open_labels_as_image(self, found: LabelsFound) -> None:
        """Open a file as an image, regardless of content."""
        self._open_file(Request(found.path, pick=found.pick, taken_as="image"))

    def open_labels_on(self, found: LabelsFound, image: Path) -> None:
        """Open the image of some labels, together with the labels."""
        self._open_file(Request(image, taken_as="image", labels=(found.path,)))

    # Later steps

    def _open_file(self, request: Request) -> None:
        steps = partial(reading_steps, request, self._state.image, check=self._state.checks_files)
        self._begin_opening(f"Opening {request.path.name}", steps)

    def _ask(self, question: Choice | LabelsFound | None) -> None:
        self._store.become(replace(self._state, question=question))

    def _begin_opening(self, title: str, steps: "partial[Steps]") -> None:
        self._ask(None)
        self._jobs.beside("reading", Job(title, steps), self._on_opened)

    @command
    def _on_opened(self, found: Reading | Choice | LabelsFound) -> None:
        match found:
            case Reading():
                self._take_in(found)
            case Choice():
                self._ask(found)
            case LabelsFound():
                self._take_labels(found)

    def _take_in(self, reading: Reading) -> None:
        """Open the image read; where the model takes a single channel of several, ask for the channel."""
        self._store.open(reading.onto(self._state))
        choice, model = channel_choice(reading.image), self._state.model
        if choice is not None and model is not None and model.preprocessing.channels == 1:
            self._ask(choice)

    def _take_labels(self, found: LabelsFound) -> None:
        """Use labels, after a question where needed; without anyone to ask, possible images are opened as images."""
        if found.image is not self._state.image and found.holder is not None:
            self._store.notice.emit(f"{found.path.name} was left alone: another image is open now.")
        elif found.image is not self._state.image:  # another image was opened meanwhile
            self._open_file(Request(found.path, pick=found.pick, taken_as="labels"))
        elif found.is_clear:
            self._mark(found)
        elif not found.certain and not len(self.labels_found):
            self.open_labels_as_image(found)
        else:
            self._ask(found)

    def _mark(self, found: LabelsFound) -> None:
        """Make labels the annotations of their classes on the image in view; this can be undone."""
        before = self._state.annotations
        self._ask(None)
        self._store.edit(segmented(self._state, found.segmentation, found.marks))
        if found.holder is None:
            now = self._state.annotations
            self._annotations.keep(annotation for i, annotation in now.items() if annotation is not before.get(i))
        self.labels_used.emit(found)
        self._store.notice.emit(told(found.segmentation, self._state.opened_image()))
