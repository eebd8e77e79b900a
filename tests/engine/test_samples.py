"""What a training is shown of what a person has marked, however little that is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.data import Annotation, Geometry, Image, Preprocessing, Reorient, Spacing
from condseg_app.engine.preprocess import WorkingGrid
from condseg_app.engine.train.augmentation import unvaried
from condseg_app.engine.train.samples import Cropping, crop, prepare_case

SHAPE = (12, 10, 24)


def marked_slices(spacing: float, wanted: float, slices: set[int]) -> tuple[Image, Annotation, Preprocessing]:
    """Some slices that are all class, and nothing said of the others."""
    geometry = Geometry(SHAPE, np.diag([2.0, 2.0, spacing, 1.0]), "mm")
    known = np.zeros(SHAPE, bool)
    known[:, :, sorted(slices)] = True
    image = Image(np.zeros((1, *SHAPE), np.float32), geometry)
    plan = Preprocessing(
        "2.5D", (16, 16, 1), orientation=Reorient("RAS"), spacing=Spacing((2.0, 2.0, wanted)), neighbours=1
    )
    return image, Annotation("thing", known.copy(), known), plan


@given(
    spacing=st.floats(0.5, 6.0),
    wanted=st.floats(0.5, 6.0),
    slices=st.sets(st.integers(0, SHAPE[2] - 1), min_size=1, max_size=4),
)
def test_no_marked_slice_is_lost(spacing: float, wanted: float, slices: set[int]) -> None:
    """A slice that is thinner than a working voxel is still learnt from, and by the voxel nearest to it."""
    image, annotation, plan = marked_slices(spacing, wanted, slices)
    case = prepare_case(image, [annotation], plan)
    decided = case.supervised["thing"]
    if decided is None:
        assert len(slices) == SHAPE[2]
        return
    planes = np.flatnonzero(decided.numpy().all(axis=(0, 1)))
    assert decided.numpy().any(axis=(0, 1)).sum() == len(planes)  # whole slices
    working = WorkingGrid.of(image.geometry, plan).shape[2]
    centres = (np.array(sorted(slices)) + 0.5) * working / SHAPE[2]
    reach = max(0.5, working / SHAPE[2] / 2)  # in working voxels
    for centre in centres:
        assert np.abs(planes + 0.5 - centre).min() <= reach + 1e-9
    for plane in planes:
        assert np.abs(plane + 0.5 - centres).min() <= reach + 1e-9
    assert (case.masks["thing"][decided] == 255).all()
    assert (case.masks["thing"][~decided] == 0).all()


@given(asked=st.one_of(st.none(), st.integers(1, 5)), labelled=st.integers(1, 4), seed=st.integers(0, 99))
def test_a_window_asks_for_its_class_and_others_that_its_case_labels(
    asked: int | None, labelled: int, seed: int
) -> None:
    """Each class that is asked for comes with its own mask."""
    names = [f"organ {number}" for number in range(labelled)]
    image, _, plan = marked_slices(2.0, 2.0, set())
    masks = {name: np.full(SHAPE, number == 0) for number, name in enumerate(names)}
    known = np.ones(SHAPE, bool)
    case = prepare_case(image, [Annotation(name, mask, known) for name, mask in masks.items()], plan)
    cropping = Cropping(plan, 1, unvaried, asked=asked)
    sample = crop(case, names[-1], cropping, np.random.default_rng(seed))
    assert len(set(sample.classes)) == len(sample.classes) == min(labelled, asked or labelled)
    assert names[-1] in sample.classes
    assert set(sample.classes) <= set(names)
    for name, target in zip(sample.classes, sample.target, strict=True):
        assert bool((target == float(name == "organ 0")).all())


@given(centred=st.sampled_from([0.0, 0.5, 1.0]))
def test_others_are_classes_that_the_window_shows(centred: float) -> None:
    """Pure chance would ask a third of the windows for the one class of three that is there."""
    names = ["asked", "here", "gone", "lost"]
    image, _, plan = marked_slices(2.0, 2.0, set())
    known = np.ones(SHAPE, bool)
    case = prepare_case(image, [Annotation(name, np.full(SHAPE, name == "here"), known) for name in names], plan)
    cropping = Cropping(plan, 1, unvaried, centred, asked=2)
    rng = np.random.default_rng(0)
    others = [crop(case, "asked", cropping, rng).classes[1] for _ in range(200)]
    assert abs(others.count("here") / 200 - (centred + (1 - centred) / 3)) < 0.1


def test_a_stroke_of_one_voxel_on_a_fine_image_is_learnt_from() -> None:
    """One voxel of 0.5 mm is an eighth of a working voxel along each axis."""
    shape = (32, 32, 32)
    image = Image(np.zeros((1, *shape), np.float32), Geometry(shape, np.diag([0.5, 0.5, 0.5, 1.0]), "mm"))
    known = np.zeros(shape, bool)
    known[9, 17, 30] = True
    plan = Preprocessing("3D", (8, 8, 8), orientation=Reorient("RAS"), spacing=Spacing((4.0, 4.0, 4.0)))
    case = prepare_case(image, [Annotation("thing", known.copy(), known)], plan)
    decided = case.supervised["thing"]
    assert decided is not None
    assert decided.nonzero().tolist() == [[1, 2, 3]]
    assert case.masks["thing"][1, 2, 3] == 255
