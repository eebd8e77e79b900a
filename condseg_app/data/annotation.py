"""Annotations: a person's mask of a class in an image, and the voxels where the mask decides."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from condseg_app.errors import GeometryError

State = Literal["unlabelled", "present", "absent"]


@dataclass(frozen=True, eq=False)
class Annotation:
    """A class's mask with its supervised mask.

    Attributes:
        class_name: the annotated class.
        mask: (I, J, K) bool, true inside the class.
        supervised: (I, J, K) bool, true where a person has decided. Other voxels are unknown: unlabelled never means
            background.
    """

    class_name: str
    mask: NDArray[np.bool_]
    supervised: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.mask.shape != self.supervised.shape:
            raise GeometryError(f"mask {self.mask.shape} and supervised voxels {self.supervised.shape} differ in shape")

    @cached_property
    def state(self) -> State:
        """Whether the class was marked, marked as absent, or not looked at."""
        if not self.supervised.any():
            return "unlabelled"
        return "present" if (self.mask & self.supervised).any() else "absent"
