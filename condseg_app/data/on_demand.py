"""Arrays by class name, made on demand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Voxel = TypeVar("_Voxel", np.uint8, np.bool_)


@dataclass(frozen=True, eq=False)
class OnDemand(Mapping[str, NDArray[_Voxel]]):
    """Arrays of some classes, each made at look-up: only the array in use is in memory.

    Attributes:
        names: the classes, in order.
        make: class name -> (I, J, K) array.
    """

    names: tuple[str, ...]
    make: Callable[[str], NDArray[_Voxel]]

    def __getitem__(self, name: str) -> NDArray[_Voxel]:
        if name not in self.names:
            raise KeyError(name)
        return self.make(name)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)
