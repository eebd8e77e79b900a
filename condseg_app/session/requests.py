"""Requests to open files, and the questions that files bring."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from condseg_app.data import ChunkedAnnotation, Image, Pick
from condseg_app.io.choices import EVERYTHING, ChoiceNeeded
from condseg_app.io.labels.segmentations import Segmentation

TakenAs = Literal["unknown", "image", "labels"]


@dataclass(frozen=True, eq=False)
class Request:
    """A file to open, with options.

    Attributes:
        path: the file or folder.
        model: name or file of a model to open with the image; None for none.
        pick: the choice in a file that holds several images.
        taken_as: an image, the labels of the image in view, or either by content.
        labels: label maps of this image, opened afterwards.
    """

    path: Path
    model: str | Path | None = None
    pick: Pick = EVERYTHING
    taken_as: TakenAs = "unknown"
    labels: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Choice:
    """A file that holds several images, with the request to go on after a choice.

    Attributes:
        request: the file, and earlier choices in the file.
        needed: the options.
    """

    request: Request
    needed: ChoiceNeeded

    @property
    def path(self) -> Path:
        """The file."""
        return self.request.path

    def chosen(self, value: str | int) -> Request:
        """The file with a chosen option."""
        return replace(self.request, pick=self.needed.picked(value, self.request.pick))


@dataclass(frozen=True, eq=False)
class LabelsFound:
    """A file that holds labels, and whether they lie on the image in view.

    Attributes:
        segmentation: on the grid of the image where the labels fit, else on its own.
        certain: whether the file itself declares labels.
        image: the image in view at the time of reading; None without an image.
        misfit: difference of the grid from the image's, the end of a sentence; None where the grid fits.
        pick: the choice made in the file.
        marks: class name in the file -> annotation, where they lie on that image and have names.
        holder: the layer, for example, that holds the labels; None for a file, which keeps them.
    """

    segmentation: Segmentation
    certain: bool
    image: Image | None
    misfit: str | None = None
    pick: Pick = field(default=EVERYTHING)
    marks: Mapping[str, ChunkedAnnotation] = field(default_factory=dict)
    holder: object | None = None

    @property
    def path(self) -> Path:
        """The file or folder."""
        return self.segmentation.path

    @property
    def fits(self) -> bool:
        """Whether the labels can become the segmentation of the image in view."""
        return self.image is not None and self.misfit is None

    @property
    def is_clear(self) -> bool:
        """Whether the labels can be used without a question."""
        return self.fits and self.certain and self.segmentation.named


@dataclass(frozen=True, eq=False)
class MissingFile:
    """A file of a project that is not where it was, or is another file now.

    Attributes:
        source: the project's folder, or the journal's file.
        path: where the file was.
        reason: why the file there cannot be used, the end of a sentence.
        moved: places of files that were asked for before: old -> new.
    """

    source: Path
    path: Path
    reason: str
    moved: Mapping[Path, Path] = field(default_factory=dict)


def channel_choice(image: Image) -> Choice | None:
    """The choice of a channel of an image's file; None for a single channel or colours."""
    if image.source is None or image.is_rgb or len(image.channels) == 1:
        return None
    options = [(name, name) for name in image.channels]
    return Choice(Request(image.source, pick=image.pick), ChoiceNeeded("channel", options, image.source))
