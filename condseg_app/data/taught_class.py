"""A class by itself: what one model has learnt of it, to be kept, shared, and put into another copy of that model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.classes import ClassEntry


@dataclass(frozen=True, eq=False)
class TaughtClass:
    """A row of a model's table.

    Attributes:
        entry: name, value, colour, code.
        row: tensor name -> what it holds for this class.
        trunk_sha256: of all that the model's classes share; the row means nothing to another trunk.
        model: the name of the model it was taught to.
        training: how it came about. Plain values.
        licence: under which it may be used.
    """

    entry: ClassEntry
    row: Mapping[str, NDArray[np.generic]]
    trunk_sha256: str
    model: str
    training: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True)
class ImageProof:
    """What the old classes of a model say of an image before and after a lesson, as SHA-256 of all their levels."""

    image: str
    before: str
    after: str


@dataclass(frozen=True)
class Certificate:
    """That a class was added and nothing else was changed.

    Attributes:
        trunk_before: SHA-256 of what all classes share, before the lesson.
        trunk_after: the same after it.
        rows_before: SHA-256 of the old classes' rows, before the lesson.
        rows_after: the same after it.
        images: what the old classes say of images.
    """

    trunk_before: str
    trunk_after: str
    rows_before: str
    rows_after: str
    images: tuple[ImageProof, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        weights = self.trunk_before == self.trunk_after and self.rows_before == self.rows_after
        return weights and all(proof.before == proof.after for proof in self.images)
