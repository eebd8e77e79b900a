from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.data import (
    Annotation,
    Case,
    ClassEntry,
    ClassTable,
    DataSet,
    Geometry,
    Image,
    LabelMap,
    Lesson,
    Model,
    Preprocessing,
    Spacing,
    TrainingProgress,
    ZScore,
)
from condseg_app.errors import ClassTableError, GeometryError, ModelError

SHAPE = (2, 3, 2)
masks = hnp.arrays(np.bool_, SHAPE)


def volume(shape: tuple[int, int, int] = SHAPE) -> Image:
    return Image(np.zeros((1, *shape), np.int16), Geometry.with_spacing(shape, (1, 1, 1)), "scan")


def photograph() -> Image:
    return Image(np.zeros((3, 4, 5, 1), np.uint8), Geometry.of_picture(4, 5), "photo", ("red", "green", "blue"))


@settings(deadline=None)
@given(masks, masks)
def test_an_annotations_state_looks_only_where_it_is_supervised(
    mask: NDArray[np.bool_], supervised: NDArray[np.bool_]
) -> None:
    state = Annotation("liver", mask, supervised).state
    marked = any(mask[v] and supervised[v] for v in np.ndindex(*SHAPE))
    assert state == ("unlabelled" if not supervised.any() else "present" if marked else "absent")


@settings(deadline=None)
@given(masks, masks, masks)
def test_nothing_outside_the_supervised_voxels_changes_the_state(
    mask: NDArray[np.bool_], supervised: NDArray[np.bool_], other: NDArray[np.bool_]
) -> None:
    elsewhere = np.where(supervised, mask, other)
    assert Annotation("liver", mask, supervised).state == Annotation("liver", elsewhere, supervised).state


def test_unlabelled_is_not_absent() -> None:
    nothing, everything = np.zeros(SHAPE, np.bool_), np.ones(SHAPE, np.bool_)
    assert Annotation("liver", nothing, nothing).state == "unlabelled"
    assert Annotation("liver", nothing, everything).state == "absent"


def test_mask_and_supervised_voxels_must_have_the_same_shape() -> None:
    with pytest.raises(GeometryError, match="differ in shape"):
        Annotation("liver", np.zeros(SHAPE, np.bool_), np.zeros((1, 1, 1), np.bool_))


def test_an_image_has_as_many_channels_as_names() -> None:
    with pytest.raises(GeometryError, match=r"\(2, 2, 3, 2\) is not \(channels, I, J, K\) = \(1, 2, 3, 2\)"):
        Image(np.zeros((2, *SHAPE)), Geometry.with_spacing(SHAPE, (1, 1, 1)))
    assert photograph().is_rgb
    assert not volume().is_rgb


def test_a_label_map_is_unsigned_and_on_its_grid() -> None:
    grid, table = Geometry.with_spacing(SHAPE, (1, 1, 1)), ClassTable((ClassEntry(2, "liver"),))
    labels = LabelMap(np.full(SHAPE, 2, np.uint8), grid, table)
    assert labels.mask("liver").all()
    with pytest.raises(GeometryError, match="is not its grid's"):
        LabelMap(np.zeros((1, 1, 1), np.uint8), grid, table)
    with pytest.raises(ClassTableError, match="unsigned integers, not float64"):
        LabelMap(np.zeros(SHAPE), grid, table)


def test_a_lesson_needs_a_marked_voxel_of_its_class() -> None:
    marked, everywhere = np.zeros(SHAPE, np.bool_), np.ones(SHAPE, np.bool_)
    entry = ClassEntry(1, "liver")
    with pytest.raises(ClassTableError, match="no voxel of 'liver' is annotated"):
        Lesson(entry, volume(), (Annotation("liver", marked, everywhere), Annotation("spleen", everywhere, everywhere)))
    assert Lesson(entry, volume(), (Annotation("liver", everywhere, everywhere),)).steps > 0


def test_a_training_is_finished_at_its_last_step() -> None:
    assert not TrainingProgress(9, 10).finished
    assert TrainingProgress(10, 10).finished


def cases() -> tuple[Case, ...]:
    both = frozenset({"liver", "spleen"})
    splits = {"a": "train", "b": "train", "c": "val"}
    return tuple(Case(n, Path(n), labelled=both, split=s) for n, s in splits.items())  # type: ignore[arg-type]


def test_parts_of_a_data_set() -> None:
    table = ClassTable.from_names(["liver", "spleen"])
    data = DataSet("set", Path("set"), table, cases(), {"single": {"liver": ("a",), "spleen": ("b", "c")}})
    assert [c.name for c in data.part("train").cases] == ["a", "b"]
    liver, spleen = data.single_class("single")
    assert (liver.name, [c.name for c in liver.cases]) == ("set/liver", ["a"])
    assert all(case.labelled == {"spleen"} for case in spleen.cases)
    assert [c.name for c in data.part("train").single_class("single")[1].cases] == ["b"]
    with pytest.raises(KeyError):
        data.single_class("nested")


def test_a_data_set_without_a_split_is_wholly_in_each_part() -> None:
    data = DataSet("set", Path("set"), ClassTable(), tuple(replace(c, split=None) for c in cases()))
    assert data.part("val") is data


@pytest.mark.parametrize(
    ("dimensions", "channels", "spacing", "image", "reason"),
    [
        ("3D", 1, None, volume(), None),
        ("2.5D", 1, None, volume(), None),
        ("2D", 3, None, photograph(), None),
        ("3D", 3, None, volume(), "takes 3 channels, 'scan' has 1"),
        ("3D", 3, None, photograph(), "is for volumes, 'photo' is a 2D image"),
        ("2D", 1, None, volume(), "is for 2D images, 'scan' is a volume"),
        ("2D", 3, (1.0, 1.0, 1.0), photograph(), "needs voxel sizes in mm"),
    ],
)
def test_a_model_says_why_it_does_not_fit_an_image(
    dimensions: str, channels: int, spacing: tuple[float, float, float] | None, image: Image, reason: str | None
) -> None:
    preprocessing = Preprocessing(dimensions, (8, 8, 1), (ZScore(),) * channels, spacing=spacing and Spacing(spacing))  # type: ignore[arg-type]
    model = Model("net", "dense_unet", {}, preprocessing, ClassTable())
    if reason is None:
        assert model.misfit(image) is None
        model.check_fits(image)
        return
    assert reason in (model.misfit(image) or "")
    with pytest.raises(ModelError):
        model.check_fits(image)


def test_neighbouring_slices_are_channels_of_the_network() -> None:
    assert Preprocessing("2.5D", (8, 8, 1), (ZScore(),) * 2, neighbours=1).network_channels == 6
