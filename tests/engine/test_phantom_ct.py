import gzip

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from condseg_app.data import Image, LabelMap
from condseg_app.phantoms.ct import CT_CLASSES, make_ct

Pair = tuple[Image, LabelMap]


@pytest.fixture(scope="module")
def cases() -> list[Pair]:
    return [make_ct(np.random.default_rng([5, number])) for number in range(6)]


def center(labels: LabelMap, name: str) -> NDArray[np.float64]:
    """A class's middle in the world (RAS+), mm."""
    index = np.argwhere(labels.mask(name)).mean(axis=0)
    middle: NDArray[np.float64] = (labels.geometry.affine @ [*index, 1.0])[:3]
    return middle


def test_equal_seeds_give_equal_volumes_and_others_do_not(cases: list[Pair]) -> None:
    image, labels = make_ct(np.random.default_rng([5, 0]))
    assert image.geometry == cases[0][0].geometry
    np.testing.assert_array_equal(image.voxels(), cases[0][0].voxels())
    np.testing.assert_array_equal(labels.array, cases[0][1].array)
    assert image.geometry != cases[1][0].geometry


def test_volumes_are_hounsfield_units_on_the_labels_grid(cases: list[Pair]) -> None:
    for image, labels in cases:
        voxels = image.voxels()
        assert voxels.dtype == np.int16
        assert labels.array.dtype == np.uint8
        assert image.geometry == labels.geometry
        assert labels.classes.names == CT_CLASSES
        assert voxels.min() == -1000
        assert 300 < voxels.max() <= 1600


def test_grids_differ_in_shape_spacing_and_orientation(cases: list[Pair]) -> None:
    grids = [image.geometry for image, _ in cases]
    assert len({grid.orientation for grid in grids}) >= 3
    assert len({grid.shape for grid in grids}) == len(grids)
    for grid in grids:
        inside_slice, other, between = sorted(grid.reoriented("RAS").spacing)
        assert inside_slice == pytest.approx(other)
        assert 2.0 < inside_slice < 3.5
        assert 2.5 < between <= 5.0
        assert min(grid.shape) >= 32
        assert max(grid.shape) <= 128


def test_some_grids_are_oblique_but_none_is_sheared(cases: list[Pair]) -> None:
    grids = [image.geometry for image, _ in cases]
    oblique = [np.count_nonzero(np.abs(grid.affine[:3, :3]) > 1e-6) > 3 for grid in grids]
    assert any(oblique)
    assert not all(oblique)
    assert not any(grid.is_sheared for grid in grids)


def test_organs_are_in_most_cases_and_of_credible_size(cases: list[Pair]) -> None:
    limits = {
        "liver": (700, 3000),
        "spleen": (50, 500),
        "pancreas": (20, 160),
        "right_kidney": (40, 300),
        "left_kidney": (40, 300),
        "gallbladder": (4, 90),
    }
    for name, (low, high) in limits.items():
        volumes = [labels.mask(name).sum() * labels.geometry.voxel_volume / 1000 for _, labels in cases]
        present = [volume for volume in volumes if volume > 0]
        assert len(present) >= (4 if name == "gallbladder" else len(cases)), name
        assert all(low < volume < high for volume in present), (name, volumes)


def test_some_bodies_have_no_gallbladder() -> None:
    _, labels = make_ct(np.random.default_rng([0, 1, 4]))
    assert not labels.mask("gallbladder").any()
    assert labels.mask("liver").any()


def test_organs_are_on_the_right_side_of_the_body(cases: list[Pair]) -> None:
    for _, labels in cases:
        liver, spleen = center(labels, "liver"), center(labels, "spleen")
        right, left = center(labels, "right_kidney"), center(labels, "left_kidney")
        pancreas = center(labels, "pancreas")
        assert spleen[0] < left[0] < pancreas[0] < right[0] < liver[0] + 40
        assert liver[0] > 10
        assert right[2] < liver[2]
        assert max(right[1], left[1], spleen[1]) < pancreas[1]
        if labels.mask("gallbladder").any():
            gallbladder = center(labels, "gallbladder")
            assert gallbladder[0] > pancreas[0]
            assert gallbladder[1] > right[1]


def test_an_organ_is_one_piece(cases: list[Pair]) -> None:
    for _, labels in cases:
        for name in CT_CLASSES:
            pieces, count = ndimage.label(labels.mask(name))
            if count > 1:
                sizes = np.bincount(pieces.ravel())[1:]
                assert sizes.max() > 0.9 * sizes.sum(), name


def test_contrast_is_portal_venous(cases: list[Pair]) -> None:
    levels: dict[str, list[float]] = {name: [] for name in CT_CLASSES}
    for image, labels in cases:
        for name in CT_CLASSES:
            if (mask := labels.mask(name)).any():
                levels[name].append(float(np.median(image.voxels()[0][mask])))
    middle = {name: np.median(found) for name, found in levels.items()}
    assert middle["gallbladder"] < 45 < middle["pancreas"] < middle["liver"] < middle["right_kidney"]
    assert middle["spleen"] < middle["left_kidney"]
    assert np.ptp(levels["liver"]) > 8


def test_intensity_alone_does_not_tell_an_organ(cases: list[Pair]) -> None:
    for image, labels in cases:
        voxels = image.voxels()[0]
        low, high = np.percentile(voxels[labels.mask("pancreas")], (25, 75))
        alike = (voxels >= low) & (voxels <= high)
        assert (alike & (labels.values == 0)).sum() > 2 * (alike & labels.mask("pancreas")).sum()


def test_files_stay_small(cases: list[Pair]) -> None:
    for image, _ in cases:
        assert len(gzip.compress(image.voxels().tobytes(order="F"), 9)) < 400_000
