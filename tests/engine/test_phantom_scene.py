import numpy as np
import pytest

from condseg_app.data import Image, LabelMap
from condseg_app.phantoms.picture import Colour, Frame, Light, Picture, join, meet
from condseg_app.phantoms.scene import SCENE_CLASSES, make_scene
from condseg_app.phantoms.things import DRAW

Pair = tuple[Image, LabelMap]


@pytest.fixture(scope="module")
def scenes() -> list[Pair]:
    return [make_scene(np.random.default_rng([2, number])) for number in range(24)]


def _color(*parts: float) -> Colour:
    return np.array(parts, dtype=np.float32)


@pytest.fixture
def frame() -> Frame:
    noon = Light(_color(0.3, 0.5, 0.9), _color(0.8, 0.9, 1.0), _color(1, 1, 1), 0.5, 0.8)
    return Frame(Picture((192, 160)), noon, (96.0, 140.0), 20.0, 3)


def test_equal_seeds_give_equal_pictures_and_others_do_not(scenes: list[Pair]) -> None:
    image, labels = make_scene(np.random.default_rng([2, 0]))
    np.testing.assert_array_equal(image.voxels(), scenes[0][0].voxels())
    np.testing.assert_array_equal(labels.array, scenes[0][1].array)
    assert not np.array_equal(image.voxels(), scenes[1][0].voxels())


def test_a_picture_is_colour_on_the_labels_grid(scenes: list[Pair]) -> None:
    for image, labels in scenes:
        assert image.is_rgb
        assert image.array.dtype == np.uint8
        assert image.geometry == labels.geometry
        assert image.geometry.shape == (192, 160, 1)
        assert image.geometry.unit == "pixel"
        assert labels.classes.names == SCENE_CLASSES
        assert set(np.unique(labels.values)) <= set(range(7))
        assert image.voxels().std() > 20


def test_another_size_shows_the_same_kind_of_scene() -> None:
    image, labels = make_scene(np.random.default_rng(4), (300, 250))
    assert image.geometry.shape == (300, 250, 1)
    assert labels.values.any()


def test_every_class_is_in_most_pictures_but_not_in_all(scenes: list[Pair]) -> None:
    for name in SCENE_CLASSES:
        share = np.mean([labels.mask(name).any() for _, labels in scenes])
        assert share > 0.5, name
    absent = [name for _, labels in scenes for name in SCENE_CLASSES if not labels.mask(name).any()]
    assert len(set(absent)) >= 4


def test_things_are_where_they_belong(scenes: list[Pair]) -> None:
    def rows(labels: LabelMap, name: str) -> float:
        return float(np.argwhere(labels.mask(name))[:, 1].mean())

    for _, labels in scenes:
        shown = {name: rows(labels, name) for name in SCENE_CLASSES if labels.mask(name).any()}
        sky = [shown[name] for name in ("sun", "balloon") if name in shown]
        ground = [shown[name] for name in ("car", "person") if name in shown]
        if sky and ground:
            assert max(sky) < min(ground)


def test_the_sun_is_brighter_than_its_picture(scenes: list[Pair]) -> None:
    for image, labels in scenes:
        sun = labels.mask("sun")
        if sun.sum() > 20:
            light = image.voxels().mean(axis=0)
            assert light[sun].mean() > light[~sun].mean()


@pytest.mark.parametrize("name", sorted(DRAW))
def test_a_thing_stands_on_its_foot_and_mirrors(frame: Frame, name: str) -> None:
    DRAW[name](frame, np.random.default_rng(1))
    rows, columns = np.nonzero(frame.picture.labels == 3)
    assert len(rows) > 50
    assert rows.max() <= 140 + 12
    assert rows.max() >= 140 - 12
    assert columns.min() < 96 < columns.max()


def test_the_nearer_thing_hides_the_farther(frame: Frame) -> None:
    wall = frame.box((-2, 0), (2, 3))
    frame.picture.paint(wall, (0.9, 0.1, 0.1), 1)
    pole = frame.line((0, 0), (0, 4), 1.0)
    frame.picture.paint(pole, (0.1, 0.9, 0.1), 2)
    assert (frame.picture.labels[pole < 0] == 2).all()
    assert (frame.picture.labels[(wall < 0) & (pole > 0)] == 1).all()
    assert frame.picture.colors[pole < -1][:, 1] == pytest.approx(0.9)


def test_flat_shapes_measure_distances(frame: Frame) -> None:
    np.testing.assert_allclose(frame.disc((0, 2), (1.5, 1.5)), 20 * (np.hypot(frame.x, frame.y - 2) - 1.5), atol=1e-2)
    corners = [(-1.0, 0.5), (2.0, 0.5), (2.0, 3.0), (-1.0, 3.0)]
    box = frame.box((-1.0, 0.5), (2.0, 3.0))
    for way in (corners, corners[::-1]):
        np.testing.assert_array_equal(frame.polygon(way) < -1e-3, box < -1e-3)
    left, right = frame.disc((-1, 1), (1, 1)), frame.disc((1, 1), (1, 1))
    assert ((join(left, right) < 0) == ((left < 0) | (right < 0))).all()
    assert ((meet(left, box) < 0) == ((left < 0) & (box < 0))).all()
