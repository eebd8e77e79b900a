"""A simulated annotator: finds the worst slice and paints with an unsteady hand, and the time is counted.

A slice fills the screen, whatever the size of the voxels, and hands are unsteady on the screen: lengths are parts of
the slice's longer side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from condseg_app.data import Annotation, Image

SECONDS_A_SLICE = 5.0
"""Seconds to find the slice, and to confirm the finished slice."""
SECONDS_A_STROKE = 3.0
STROKE = 0.3
"""Length of outline that a stroke follows."""
_UNSTEADY = 0.005  # deviation of the outline
_WAVES = 0.02  # length over which the deviation turns from outwards to inwards


@dataclass(eq=False)
class Annotator:
    """Paints slices of some images; only painted slices count as annotated.

    Attributes:
        name: the class.
        images: the images to paint.
        truth: each image's mask (I, J, K), which the annotator sees and the program does not.
        rng: random generator of the hand.
    """

    name: str
    images: Sequence[Image]
    truth: Sequence[NDArray[np.bool_]]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    painted: dict[int, dict[int, NDArray[np.bool_]]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def slices(self) -> int:
        """Number of painted slices."""
        return sum(len(planes) for planes in self.painted.values())

    def candidates(self, most: int = 8) -> list[tuple[int, int]]:
        """Some slices (image, plane) that may be looked at, spread over the images."""
        found = []
        for index, truth in enumerate(self.truth):
            planes = np.linspace(0, truth.shape[2] - 1, most + 2)[1:-1].astype(int)
            found += [(index, int(plane)) for plane in planes if plane not in self.painted.get(index, {})]
        return found

    def paint(self, index: int, plane: int) -> None:
        """Paint a slice after the truth."""
        mask = unsteady(self.truth[index][:, :, plane], self.rng)
        self.painted.setdefault(index, {})[plane] = mask
        outline = np.count_nonzero(mask & (distance_transform_edt(mask) <= 1)) / max(mask.shape)
        self.seconds += SECONDS_A_SLICE + SECONDS_A_STROKE * float(np.ceil(outline / STROKE))

    def shown(self) -> list[tuple[Image, tuple[Annotation]]]:
        """The annotations so far."""
        return [(self.images[index], (self._annotation(index),)) for index in self.painted]

    def _annotation(self, index: int) -> Annotation:
        mask, known = (np.zeros(self.truth[index].shape, bool) for _ in range(2))
        for plane, painted in self.painted[index].items():
            mask[:, :, plane], known[:, :, plane] = painted, True
        return Annotation(self.name, mask, known)


def unsteady(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask as painted by hand: the outline off a little, here outwards and there inwards."""
    if not mask.any():
        return mask
    signed = distance_transform_edt(mask) - distance_transform_edt(~mask)
    side = max(mask.shape)
    noise = gaussian_filter(rng.normal(size=mask.shape), _WAVES * side)
    return np.asarray(signed + _UNSTEADY * side * noise / max(float(noise.std()), 1e-6) > 0)
