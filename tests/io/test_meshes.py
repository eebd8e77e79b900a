"""Meshes, read back by trimesh."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry
from condseg_app.errors import WriteError
from condseg_app.io import Registry, read_registry
from condseg_app.io.exports import surfaces
from condseg_app.io.exports.meshes import MESH_SUFFIXES, write_meshes
from condseg_app.io.exports.surfaces import surface_of

TABLE = ClassTable.from_names(["liver", "spleen"])
REGISTRY = Registry(image="scan", thresholds={"liver": 0.5}, classes=TABLE)
OBLIQUE = np.array([[1.2, -0.5, 0.2, 40.0], [0.6, 1.1, -0.3, -70.0], [-0.1, 0.4, 2.5, 900.0], [0, 0, 0, 1]])
LEFT_HANDED = OBLIQUE @ np.diag([-1.0, 1, 1, 1])
FAR = OBLIQUE + np.array([[0, 0, 0, 4e4]] * 3 + [[0, 0, 0, 0]])


def ball(radius: int) -> NDArray[np.bool_]:
    """It touches the border of its array."""
    at = np.mgrid[(slice(-radius, radius + 1),) * 3]
    inside: NDArray[np.bool_] = (at**2).sum(axis=0) <= radius**2
    return inside


def loaded(path: Path) -> trimesh.Trimesh:
    mesh = trimesh.load_mesh(path)
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


@pytest.mark.parametrize("affine", [OBLIQUE, LEFT_HANDED, FAR], ids=["oblique", "left-handed", "far"])
@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_ball_is_closed_outside_out_and_in_its_place(
    tmp_path: Path, suffix: str, affine: NDArray[np.float64]
) -> None:
    mask = ball(9)
    geometry = Geometry(mask.shape, affine)
    paths = write_meshes(tmp_path / "m", {"liver": mask, "spleen": mask[:, :, ::-1]}, geometry, REGISTRY, suffix)
    mesh = loaded(paths[0])
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(mask.sum() * geometry.voxel_volume, rel=0.02)  # positive: normals outwards
    middle = affine @ [9, 9, 9, 1]
    np.testing.assert_allclose(mesh.center_mass, middle[:3], atol=0.02)
    # Each extreme along a world axis is that of the ball's surface, half a voxel out at most.
    reach = 9.5 * np.linalg.norm(affine[:3, :3], axis=1)
    np.testing.assert_allclose(mesh.bounds[1] - middle[:3], reach, rtol=0.06)
    np.testing.assert_allclose(middle[:3] - mesh.bounds[0], reach, rtol=0.06)


def test_a_box_has_the_edges_of_its_voxels(tmp_path: Path) -> None:
    mask = np.zeros((8, 9, 10), np.bool_)
    mask[2:5, 1:7, 3:4] = True
    affine = np.array([[-2.0, 0, 0, 10], [0, 0, 5.0, -7], [0, 3.0, 0, 100], [0, 0, 0, 1]])
    paths = write_meshes(tmp_path, {"liver": mask, "spleen": mask}, Geometry(mask.shape, affine), REGISTRY, ".ply")
    found = loaded(paths[0]).bounds
    corners = np.array([affine @ [1.5, 0.5, 2.5, 1], affine @ [4.5, 6.5, 3.5, 1]])[:, :3]
    np.testing.assert_allclose(found, [corners.min(axis=0), corners.max(axis=0)], atol=1e-4)


@settings(max_examples=40)
@given(arrays.arrays(np.bool_, (5, 4, 6), elements=st.booleans()), st.sampled_from([OBLIQUE, LEFT_HANDED]))
def test_whatever_the_mask_its_surface_is_closed(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> None:
    surface = surface_of(mask, Geometry(mask.shape, affine))
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    assert len(mesh.faces) == 0 if not mask.any() else mesh.is_watertight and mesh.volume > 0
    assert surface.area == pytest.approx(mesh.area if mask.any() else 0.0)


def test_plane_by_plane_is_the_same_surface(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(4).random((9, 7, 8)) < 0.4
    geometry = Geometry(mask.shape, OBLIQUE)
    at_once = surface_of(mask, geometry)
    monkeypatch.setattr(surfaces, "_AT_ONCE", 1)
    by_planes = surface_of(mask, geometry)
    assert len(by_planes.vertices) == len(at_once.vertices)
    np.testing.assert_array_equal(corners_of(by_planes), corners_of(at_once))


def corners_of(surface: surfaces.Surface) -> NDArray[np.float64]:
    """The triangles' corners, in an order that does not depend on the vertices' numbers."""
    corners = surface.vertices[surface.faces].reshape(-1, 9)
    ordered: NDArray[np.float64] = corners[np.lexsort(corners.T)]
    return ordered


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_class_without_a_voxel_has_a_file_without_a_triangle(tmp_path: Path, suffix: str) -> None:
    mask = ball(3)
    geometry = Geometry(mask.shape, OBLIQUE)
    paths = write_meshes(tmp_path, {"liver": mask, "spleen": np.zeros_like(mask)}, geometry, REGISTRY, suffix)
    assert [path.name for path in paths] == [f"liver{suffix}", f"spleen{suffix}", "classes.json"]
    assert (
        sum(len(mesh.faces) for mesh in trimesh.load_scene(paths[1]).geometry.values() if hasattr(mesh, "faces")) == 0
    )


def test_names_colours_and_the_registry_come_along(tmp_path: Path) -> None:
    mask = ball(3)
    geometry = Geometry(mask.shape, OBLIQUE)
    for suffix in MESH_SUFFIXES:
        folder = tmp_path / suffix[1:]
        write_meshes(folder, {"liver": mask, "spleen": mask}, geometry, REGISTRY, suffix)
        assert read_registry(folder / "classes.json").classes == TABLE
        beside = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
        assert beside["space"] == "RAS+, mm"
        assert beside["files"] == {"liver": f"liver{suffix}", "spleen": f"spleen{suffix}"}
    head = (tmp_path / "ply" / "liver.ply").read_bytes().partition(b"end_header")[0].decode("ascii").splitlines()
    comments = {".ply": [line.removeprefix("comment ") for line in head if line.startswith("comment ")]}
    rows = (tmp_path / "obj" / "liver.obj").read_text(encoding="ascii").splitlines()
    comments[".obj"] = [row.removeprefix("# ") for row in rows if row.startswith("# ")]
    for space, *about in comments.values():
        assert space == "SPACE=RAS"
        end = about.index("}")  # trimesh adds a comment of its own
        assert json.loads("\n".join(about[: end + 1])) == json.loads(REGISTRY.text())
        assert max(map(len, about)) < 500
    visual = loaded(tmp_path / "ply" / "liver.ply").visual
    assert isinstance(visual, trimesh.visual.ColorVisuals)
    colors = visual.vertex_colors[:, :3]
    assert {tuple(int(c) for c in color) for color in colors} == {TABLE["liver"].color}


def test_3d_slicer_is_told_the_space(tmp_path: Path) -> None:
    """It takes meshes for LPS unless SPACE=RAS stands in an STL file's header or in a comment of PLY or OBJ.

    Source: GetCoordinateSystemFromFileHeader in Slicer's vtkMRMLModelStorageNode.cxx, and
    https://discourse.slicer.org/t/model-files-are-now-saved-in-lps-coordinate-system/10446.
    """
    mask = ball(3)
    for suffix in MESH_SUFFIXES:
        folder = tmp_path / suffix[1:]
        write_meshes(folder, {"liver": mask, "spleen": mask}, Geometry(mask.shape, OBLIQUE), REGISTRY, suffix)
        assert b"SPACE=RAS" in (folder / f"liver{suffix}").read_bytes()[:80]
    stl = (tmp_path / "stl" / "liver.stl").read_bytes()
    assert not stl.startswith(b"solid"), "which is how text begins"
    assert len(stl) == 84 + 50 * len(loaded(tmp_path / "stl" / "liver.stl").faces)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="choose one of these"):
        write_meshes(tmp_path / "m", {}, Geometry((1, 1, 2), OBLIQUE), REGISTRY, ".glb")
    assert not (tmp_path / "m").exists()
