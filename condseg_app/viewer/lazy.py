"""An array for the viewer that is computed or read only where it is looked at."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from condseg_app.data import Region
from condseg_app.viewer.placement import Placement

Read = Callable[[Region], NDArray[Any]]


class LazyView:
    """What napari needs of an array, in display order, over a function that reads a region of the source.

    Looking at one slice of a large volume costs one slice.

    Args:
        read: region of (I, J, K) -> (..., i, j, k) voxels; leading axes (colours) are shown last.
        placement: how source axes are laid out.
        dtype: of what `read` returns.
        colors: length of the leading axis, 0 where there is none.
        whole: reads what becomes an ordinary array, to be saved, say, where that is more than what is drawn.
    """

    def __init__(
        self, read: Read, placement: Placement, dtype: DTypeLike, colors: int = 0, whole: Read | None = None
    ) -> None:
        self._read = read
        self._whole = read if whole is None else whole
        self._placement = placement
        self._colors = colors
        self.dtype = np.dtype(dtype)
        self.shape = placement.display_shape + ((colors,) if colors else ())
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        parts = list(key) if isinstance(key, tuple) else [key]
        if not all(isinstance(part, int | np.integer | slice) for part in parts):
            picked: NDArray[Any] = np.asarray(self)[key]
            return picked
        parts += [slice(None)] * (self.ndim - len(parts))
        spatial = parts[: self._placement.ndim]
        block = self._block(self._read, [_as_slice(part, n) for part, n in zip(spatial, self.shape, strict=False)])
        within = [0 if isinstance(part, int | np.integer) else slice(None, None, part.step) for part in spatial]
        part: NDArray[Any] = block[tuple(within + parts[self._placement.ndim :])]
        return part

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self._block(self._whole, [slice(0, n) for n in self._placement.display_shape])
        return whole if dtype is None else whole.astype(dtype)

    def _block(self, read: Read, spatial: list[slice]) -> NDArray[Any]:
        shown = self._placement.to_display(np.asarray(read(self._placement.region(spatial))))
        return np.moveaxis(shown, 0, -1) if self._colors else shown


def _as_slice(part: Any, length: int) -> slice:
    """What has to be read for a part of an axis: from its first to its last index."""
    if isinstance(part, slice):
        indices = range(*part.indices(length))
        return slice(min(indices), max(indices) + 1) if len(indices) else slice(0, 0)
    index = int(part) % length
    return slice(index, index + 1)
