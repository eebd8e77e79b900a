from copy import deepcopy

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import Geometry, Region
from condseg_app.viewer.lazy import LazyView
from condseg_app.viewer.placement import Placement

PLACEMENT = Placement.of(Geometry.with_spacing((4, 5, 6), (1, 2, 3)).reoriented("PIR"))
VOXELS = np.random.default_rng(1).integers(0, 1000, PLACEMENT.shape)


def make(asked: list[Region]) -> LazyView:
    def read(region: Region) -> NDArray[np.int64]:
        asked.append(region)
        return VOXELS[region]

    return LazyView(read, PLACEMENT, VOXELS.dtype)


def keys(length: int) -> st.SearchStrategy[int | slice]:
    return st.one_of(st.integers(-length, length - 1), st.slices(length))


@given(st.tuples(*(keys(n) for n in PLACEMENT.display_shape)))
def test_it_is_indexed_as_numpy_is(key: tuple[int | slice, ...]) -> None:
    whole = PLACEMENT.to_display(VOXELS)
    assert np.array_equal(make([])[key], whole[key])
    assert np.array_equal(make([])[key[0]], whole[key[0]])


def test_a_slice_costs_a_slice() -> None:
    asked: list[Region] = []
    make(asked)[2]
    assert [VOXELS[region].size for region in asked] == [VOXELS.size // PLACEMENT.display_shape[0]]


def test_a_duplicate_of_its_layer_is_an_ordinary_array() -> None:
    copied = deepcopy(make([]))
    assert isinstance(copied, np.ndarray)
    assert np.array_equal(copied, PLACEMENT.to_display(VOXELS))


def test_colours_come_last() -> None:
    picture = Placement.of(Geometry.of_picture(4, 3))
    rgb = np.random.default_rng(2).integers(0, 255, (3, 4, 3, 1)).astype("u1")
    view = LazyView(lambda region: rgb[(slice(None), *region)], picture, rgb.dtype, colors=3)
    assert view.shape == (3, 4, 3)
    assert np.array_equal(np.asarray(view), rgb[..., 0].transpose(2, 1, 0))
    assert np.array_equal(view[1, :, 2], rgb[2, :, 1, 0])
