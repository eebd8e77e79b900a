"""Messages between a window and its engine."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condseg_app import io
from condseg_app.data import (
    Annotation,
    ClassEntry,
    Geometry,
    Image,
    Lesson,
    Model,
    Pick,
    Region,
    TeachingMode,
    extent_of,
)
from condseg_app.errors import CondsegError, ReadError
from condseg_app.io.choices import EVERYTHING
from condseg_app.log import engine_log_path, explain


@dataclass(frozen=True, eq=False)
class Reply:
    """A result or the reason why there is none.

    Errors travel as values: an exception of torch's that dask itself sent would make the window import torch.
    """

    value: object = None
    error: CondsegError | None = None

    @classmethod
    def of(cls, doing: str, value: Callable[[], object]) -> "Reply":
        """Call a function and catch its errors."""
        try:
            return cls(value())
        except Exception as error:  # noqa: BLE001 - `explain` logs it, and the other side raises it again
            told = explain(error, doing, engine_log_path())
            # A copy without cause: the cause may be of a type that the window must not import.
            return cls(error=copy(told))


@dataclass(frozen=True, eq=False)
class FileImage:
    """An image that the other side reads from its file."""

    source: Path
    geometry: Geometry
    channels: tuple[str, ...]
    name: str
    pick: Pick = EVERYTHING

    def read(self) -> Image:
        """Read the image; ReadError if the file has changed."""
        image = io.read_image(self.source, self.pick)
        if len(image.channels) != len(self.channels) or not image.geometry.fits(self.geometry):
            raise ReadError("the file is not the image that was opened from it; open it again", path=self.source)
        return replace(image, geometry=self.geometry, name=self.name, channels=self.channels)


SentImage = FileImage | Image
"""By file where the other side can read the file, else with all voxels."""


def by_file(image: Image) -> FileImage | None:
    """An image as its file; None without a readable file on this machine."""
    source = image.source
    if source is None or not io.is_image(source):
        return None
    return FileImage(source.resolve(), image.geometry, image.channels, image.name, image.pick)


def with_voxels(image: Image) -> Image:
    """An image with all voxels in memory."""
    return replace(image, array=np.ascontiguousarray(image.voxels()))


def received(image: SentImage) -> Image:
    """The image that was sent."""
    return image.read() if isinstance(image, FileImage) else image


@dataclass(frozen=True, eq=False)
class SentLesson:
    """A lesson on its way."""

    entry: ClassEntry
    shown: tuple[tuple[SentImage, Sequence[Annotation]], ...]
    steps: int
    mode: TeachingMode

    def read(self) -> Lesson:
        """The lesson that was sent."""
        (image, annotations), *beside = [(received(image), annotations) for image, annotations in self.shown]
        return Lesson(self.entry, image, tuple(annotations), self.steps, self.mode, tuple(beside))


@dataclass(frozen=True, eq=False)
class SentAnnotation:
    """Change of an annotation: the changed box, with a bit for each voxel.

    Attributes:
        region: the box.
        mask: packed bits of the mask in the box, 0 outside the supervised mask.
        supervised: packed bits of the supervised mask in the box.
    """

    region: Region
    mask: NDArray[np.uint8]
    supervised: NDArray[np.uint8]

    @classmethod
    def between(cls, before: Annotation, after: Annotation) -> "SentAnnotation | None":
        """The change from an annotation to another; None for none."""
        changed = before.supervised != after.supervised
        changed |= (before.mask != after.mask) & after.supervised
        region = extent_of(changed)
        if region is None:
            return None
        known = after.supervised[region]
        return cls(region, np.packbits(after.mask[region] & known), np.packbits(known))

    def onto(self, before: Annotation) -> Annotation:
        """A new annotation: the annotation before with the change."""
        mask, supervised = before.mask.copy(), before.supervised.copy()
        for array, bits in ((mask, self.mask), (supervised, self.supervised)):
            box = array[self.region]
            box[...] = np.unpackbits(bits, count=box.size).reshape(box.shape).astype(bool)
        return replace(before, mask=mask, supervised=supervised)


SentModel = Path | Model
"""By file on this machine, whole to another."""


def read_model(model: SentModel) -> Model:
    """The model that was sent."""
    return io.read_model(model) if isinstance(model, Path) else model
