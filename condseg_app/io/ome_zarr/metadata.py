"""OME-Zarr metadata of an image: axes, position, channels (https://ngff.openmicroscopy.org, 0.4, 0.5).

OME-Zarr has a spacing and an offset for each axis, and by RFC 4 the anatomical direction of each. An affine with
rotation or shear is stored as well, under a name of our own, for readers that know the name.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from condseg_app.data import ClassId, ClassTable, Geometry, Shape, Unit, as_class_name, common_unit
from condseg_app.errors import GeometryError
from condseg_app.io.voxels.affines import are_sound, sound_sizes

VERSION = "0.5"
SPACE = ("x", "y", "z")
OWN_ATTRIBUTE = "condseg"
"""Under which name our own is kept."""
_RGB = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}

_OWN_UNITS: Mapping[Unit, str | None] = {"mm": "millimeter", "µm": "micrometer", "pixel": None}
# Towards the patient's right, front and head: the world's positive directions.
_DIRECTIONS: Mapping[str, tuple[int, float]] = {
    "left-to-right": (0, 1.0),
    "right-to-left": (0, -1.0),
    "posterior-to-anterior": (1, 1.0),
    "anterior-to-posterior": (1, -1.0),
    "inferior-to-superior": (2, 1.0),
    "superior-to-inferior": (2, -1.0),
}
_NO_UNITS = "its units of length are not known (none); pixels are taken"
_CHANGED = "its scale is not that of the affine CondSeg wrote into it, and was changed since; the scale is taken"
# As pictures lie (x to the right of the screen, y down), and ITK's volumes.
_UNSTATED = ("right-to-left", "anterior-to-posterior", "inferior-to-superior")


class Orientation(BaseModel):
    """Anatomical direction of an axis, by RFC 4."""

    type: str = "anatomical"
    value: str


class Axis(BaseModel):
    """A dimension of the array."""

    name: str
    type: str | None = None
    unit: str | None = None
    orientation: Orientation | None = None


class Transform(BaseModel):
    """A factor or an offset an axis."""

    type: str
    scale: list[FiniteFloat] | None = None
    translation: list[FiniteFloat] | None = None


class Dataset(BaseModel):
    """An array at a single resolution."""

    path: str
    transforms: list[Transform] = Field(default=[], alias="coordinateTransformations")


class Multiscale(BaseModel):
    """An image at several resolutions, the finest first."""

    axes: list[Axis] = Field(min_length=1)
    datasets: list[Dataset] = Field(min_length=1)
    transforms: list[Transform] = Field(default=[], alias="coordinateTransformations")

    @classmethod
    def plain(cls, axes: str) -> "Multiscale":
        """Description of an array of which only the axes are known."""
        return cls(axes=[Axis(name=axis) for axis in axes], datasets=[Dataset(path=".")])

    def is_sound(self) -> bool:
        """Whether axis names are distinct, and each transform has a number for each axis."""
        transforms = (*self.datasets[0].transforms, *self.transforms)
        sizes = {len(n) for t in transforms for n in (t.scale, t.translation) if n is not None}
        return len({axis.name for axis in self.axes}) == len(self.axes) and sizes <= {len(self.axes)}


class _Channel(BaseModel):
    label: str | None = None


class _Omero(BaseModel):
    channels: list[_Channel] = []


class _LabelColor(BaseModel):
    value: int = Field(alias="label-value", ge=0)
    rgba: tuple[int, int, int, int]


class _LabelProperties(BaseModel):
    value: int = Field(alias="label-value", ge=0)
    name: str | None = None
    class_id: ClassId | None = Field(alias="condseg-id", default=None)


class _ImageLabel(BaseModel):
    colors: list[_LabelColor] = []
    properties: list[_LabelProperties] = []


class _Exact(BaseModel):
    """The original grid, with an affine that OME-Zarr cannot hold."""

    affine: list[list[FiniteFloat]]
    unit: Unit


def names_of_channels(ome: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The channels' names; numbers where names are missing or not distinct."""
    try:
        labels = [channel.label for channel in _Omero.model_validate(ome.get("omero", {})).channels]
    except ValidationError:
        labels = []
    named = tuple(label.strip() for label in labels if label and label.strip())
    if len(named) == len(set(named)) == count:
        return named
    return ("intensity",) if count == 1 else tuple(f"channel {n + 1}" for n in range(count))


def classes_of(ome: Mapping[str, Any]) -> ClassTable | None:
    """The class table of a label image's own metadata; None without a table.

    Raises:
        ValidationError: damaged metadata.
        ClassTableError: an unusable table.
    """
    if "image-label" not in ome:
        return None
    label = _ImageLabel.model_validate(ome["image-label"])
    names = {row.value: as_class_name(row.name) for row in label.properties if row.name}
    ids = {row.value: row.class_id for row in label.properties if row.class_id}
    colors = {row.value: row.rgba[:3] for row in label.colors}
    table = ClassTable()
    for value in sorted({*names, *colors} - {0}):
        entry = table.propose(names.get(value, f"class {value}"), colors.get(value), value)
        table = table.adding(replace(entry, id=ids.get(value, entry.id)))
    return table


def ome_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """OME's attributes: in an attribute of their own (0.5), or at the top (0.4)."""
    inside = attributes.get("ome", attributes)
    return inside if isinstance(inside, dict) else {}


def grid_of(multiscale: Multiscale, attributes: Mapping[str, Any], shape: Shape) -> tuple[Geometry, tuple[str, ...]]:
    """The grid of (I, J, K) = (x, y, z), and warnings.

    Raises:
        GeometryError: an unusable grid.
    """
    axes = {axis.name.lower(): (n, axis) for n, axis in enumerate(multiscale.axes)}
    scale, offset = _placed(multiscale)
    along = [axes.get(name, (None, Axis(name=name))) for name in SPACE]
    there = [axis for n, axis in along if n is not None]
    units = common_unit([axis.unit for axis in there], "pixel")
    unit, factors = units.unit, {axis.name: factor for axis, factor in zip(there, units.factors, strict=True)}
    notes = units.warnings if any(axis.unit for axis in there) else (_NO_UNITS,)
    spacing = np.array([1.0 if n is None else scale[n] * factors.get(axis.name, 1.0) for n, axis in along])
    start = np.array([0.0 if n is None else offset[n] * factors.get(axis.name, 1.0) for n, axis in along])
    exact = _exact(attributes, shape)
    if exact is not None and np.allclose(exact.spacing, spacing, rtol=1e-4, atol=0):
        return exact, ()
    notes += (_CHANGED,) if exact is not None else ()
    if not are_sound(spacing.tolist(), shape):
        sizes, odd = sound_sizes(spacing.tolist(), shape)
        spacing, notes = np.where(spacing == 0, sizes, spacing), (*notes, *odd)
    directions, oddities = _directions([axis for _, axis in along], unit)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions * np.where(spacing == 0, 1.0, spacing), directions @ start
    return Geometry(shape, affine, unit), (*notes, *oddities)


def _placed(multiscale: Multiscale) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factor and offset of each axis: the finest array's transforms, then those of the whole."""
    scale, offset = np.ones(len(multiscale.axes)), np.zeros(len(multiscale.axes))
    for transform in (*multiscale.datasets[0].transforms, *multiscale.transforms):
        if transform.scale is not None:
            scale, offset = scale * transform.scale, offset * transform.scale
        elif transform.translation is not None:
            offset = offset + transform.translation
    return scale, offset


def _directions(axes: Sequence[Axis], unit: Unit) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The world's direction of each axis, in columns."""
    stated = [axis.orientation.value if axis.orientation else "" for axis in axes]
    known = all(value in _DIRECTIONS for value in stated)
    if not known or len({_DIRECTIONS[value][0] for value in stated}) < 3:
        notes = ("its orientation is not stated; left and right may be swapped",) if unit == "mm" else ()
        return _columns(_UNSTATED), notes
    return _columns(stated), ()


def _columns(values: Sequence[str]) -> NDArray[np.float64]:
    columns = np.zeros((3, 3))
    for column, value in enumerate(values):
        row, sign = _DIRECTIONS[value]
        columns[row, column] = sign
    return columns


def _exact(attributes: Mapping[str, Any], shape: Shape) -> Geometry | None:
    """The grid as CondSeg wrote it; None in other files, or if unusable."""
    try:
        kept = _Exact.model_validate(attributes.get(OWN_ATTRIBUTE))
        return Geometry(shape, np.array(kept.affine), kept.unit)
    except (ValidationError, GeometryError, ValueError):
        return None


# Writing


def attributes_of(
    geometry: Geometry, name: str, channels: Sequence[str] = (), more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The attributes of a group with a single array '0' of axes (c,) z, y, x."""
    leading = [{"name": "c", "type": "channel"}] if channels else []
    scale = [1.0] * len(leading) + list(reversed(geometry.spacing))
    offset = [0.0] * len(leading) + list(reversed(_along_axes(geometry)))
    transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": offset}]
    multiscale = {
        "name": name,
        "axes": [*leading, *reversed(_space_axes(geometry))],
        "datasets": [{"path": "0", "coordinateTransformations": transforms}],
    }
    ome = {"version": VERSION, "multiscales": [multiscale], **(more or {})}
    return {"ome": ome, OWN_ATTRIBUTE: {"affine": geometry.affine.tolist(), "unit": geometry.unit}}


def image_label(classes: ClassTable) -> dict[str, Any]:
    """The names and colours of label values."""
    if not len(classes):
        return {"image-label": {}}
    colors = [{"label-value": entry.value, "rgba": [*entry.color, 255]} for entry in classes]
    properties = [{"label-value": entry.value, "name": entry.name, "condseg-id": entry.id} for entry in classes]
    return {"image-label": {"colors": colors, "properties": properties}}


def omero(channels: Sequence[str], lowest: float, highest: float) -> dict[str, Any]:
    """How a viewer may show the channels: names, colours, and the window of intensities."""
    window = {"min": lowest, "start": lowest, "max": highest, "end": highest}
    rows = [{"label": c, "color": _RGB.get(c, "FFFFFF"), "active": True, "window": window} for c in channels]
    return {"omero": {"channels": rows}}


def _along_axes(geometry: Geometry) -> list[float]:
    """Position of the first voxel, measured along each axis of the grid."""
    directions = geometry.affine[:3, :3] / geometry.spacing
    return [float(x) for x in directions.T @ geometry.affine[:3, 3]]


def _space_axes(geometry: Geometry) -> list[dict[str, Any]]:
    """x, y and z; a patient's (in mm) with the anatomical direction that each follows most closely."""
    axes: list[dict[str, Any]] = []
    unit = _OWN_UNITS[geometry.unit]
    for column, (name, row) in enumerate(zip(SPACE, geometry.world_axes, strict=True)):
        axis: dict[str, Any] = {"name": name, "type": "space"}
        if unit is not None:
            axis["unit"] = unit
        if geometry.unit == "mm":
            direction = (row, math.copysign(1.0, geometry.affine[row, column]))
            value = next(value for value, found in _DIRECTIONS.items() if found == direction)
            axis["orientation"] = {"type": "anatomical", "value": value}
        axes.append(axis)
    return axes
