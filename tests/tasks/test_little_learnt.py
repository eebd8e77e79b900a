"""A lesson that has learnt nothing says so, and why."""

from dataclasses import replace

import numpy as np
import pytest

from condseg_app.data import ChunkedAnnotation, Geometry, Preprocessing, Reorient, Spacing
from condseg_app.tasks.little_learnt import reasons

PLAN = Preprocessing("3D", (32, 32, 16), orientation=Reorient("RAS"), spacing=Spacing((1.5, 1.5, 3.0)))
GRID = Geometry.with_spacing((40, 40, 20), (1.0, 1.0, 3.0))


def marks(size: int, slices: int, *, complete: bool = True, axis: int = 2) -> ChunkedAnnotation:
    """A square on some slices."""
    mask, seen = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    mask[10 : 10 + size, 10 : 10 + size, 2 : 2 + slices] = True
    seen[:, :, 2 : 2 + slices] = True
    seen = seen if complete else mask.copy()
    return ChunkedAnnotation.of(np.moveaxis(mask, 2, axis), np.moveaxis(seen, 2, axis))


def why(annotation: ChunkedAnnotation, steps: int = 600, plan: Preprocessing = PLAN, grid: Geometry = GRID) -> str:
    return " ".join(reasons("cyst", [(grid, annotation)], plan, steps))


def test_a_class_smaller_than_the_models_voxels() -> None:
    said = why(marks(2, 5))
    assert "cyst is about 2 mm across" in said
    assert "voxels of 1.5 mm" in said
    assert "across" not in why(marks(8, 5))
    assert "across" not in why(marks(4, 5), plan=replace(PLAN, spacing=None))
    assert "across" in why(marks(1, 5), plan=replace(PLAN, spacing=None))


def test_the_slices_are_those_across_which_it_was_painted() -> None:
    turned = Geometry.with_spacing((20, 40, 40), (3.0, 1.0, 1.0))
    annotation = marks(8, 2, axis=0)
    assert annotation.shape == turned.shape
    assert "Only 2 slices are annotated" in why(annotation, grid=turned)
    assert "across" not in why(annotation, grid=turned)


@pytest.mark.parametrize(("slices", "said"), [(1, "Only 1 slice is"), (2, "Only 2 slices are"), (3, "")])
def test_few_slices(slices: int, said: str) -> None:
    found = why(marks(8, slices))
    assert said in found
    assert ("Only" in found) == bool(said)


def test_marks_on_several_images_count_together() -> None:
    both = [(GRID, marks(8, 2)), (GRID, marks(8, 1))]
    assert "Only" not in " ".join(reasons("cyst", both, PLAN, 600))


def test_nothing_complete_few_steps_and_nothing_to_blame() -> None:
    assert "where cyst is not" in why(marks(8, 5, complete=False))
    assert "It took 40 steps" in why(marks(8, 5), steps=40)
    assert why(marks(8, 5)).startswith("Its annotation does not tell why")


def test_a_picture_has_no_slices() -> None:
    grid = Geometry.of_picture(30, 30)
    mask = np.zeros(grid.shape, bool)
    mask[3:5, 3:5] = True
    annotation = ChunkedAnnotation.of(mask, np.ones_like(mask))
    flat = Preprocessing("2D", (16, 16, 1))
    assert "slice" not in why(annotation, plan=flat, grid=grid)
    assert why(annotation, plan=flat, grid=grid).startswith("Its annotation does not tell why")
