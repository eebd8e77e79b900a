"""Meshes of classes: STL, PLY or OBJ, a file for each class."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.exchange.ply import export_ply
from trimesh.exchange.stl import export_stl

from condseg_app.data import ClassEntry, Geometry
from condseg_app.errors import WriteError
from condseg_app.io.atomic import atomic_files
from condseg_app.io.exports.formats import ExportFormat
from condseg_app.io.exports.provenance import Registry
from condseg_app.io.exports.surfaces import surface_of
from condseg_app.io.exports.write import Export
from condseg_app.io.labels.sidecar import sidecar_text
from condseg_app.io.labels.writer import mask_files, new_folder

MESH_SUFFIXES = (".stl", ".ply", ".obj")
_SPACE = "SPACE=RAS"
_LINES = 5000
_STL_HEADER = 80
"""Bytes for a comment at the start of a binary STL file."""


def export_to(form: ExportFormat, target: Path, export: Export) -> tuple[Path, ...]:
    """Write an export."""
    return write_meshes(target, export.masks, export.image.geometry, export.registry, form.suffix)


def write_meshes(
    folder: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    geometry: Geometry,
    registry: Registry,
    suffix: str = ".stl",
) -> tuple[Path, ...]:
    """Write a mesh for each class into a folder, with classes.json; returns all files written.

    Positions are those of the world as NIfTI has it: RAS+, so x runs to the right, y to the front, z to the head, in
    mm (pixels where no size is known). A comment says SPACE=RAS, which 3D Slicer reads. Normals point outwards. A class
    without a voxel has a file without a triangle. PLY and OBJ hold the class's colour, and the registry as comments;
    STL has no place for these.

    Args:
        folder: created if missing.
        masks: class name -> (I, J, K); overlaps allowed.
        geometry: the masks' grid.
        registry: with a row for each mask.
        suffix: .stl, .ply or .obj.

    Raises:
        WriteError: another suffix, or the disk refuses; nothing is written.
    """
    if suffix not in MESH_SUFFIXES:
        raise WriteError(f"meshes are written as {', '.join(MESH_SUFFIXES)}; choose one of these", path=folder)
    paths = mask_files(folder, registry.classes, suffix)
    named = {row.name: path.name for row, path in zip(registry.classes, paths, strict=False)}
    placed = geometry.in_unit("mm")
    about = {"files": named, "space": f"RAS+, {placed.unit}", **registry.extra()}
    new_folder(folder)
    with atomic_files(paths) as (*temporaries, beside):
        for row, temporary in zip(registry.classes, temporaries, strict=True):
            mesh = _mesh(masks[row.name], placed, row)
            temporary.write_bytes(_packed(mesh, row, suffix, registry))
        beside.write_text(sidecar_text(registry.classes, about), encoding="utf-8", newline="")
    return paths


def _mesh(mask: NDArray[np.bool_], geometry: Geometry, row: ClassEntry) -> trimesh.Trimesh:
    surface = surface_of(mask, geometry)
    count = len(surface.vertices)
    colors = (
        np.tile(np.array([*row.color, 255], np.uint8), (count, 1)) if count else None
    )  # trimesh cannot pack an empty mesh
    return trimesh.Trimesh(surface.vertices, surface.faces, vertex_colors=colors, process=False, validate=False)


def _packed(mesh: trimesh.Trimesh, row: ClassEntry, suffix: str, registry: Registry) -> bytes:
    if suffix == ".stl":
        return f"{_SPACE}, {registry.software}".encode("ascii").ljust(_STL_HEADER) + export_stl(mesh)[_STL_HEADER:]
    comments = [_SPACE, *registry.lines()]
    if suffix == ".obj":
        return b"".join(_obj(mesh, row, comments))
    magic, form, rest = export_ply(mesh, vertex_normal=False).split(b"\n", 2)
    return b"\n".join((magic, form, *(f"comment {comment}".encode("ascii") for comment in comments), rest))


def _obj(mesh: trimesh.Trimesh, row: ClassEntry, comments: Sequence[str]) -> Iterator[bytes]:
    """OBJ's lines, some thousands at a time: the library makes all at once, and other threads must run meanwhile."""
    color = " ".join(f"{part / 255:.6f}" for part in row.color)
    yield "".join(f"# {comment}\n" for comment in comments).encode("ascii")
    for values, line in ((mesh.vertices, f"v %.8g %.8g %.8g {color}\n"), (mesh.faces + 1, "f %d %d %d\n")):
        for start in range(0, len(values), _LINES):
            part = np.asarray(values[start : start + _LINES])
            yield (line * len(part) % tuple(part.ravel())).encode("ascii")
