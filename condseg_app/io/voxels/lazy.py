"""Base of voxels that are read on demand, from any kind of file."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class LazyVoxels(ABC):
    """Voxels (C, I, J, K) that numpy can make an array of.

    Attributes:
        shape: (C, I, J, K).
        dtype: of the values, in native byte order.
    """

    ndim = 4
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @abstractmethod
    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index."""

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype)
