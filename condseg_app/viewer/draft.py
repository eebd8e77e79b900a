"""What a person is painting, and what of it counts as said."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, Region

_AT_ONCE = 1 << 18  # voxels


@dataclass(frozen=True, eq=False)
class Draft:
    """A class's mask in the making, on the image's own axes.

    Corrections are found by comparing, for napari's undo and redo tell nobody: what differs from the
    start has been decided by the person, and what equals it again has not.

    Attributes:
        value: the class's value, as it stands in `work`.
        start: (I, J, K) bool, the mask when painting began.
        known: (I, J, K) bool, what had been decided by then, and what was declared complete since.
        work: (I, J, K) unsigned, `value` or 0; written by the brush.
        followed: where it has followed a prediction that came while painting.
    """

    value: int
    start: NDArray[np.bool_]
    known: NDArray[np.bool_]
    work: NDArray[np.unsignedinteger]
    followed: list[Region] = field(default_factory=list)

    @classmethod
    def begin(cls, value: int, start: NDArray[np.bool_], known: NDArray[np.bool_] | None) -> "Draft":
        """Begin with a mask, of which the voxels in `known` are decided already."""
        work = np.zeros(start.shape, np.uint8 if value <= 255 else np.uint16)
        work[start] = value
        return cls(value, start.copy(), np.zeros_like(start) if known is None else known.copy(), work)

    def mask(self) -> NDArray[np.bool_]:
        """Where the class is now, (I, J, K)."""
        return np.asarray(self.work == self.value)

    def supervised(self) -> NDArray[np.bool_]:
        """What the person has decided by now, (I, J, K)."""
        return np.asarray(self.known | (self.mask() != self.start))

    def complete(self, region: Region) -> None:
        """Declare a region complete: where nothing is marked, the class is absent."""
        self.known[region] = True

    def follow(self, region: Region, mask: NDArray[np.bool_]) -> None:
        """Take over what is predicted in a region by now, in place, but where the person has decided otherwise."""
        work, start = self.work[region], self.start[region]
        undecided = ~self.known[region] & ((work == self.value) == start)
        start[undecided] = mask[undecided]
        work[undecided] = np.where(mask[undecided], self.value, 0)
        if region not in self.followed:
            self.followed.append(region)

    def restart(self, start: NDArray[np.bool_], known: NDArray[np.bool_] | None) -> None:
        """Take up from another state, in place: the layer keeps its array."""
        self.work[...] = np.where(start, self.value, 0)
        self.start[...] = start
        self.known[...] = False if known is None else known

    def differs_from(self, annotation: Annotation | None) -> bool:
        """Whether anything was painted or declared that the annotation does not hold yet."""
        # A few slices at a time stay in the processor's cache, and the first difference is enough.
        step = max(1, _AT_ONCE * len(self.work) // max(1, self.work.size))
        parts = (slice(first, first + step) for first in range(0, len(self.work), step))
        return any(self._differs_in(part, annotation) for part in parts)

    def _differs_in(self, part: slice, annotation: Annotation | None) -> bool:
        mask = self.work[part] == self.value
        supervised = self.known[part] | (mask != self.start[part])
        if annotation is None:
            return bool(supervised.any())
        if not np.array_equal(supervised, annotation.supervised[part]):
            return True
        return bool(((mask != annotation.mask[part]) & supervised).any())
