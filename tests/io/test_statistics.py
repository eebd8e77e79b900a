"""Figures against closed forms."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, Image
from condseg_app.io import Registry, read_registry
from condseg_app.io.exports.statistics import class_figures, write_statistics
from condseg_app.io.voxels import regions

TABLE = ClassTable.from_names(["liver", "spleen"])
REGISTRY = Registry(image="scan", thresholds={"liver": 0.5}, classes=TABLE)
# Turned by a quarter, mirrored, spacing 2, 3 and 5 mm.
AFFINE = np.array([[0, 3.0, 0, 10], [2.0, 0, 0, -20], [0, 0, 5.0, 100], [0, 0, 0, 1]])
SHAPE = (12, 10, 8)


def scan(seed: int = 1, channels: tuple[str, ...] = ("T1", "T2")) -> Image:
    voxels = np.random.default_rng(seed).normal(100, 30, (len(channels), *SHAPE)).astype(np.float32)
    return Image(voxels, Geometry(SHAPE, AFFINE), "scan", channels)


def box() -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, np.bool_)
    mask[2:7, 3:5, 1:7] = True
    return mask


def bevelled(a: float, b: float, c: float, spacing: tuple[float, float, float]) -> float:
    """Area of the mesh half-way between voxels around a box of a x b x c voxels: its edges and corners are cut.

    Seen from each side there is a face between the outermost voxels' middles; along each edge runs a bevel of half a
    voxel in two directions; at each corner lies a triangle.
    """
    x, y, z = spacing
    p, q, r = (a - 1) * x, (b - 1) * y, (c - 1) * z
    faces = 2 * (p * q + q * r + p * r)
    edges = 4 * (p * np.hypot(y, z) / 2 + q * np.hypot(x, z) / 2 + r * np.hypot(x, y) / 2)
    corner = np.linalg.norm(np.cross([-x / 2, y / 2, 0], [-x / 2, 0, z / 2])) / 2
    return float(faces + edges + 8 * corner)


def test_a_box_in_closed_form() -> None:
    image, mask = scan(), box()
    found = class_figures(mask, None, image)
    assert found["voxels"] == 5 * 2 * 6
    assert found["volume (ml)"] == pytest.approx(60 * 30 / 1000)
    assert found["surface (mm²)"] == pytest.approx(bevelled(5, 2, 6, (2, 3, 5)))
    assert [found[f"first {n}"] for n in "ijk"] == [2, 3, 1]
    assert [found[f"last {n}"] for n in "ijk"] == [6, 4, 6]
    # x runs along J, y along I, z along K; from edge to edge.
    ends = [(10 + 3 * 2.5, 10 + 3 * 4.5), (-20 + 2 * 1.5, -20 + 2 * 6.5), (100 + 5 * 0.5, 100 + 5 * 6.5)]
    for axis, (low, high) in zip("xyz", ends, strict=True):
        assert found[f"from {axis} (mm)"] == pytest.approx(low)
        assert found[f"to {axis} (mm)"] == pytest.approx(high)
    for number, channel in enumerate(image.channels):
        inside = image.voxels()[number][mask].astype(np.float64)
        assert found[f"mean ({channel})"] == pytest.approx(inside.mean(), rel=1e-12)
        assert found[f"std ({channel})"] == pytest.approx(inside.std(), rel=1e-9)
        assert (found[f"min ({channel})"], found[f"max ({channel})"]) == (inside.min(), inside.max())
    assert found["confidence"] is None


def test_a_ball_is_measured_as_one() -> None:
    radius = 12.0
    at = np.mgrid[(slice(-14, 15),) * 3]
    mask: NDArray[np.bool_] = (at**2).sum(axis=0) <= radius**2
    image = Image(np.ones((1, *mask.shape), np.uint8), Geometry.with_spacing(mask.shape, (0.5, 0.5, 0.5)))
    found = class_figures(mask, np.where(mask, 204, 0).astype(np.uint8), image)
    r = radius / 2
    assert found["volume (ml)"] == pytest.approx(4 / 3 * np.pi * r**3 / 1000, rel=0.02)
    assert 1.0 <= found["surface (mm²)"] / (4 * np.pi * r**2) <= 1.1
    assert found["confidence"] == pytest.approx(0.8)
    assert (found["mean (intensity)"], found["std (intensity)"]) == (1.0, 0.0)


def test_slab_by_slab_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = scan(), box()
    at_once = class_figures(mask, None, image)
    monkeypatch.setattr(regions, "_SLAB_BYTES", 1)
    by_slabs = class_figures(mask, None, image)
    assert at_once.keys() == by_slabs.keys()
    assert by_slabs.pop("confidence") is at_once.pop("confidence") is None
    for name, value in at_once.items():
        assert by_slabs[name] == pytest.approx(value, rel=1e-9), name


def test_only_the_box_of_the_class_is_read() -> None:
    asked: list[tuple[slice, ...]] = []

    class Watched:
        shape, dtype = (1, *SHAPE), np.dtype(np.int16)

        def __getitem__(self, key: tuple[slice, ...]) -> NDArray[np.int16]:
            asked.append(key)
            return np.zeros(self.shape, np.int16)[key]

    class_figures(box(), None, Image(Watched(), Geometry(SHAPE, AFFINE)))
    assert asked == [(slice(None), slice(2, 7), slice(3, 5), slice(1, 7))]


def test_voxels_that_are_not_finite_are_left_out_of_intensities() -> None:
    image, mask = scan(channels=("T1",)), box()
    image.array[0, 2, 3, 1], image.array[0, 3, 3, 1] = np.nan, np.inf  # type: ignore[index]
    found = class_figures(mask, None, image)
    inside = image.voxels()[0][mask]
    assert found["mean (T1)"] == pytest.approx(float(inside[np.isfinite(inside)].astype(np.float64).mean()))
    assert found["voxels"] == 60


def test_pictures_have_areas_and_no_surface() -> None:
    image = Image(np.full((3, 6, 5, 1), 9, np.uint8), Geometry.of_picture(6, 5), "cat", ("red", "green", "blue"))
    mask = np.zeros((6, 5, 1), np.bool_)
    mask[1:4, 2:4] = True
    found = class_figures(mask, None, image)
    assert found["area (pixels)"] == 6
    assert not any(name.startswith(("surface", "volume")) for name in found)
    assert found["mean (green)"] == 9


def test_both_files_say_the_same_and_the_same_again(tmp_path: Path) -> None:
    image, levels = scan(), np.full(SHAPE, 51, np.uint8)
    masks = {"liver": box(), "spleen": np.zeros(SHAPE, np.bool_)}
    paths = write_statistics(tmp_path / "scan_statistics.csv", masks, {"liver": levels}, image, REGISTRY)
    assert [path.name for path in paths] == ["scan_statistics.csv", "scan_statistics.json"]
    first = [path.read_bytes() for path in paths]
    write_statistics(paths[0], masks, {"liver": levels}, image, REGISTRY)
    assert [path.read_bytes() for path in paths] == first
    with paths[0].open(encoding="utf-8", newline="") as file:
        liver, spleen = csv.DictReader(file)
    content = json.loads(paths[1].read_text(encoding="utf-8"))
    for row, same in zip((liver, spleen), content["statistics"], strict=True):
        assert {name: "" if value is None else str(value) for name, value in same.items()} == row
    assert liver["confidence"] == "0.2"
    assert spleen["voxels"] == "0"
    assert {spleen[name] for name in ("confidence", "mean (T1)", "first i", "to z (mm)")} == {""}
    assert (liver["in part"], spleen["in part"]) == ("False", "False")
    assert read_registry(paths[1]).classes == TABLE
