"""A taught class by itself, to be kept, shared, and put into another copy of its model."""

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
        row: tensor name -> the tensor's part for this class.
        trunk_sha256: of all that the model's classes share; the row means nothing to another trunk.
        model: the name of the model that learnt the class.
        training: record of the lesson. Plain values.
        licence: of the class.
    """

    entry: ClassEntry
    row: Mapping[str, NDArray[np.generic]]
    trunk_sha256: str
    model: str
    training: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True)
class ImageProof:
    """SHA-256 of the old classes' levels in an image, before and after a lesson."""

    image: str
    before: str
    after: str


@dataclass(frozen=True)
class Certificate:
    """Certificate that a class was added and nothing else was changed.

    Attributes:
        trunk_before: SHA-256 of all that the classes share, before the lesson.
        trunk_after: the same after the lesson.
        rows_before: SHA-256 of the old classes' rows, before the lesson.
        rows_after: the same after the lesson.
        images: proofs on images.
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
