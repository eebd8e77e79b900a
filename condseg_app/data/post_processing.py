"""What is done to predicted masks before they are used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Overlap = Literal["probability", "priority", "keep"]


@dataclass(frozen=True)
class PostProcessing:
    """Settings, in the order in which they take effect; the default only applies a threshold.

    Attributes:
        threshold: probability from which a voxel counts.
        largest: class name -> how many of its largest connected components are kept; all where not named.
        smallest: class name -> size below which components are removed, in ml (in square pixels for pictures).
        inside_whole: whether a part is kept only inside the class that contains it, such as a tumour in its organ.
        overlap: whose a voxel is that several classes claim: the most probable one's, by the order of `priority`,
            or all of theirs.
        priority: class names, the first one wins.
    """

    threshold: float = 0.5
    largest: Mapping[str, int] = field(default_factory=dict)
    smallest: Mapping[str, float] = field(default_factory=dict)
    inside_whole: bool = False
    overlap: Overlap = "probability"
    priority: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The classes that it names."""
        return frozenset((*self.largest, *self.smallest, *self.priority))

    @property
    def cleans(self) -> bool:
        """Whether it removes anything of a class by itself."""
        return bool(self.largest or self.smallest or self.inside_whole)

    @property
    def order(self) -> tuple[str, ...] | None:
        """The classes in the order in which they win; None where the most probable one does."""
        return self.priority if self.overlap == "priority" else None

    @property
    def needs_whole(self) -> bool:
        """Whether it must see all of an image at once."""
        return self.cleans or self.overlap == "keep"
