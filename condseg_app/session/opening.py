"""The session's commands for opening: images, their segmentations, models."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from condseg_app import io
from condseg_app.compute import Job, JobEnd, Steps
from condseg_app.data import ChunkedAnnotation, Image, Pick
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.segmentations import Segmentation
from condseg_app.session import table
from condseg_app.session.command import command
from condseg_app.session.lessons import Lessons
from condseg_app.session.reading import (
    Choice,
    LabelsFound,
    Reading,
    Request,
    channel_choice,
    gathering_steps,
    labels_as_image_steps,
    reading_steps,
    renaming_steps,
)
from condseg_app.session.segmenting import Marks, marks_of, segmented, told
from condseg_app.session.state import with_image


class Opening(Lessons):
    """What is open, and opening other things.

    Attributes:
        checks_files: whether image files are read in a process of their own first, in limited memory and time.
    """

    checks_files = False
    _opening: Job | None = None

    @command
    def open_image(self, path: Path, model: str | Path | None = None, pick: Pick = EVERYTHING) -> None:
        """Open a file, and a model with it if one is named, once they are read in the background.

        What was open stays if one of them cannot be read. Of several files the last one asked for is opened.
        Where it holds more than one image, and it was not picked which to take, `choice_needed` is emitted. Labels
        become the segmentation of the image in view; where something has to be asked first, `labels_found` is emitted.
        """
        self._open_file(Request(path, model, pick))

    @command
    def open_files(self, paths: Sequence[Path]) -> None:
        """Open files that were given together: the last image, and label maps onto it."""
        if len(paths) == 1:
            self._open_file(Request(paths[0]))
        elif paths:
            steps = partial(gathering_steps, paths, self.image, check=self.checks_files)
            self._begin_opening(f"Opening {len(paths)} files", steps)

    def choose(self, choice: Choice, value: str | int) -> None:
        """Open a file again with one of the options that it was asked to choose from."""
        self._open_file(choice.chosen(value))

    @command
    def choose_again(self) -> None:
        """Ask anew which image is wanted of those that the file of the open one holds."""
        image = self._state.opened_image()
        channels = channel_choice(image)
        if channels is not None:
            self.choice_needed.emit(channels)
        elif image.source is not None:
            self._open_file(Request(image.source, taken_as="image"))

    @command
    def set_image(self, image: Image) -> None:
        """Open what another part of the program has read."""
        self._open(with_image(self._state, image))

    @command
    def close_image(self) -> None:
        """Have no image open; what was marked on it comes back with it."""
        self._open(with_image(self._state, None))

    @command
    def open_model(self, name_or_path: str | Path) -> None:
        """Open a model; what was marked stays, what was predicted goes."""
        path = io.find_model(name_or_path)
        self._open_model(partial(table.with_model, path=path, model=io.read_model_description(path)))

    @property
    def can_choose_again(self) -> bool:
        """Whether the open image's file holds more than it."""
        image = self.image
        return image is not None and (image.pick != EVERYTHING or channel_choice(image) is not None)

    # What is to become of labels that were found

    @command
    def use_labels(self, found: LabelsFound, names: Mapping[str, str] | None = None) -> None:
        """Make labels the segmentation of the image in view.

        Args:
            found: labels on that image's grid.
            names: 'class 1' -> the name that it is to have; the file's own names if None.
        """
        if names is None:
            self.use_segmentation(found.segmentation, found.marks)
        else:
            self._begin_opening(f"Opening {found.path.name}", partial(renaming_steps, found, dict(names)))

    @command
    def use_segmentation(self, segmentation: Segmentation, marks: Marks | None = None) -> None:
        """Make a segmentation the marks of its classes on the image in view; this can be undone.

        Args:
            segmentation: on that image's grid.
            marks: `marks_of` it, where they are made already.
        """
        before = self._state.annotations
        self._edit(segmented(self._state, segmentation, marks or marks_of(segmentation)))
        self._keep_in_mind([a for name, a in self._state.annotations.items() if a is not before.get(name)])
        self.notice.emit(told(segmentation, self._state.opened_image()))

    def open_labels_alone(self, found: LabelsFound) -> None:
        """Open labels without the image that they belong to."""
        self._begin_opening(f"Opening {found.path.name}", partial(labels_as_image_steps, found))

    def open_labels_as_image(self, found: LabelsFound) -> None:
        """Open a file as an image, whatever it looks like."""
        self._open_file(Request(found.path, pick=found.pick, taken_as="image"))

    def open_labels_on(self, found: LabelsFound, image: Path) -> None:
        """Open the image that labels belong to, and them with it."""
        self._open_file(Request(image, taken_as="image", labels=(found.path,)))

    # How it goes on

    def _open_file(self, request: Request) -> None:
        steps = partial(reading_steps, request, self.image, check=self.checks_files)
        self._begin_opening(f"Opening {request.path.name}", steps)

    def _begin_opening(self, title: str, steps: "partial[Steps]") -> None:
        self._opening = Job(title, steps)
        self._desk.run(self._opening, self._on_opened, self._on_opening_end)

    def _on_opening_end(self, job: Job, end: JobEnd) -> None:
        if job is self._opening:
            self._opening = None
        self._on_end(job, end)

    @command
    def _on_opened(self, job: Job, answer: object) -> None:
        if job is not self._opening:
            return
        if isinstance(answer, Reading):
            self._take_in(answer)
        if isinstance(answer, Choice):
            self.choice_needed.emit(answer)
        if isinstance(answer, LabelsFound):
            self._take_labels(answer)

    def _take_in(self, reading: Reading) -> None:
        """Open what was read; where the model takes one channel of several, it is asked for."""
        self._open(reading.onto(self._state))
        choice = channel_choice(reading.image)
        if choice is not None and self.model is not None and self.model.preprocessing.channels == 1:
            self.choice_needed.emit(choice)

    def _take_labels(self, found: LabelsFound) -> None:
        """Use labels where nothing has to be asked, else ask; what may be an image is one where nobody can be asked."""
        if found.image is not self.image:  # another one was opened meanwhile
            self._open_file(Request(found.path, pick=found.pick, taken_as="labels"))
        elif found.fits and found.certain and found.segmentation.named:
            self.use_segmentation(found.segmentation, found.marks)
        elif not found.certain and not len(self.labels_found):
            self.open_labels_as_image(found)
        else:
            self.labels_found.emit(found)

    def _keep_in_mind(self, marks: Sequence[ChunkedAnnotation]) -> None:
        """These marks are in a file: closing the program does not lose them."""

    def _stop_opening(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and opening.state != "failed":
            opening.cancel()
            self.notice.emit(f"{opening.title} was stopped.")
