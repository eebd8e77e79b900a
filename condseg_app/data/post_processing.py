"""Post-processing of predicted masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Overlap = Literal["probability", "priority", "keep"]


@dataclass(frozen=True)
class PostProcessing:
    """Settings, in the order in which they take effect; the default only applies a threshold.

    Attributes:
        threshold: probability from which a voxel counts.
        largest: class name -> number of largest connected components to keep; all where not named.
        smallest: class name -> size below which components are removed, in ml (in square pixels for pictures).
        inside_whole: whether a part is kept only inside its whole, such as a tumour in its organ.
        overlap: owner of a voxel that several classes claim: the most probable class, the first by `priority`, or all
            of these classes.
        priority: class names, first before later.
    """

    threshold: float = 0.5
    largest: Mapping[str, int] = field(default_factory=dict)
    smallest: Mapping[str, float] = field(default_factory=dict)
    inside_whole: bool = False
    overlap: Overlap = "probability"
    priority: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """All classes in the settings."""
        return frozenset((*self.largest, *self.smallest, *self.priority))

    @property
    def cleans(self) -> bool:
        """Whether voxels of single classes may be removed."""
        return bool(self.largest or self.smallest or self.inside_whole)

    @property
    def order(self) -> tuple[str, ...] | None:
        """The classes in order of priority; None where the most probable class wins."""
        return self.priority if self.overlap == "priority" else None

    @property
    def needs_whole(self) -> bool:
        """Whether all of an image is needed at once."""
        return self.cleans or self.overlap == "keep"
