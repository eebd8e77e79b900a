"""What is marked, in parts: none is learnt from and examined on at once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from condseg_app.data import Annotation, Geometry, Image, Preprocessing, Reorient, Spacing
from condseg_app.engine.finetune.annotated_slices import AnnotatedSlices
from condseg_app.engine.train.samples import PreparedImage

SHAPE = (10, 8, 24)


def marks(thickness: float, slices: set[int], before: dict[tuple[str, int], int]) -> AnnotatedSlices:
    plan = Preprocessing(
        "2.5D", (16, 16, 1), orientation=Reorient("RAS"), spacing=Spacing((2.0, 2.0, 4.0)), neighbours=1
    )
    image = Image(np.zeros((1, *SHAPE), np.float32), Geometry(SHAPE, np.diag([2.0, 2.0, thickness, 1.0])), "volume")
    known = np.zeros(SHAPE, bool)
    known[..., sorted(slices)] = True
    annotation = Annotation("kidney", known & (np.arange(SHAPE[0]) < 5)[:, None, None], known)
    return AnnotatedSlices.of(
        "kidney", [(image, [annotation])], before, 3, lambda _, a: a, lambda image: PreparedImage.of(image, plan)
    )


@settings(deadline=None)
@given(thickness=st.sampled_from([0.5, 1.0, 2.0, 4.0]), slices=st.sets(st.integers(0, 23), min_size=2, max_size=12))
def test_slices_in_one_working_voxel_are_learnt_from_or_hidden_together(thickness: float, slices: set[int]) -> None:
    found = marks(thickness, slices, {})
    for fold in range(3):
        kept, hidden = found.without(fold)
        if kept and hidden:
            both = np.asarray(kept[0].supervised["kidney"]) & np.asarray(hidden[0].supervised["kidney"])
            assert not both.any()


def test_a_slice_stays_in_its_part_and_parts_are_equally_large() -> None:
    first = marks(4.0, {3, 9, 15}, {})
    assert sorted(number % 3 for number in first.slices.values()) == [0, 1, 2]
    later = marks(4.0, {3, 6, 9, 12, 15, 18}, first.slices)
    assert first.slices.items() <= later.slices.items()
    assert sorted(number % 3 for number in later.slices.values()) == [0, 0, 1, 1, 2, 2]
