"""An array for the viewer, computed or read only in the visible part."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from condseg_app.data import Region
from condseg_app.viewer.placement import Placement

Read = Callable[[Region], NDArray[Any]]
Write = Callable[[Region, NDArray[Any]], None]


class LazyView:
    """The array interface that napari needs, in display order, over a function that reads a region of the source.

    Looking at a slice of a large volume costs only that slice.

    Args:
        read: region of (I, J, K) -> (..., i, j, k) voxels; leading axes (colours) are shown last.
        placement: layout of the source axes.
        dtype: of the voxels from `read`.
        colors: length of the leading axis, 0 where there is none.
        whole: reads the voxels for an ordinary array, as when saving, where they are more than the drawn voxels.
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
            return self._picked(key)
        parts += [slice(None)] * (self.ndim - len(parts))
        spatial = parts[: self._placement.ndim]
        block = self._block(self._read, [_as_slice(part, n) for part, n in zip(spatial, self.shape, strict=False)])
        within = [0 if isinstance(part, int | np.integer) else slice(None, None, part.step) for part in spatial]
        part: NDArray[Any] = block[tuple(within + parts[self._placement.ndim :])]
        return part

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self._block(self._whole, [slice(0, n) for n in self._placement.display_shape])
        return whole if dtype is None else whole.astype(dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> NDArray[Any]:
        """An ordinary array, for napari's 'Duplicate layer': a computed array cannot be copied."""
        return np.array(self)

    def _picked(self, key: Any) -> NDArray[Any]:
        """Values of single voxels: from their box, or from the whole array where the box is not clear."""
        box = _box_of(key, self.shape)
        if box is None:
            whole: NDArray[Any] = np.asarray(self)[key]
            return whole
        spatial, within = box
        picked: NDArray[Any] = self._block(self._whole, spatial)[within]
        return picked

    def _block(self, read: Read, spatial: list[slice]) -> NDArray[Any]:
        shown = self._placement.to_display(np.asarray(read(self._placement.region(spatial))))
        return np.moveaxis(shown, 0, -1) if self._colors else shown


class PaintedView(LazyView):
    """A lazy view over a function that also writes regions: for a layer that is painted on.

    Everything that napari does with the brush, the bucket, polygons, undo and redo ends in an assignment to a part of
    the layer's data, and so do changes by other plugins.

    Args:
        read: region of (I, J, K) -> (i, j, k) voxels.
        write: puts voxels into a region.
        placement: layout of the source axes.
        dtype: of the voxels.
    """

    def __init__(self, read: Read, write: Write, placement: Placement, dtype: DTypeLike) -> None:
        super().__init__(read, placement, dtype)
        self._write = write

    def __getitem__(self, key: Any) -> Any:
        # For every dab napari asks `data[0].dtype`: no slice is to be read for that.
        return _LazySlice(self, int(key)) if isinstance(key, int | np.integer) else super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        spatial, within = _box_of(key, self.shape) or ([slice(0, n) for n in self.shape], key)
        if _is_whole(within) and np.shape(value) == tuple(part.stop - part.start for part in spatial):
            block = np.asarray(value)
        else:
            block = self._block(self._read, spatial)
            block[within] = value
        self._write(self._placement.region(spatial), self._placement.to_source(block))


class _LazySlice(NDArrayOperatorsMixin):
    """A slice of a view, read when more than its shape or type is needed."""

    def __init__(self, view: LazyView, index: int) -> None:
        self._view, self._index = view, index
        self.dtype, self.shape, self.ndim = view.dtype, view.shape[1:], view.ndim - 1
        if not -len(view) <= index < len(view):
            raise IndexError(f"slice {index} of {len(view)}")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self._view[(self._index, *[slice(None)] * self.ndim)]
        return whole if dtype is None else whole.astype(dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        arrays = [np.asarray(each) if isinstance(each, _LazySlice) else each for each in inputs]
        return getattr(ufunc, method)(*arrays, **options)

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self)[key]

    def __len__(self) -> int:
        return self.shape[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # numpy's ways to ask for an array, handled above
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


def _box_of(key: Any, shape: tuple[int, ...]) -> tuple[list[slice], tuple[Any, ...]] | None:
    """The box that a key touches, and the key within the box; None where not clear, as with a mask or `...`."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if all(isinstance(part, int | np.integer | slice) for part in parts):
        parts += [slice(None)] * (len(shape) - len(parts))
        within = tuple(slice(None, None, p.step) if isinstance(p, slice) else 0 for p in parts)
        return [_as_slice(part, n) for part, n in zip(parts, shape, strict=True)], within
    arrays = [np.asarray(part) for part in parts if not isinstance(part, slice)]
    if len(arrays) != len(shape) or any(array.dtype.kind not in "iu" or array.size == 0 for array in arrays):
        return None
    inside = [np.where(array < 0, array + n, array) for array, n in zip(arrays, shape, strict=True)]
    spatial = [slice(int(array.min()), int(array.max()) + 1) for array in inside]
    return spatial, tuple(array - part.start for array, part in zip(inside, spatial, strict=True))


def _is_whole(within: Any) -> bool:
    """Whether a key within a box is all of the box, in order."""
    return isinstance(within, tuple) and all(isinstance(p, slice) and p.step in (None, 1) for p in within)


def _as_slice(part: Any, length: int) -> slice:
    """The range to read for a part of an axis: from its first to its last index."""
    if isinstance(part, slice):
        indices = range(*part.indices(length))
        return slice(min(indices), max(indices) + 1) if len(indices) else slice(0, 0)
    index = int(part) % length
    return slice(index, index + 1)
