"""Metadata of a TIFF: OME-XML (https://docs.openmicroscopy.org/ome-model) and ImageJ's description.

OME-TIFF has a size per voxel axis. The grid's position and orientation are kept in a map annotation of our own.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from condseg_app.data import Geometry, Shape, common_unit, millimetres
from condseg_app.io.ome_zarr.metadata import OWN_ATTRIBUTE, SPACE, Axis, Dataset, Multiscale, Transform, grid_of

_OTHER_FILES = re.compile(r"<(?:\w+:)?BinaryOnly")
_MICROMETRES = {"cm": 10_000.0, "inch": 25_400.0}
# Micrometres per pixel: coarser resolutions are for paper, as the 72 dots per inch of photos.
_PRINTED = 50.0
_ROUNDED = 0.01
_PLANES = ("SizeZ", "SizeC", "SizeT")


@dataclass(frozen=True)
class TiffMetadata:
    """Metadata of an image in a file.

    Attributes:
        sizes: x, y, z -> size of a voxel and unit.
        channels: names of channels, if any.
        attributes: condseg's own.
        warnings: a sentence each.
    """

    sizes: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def ome_images(xml: str, file_name: str, pages: int) -> tuple[list[TiffMetadata], str]:
    """The images that an OME-XML describes, and a note on why the OME-XML is not followed, else ''."""
    if "<!" in re.sub(r"<!--.*?-->|<!\[CDATA\[", "", xml, flags=re.DOTALL):
        return [], "its OME-XML declares entities, and is not followed"
    try:
        root = ElementTree.fromstring(xml.encode("utf-8"))
        found = [(image, pixels) for image in _children(root, "Image") for pixels in _children(image, "Pixels")]
        planes = [tuple(int(pixels.get(size, "1")) for size in _PLANES) for _, pixels in found]
        counts = [int(data.get("PlaneCount", data.get("NumPlanes", "1"))) for data in root.iter(_tag(root, "TiffData"))]
        others = {uuid.get("FileName", file_name) for uuid in root.iter(_tag(root, "UUID"))} - {file_name}
        images = [_image(root, image, pixels) for image, pixels in found]
    except (ElementTree.ParseError, ValueError, LookupError, TypeError) as error:
        return [], f"its OME-XML is damaged ({str(error)[:80]}), and is not followed"
    wanted = sum(z * c * t for z, c, t in planes)
    if _OTHER_FILES.search(xml) or (others and wanted > pages) or len(others) > 1:
        return [], "it is one plane of a larger OME-TIFF image, whose other planes are not opened"
    if max(counts, default=0) > pages or min((n for p in planes for n in p), default=0) < 1:
        return [], "its OME-XML claims other planes than are there, and is not followed"
    return images, ""


@dataclass(frozen=True)
class Resolution:
    """Size of a pixel by a page's tags.

    Attributes:
        steps: width and height of a pixel in `unit`; None if not positive.
        unit: 'cm' or 'inch'; empty if not stated.
    """

    steps: tuple[float, float] | None
    unit: str

    @property
    def metadata(self) -> TiffMetadata:
        """The size of a pixel if in centimetres, as of microscopes; inches are for printing."""
        widths = self._micrometres
        if widths is None or self.unit != "cm":
            return TiffMetadata()
        return TiffMetadata({name: (size, "µm") for name, size in zip("xy", widths, strict=True)})

    def conflict(self, taken: TiffMetadata) -> tuple[str, ...]:
        """A sentence where the taken sizes differ."""
        widths = self._micrometres
        if not {"x", "y"} <= set(taken.sizes) or widths is None:
            return ()
        size, unit = taken.sizes["x"]
        known = common_unit([unit], "pixel")
        stated = abs(size) * known.factors[0] * 1000 * millimetres(known.unit)
        if known.unit == "pixel" or abs(stated - widths[0]) <= _ROUNDED * widths[0]:
            return ()
        both = f"{stated:.4g} µm wide by its description, {widths[0]:.4g} µm by its resolution"
        return (f"its pixels are {both}; the former is taken",)

    @property
    def _micrometres(self) -> tuple[float, float] | None:
        """Width and height of a pixel; None if not stated, or for paper."""
        if self.steps is None or self.unit not in _MICROMETRES:
            return None
        width, height = (step * _MICROMETRES[self.unit] for step in self.steps)
        return (width, height) if max(width, height) <= _PRINTED else None


def resolution_of(page: Any) -> Resolution:
    """The resolution in a page's tags."""
    unit = page.tags.get("ResolutionUnit")
    code = int(unit.value) if unit is not None and isinstance(unit.value, int) else 2
    steps = []
    for name in ("XResolution", "YResolution"):
        tag = page.tags.get(name)
        pair = tag.value if tag is not None and isinstance(tag.value, tuple) and len(tag.value) == 2 else (0, 1)
        steps.append(pair[1] / pair[0] if pair[0] > 0 and pair[1] > 0 else 0.0)
    stated = "" if page.tags.get("XResolution") is None else {2: "inch", 3: "cm"}.get(code, "")
    return Resolution((steps[0], steps[1]) if min(steps) > 0 else None, stated)


def imagej_image(described: Mapping[str, Any], resolution: Resolution) -> TiffMetadata:
    """ImageJ's metadata: pixels per unit as the resolution, the slices' spacing, and a unit for all axes or each."""
    unit = str(described.get("unit", ""))
    if not unit or common_unit([unit], "pixel") == common_unit(["pixel"], "pixel"):
        return TiffMetadata()
    if resolution.steps is None:
        return TiffMetadata(warnings=("its resolution is no number above 0; pixels are taken",))
    units = [str(described.get(key) or unit) for key in ("unit", "yunit", "zunit")]
    sizes = {name: (step, own) for name, step, own in zip("xy", resolution.steps, units, strict=False)}
    spacing = described.get("spacing")
    if isinstance(spacing, int | float) and spacing != 0:
        sizes["z"] = (float(spacing), units[2])
    return TiffMetadata(sizes)


def grid_in(metadata: TiffMetadata, shape: Shape) -> tuple[Geometry, tuple[str, ...]]:
    """The grid of (I, J, K) = (x, y, z), with notes.

    Raises:
        GeometryError: the grid cannot be used.
    """
    sizes, odd = _sound(metadata)
    if not {"x", "y"} <= set(sizes):
        flat = Geometry.of_picture(shape[0], shape[1])
        unknown = ("the size of its voxels is not stated; pixels are taken",) if shape[2] > 1 and not odd else ()
        return Geometry(shape, flat.affine, "pixel"), (*odd, *unknown)
    names = [name for name in SPACE if name in sizes]
    if shape[2] > 1 and "z" not in sizes:
        names, sizes = [*SPACE], {**sizes, "z": sizes["x"]}
        odd += ("the distance of its slices is not stated; the width of a pixel is taken",)
    transform = Transform(type="scale", scale=[sizes[name][0] for name in names])
    datasets = [Dataset(path="0", coordinateTransformations=[transform])]
    axes = [Axis(name=name, unit=sizes[name][1]) for name in names]
    geometry, notes = grid_of(Multiscale(axes=axes, datasets=datasets), metadata.attributes, shape)
    return geometry, (*notes, *odd)


def _sound(metadata: TiffMetadata) -> tuple[dict[str, tuple[float, str]], tuple[str, ...]]:
    """The usable sizes without signs, with notes."""
    found, notes = {}, metadata.warnings
    for name, (size, unit) in metadata.sizes.items():
        if not math.isfinite(size) or size == 0:
            notes += (f"its size along {name} is {size:g}, which cannot be; it is passed over",)
            continue
        if size < 0:
            notes += (f"its size along {name} is {size:g} {unit}; it is taken without its sign",)
        found[name] = (abs(size), unit)
    return found, notes


def ome_description(geometry: Geometry, channels: tuple[str, ...]) -> dict[str, Any]:
    """Metadata that tifffile writes into the OME-XML."""
    described: dict[str, Any] = {}
    unit = {"mm": "mm", "µm": "µm", "pixel": "pixel"}[geometry.unit]
    for name, size in zip("XYZ", geometry.spacing, strict=True):
        described[f"PhysicalSize{name}"], described[f"PhysicalSize{name}Unit"] = size, unit
    if len(channels) > 1:
        described["Channel"] = {"Name": list(channels)}
    own = {"affine": json.dumps(geometry.affine.tolist()), "unit": geometry.unit}
    described["MapAnnotation"] = {"Namespace": OWN_ATTRIBUTE, "Value": own}
    return described


def _image(root: ElementTree.Element, image: ElementTree.Element, pixels: ElementTree.Element) -> TiffMetadata:
    sizes = {}
    for name in SPACE:
        size = pixels.get(f"PhysicalSize{name.upper()}")
        if size is not None:
            sizes[name] = (float(size), pixels.get(f"PhysicalSize{name.upper()}Unit", "µm"))
    names = tuple(channel.get("Name", "") for channel in _children(pixels, "Channel"))
    wanted = {reference.get("ID") for reference in _children(image, "AnnotationRef")}
    for annotation in root.iter(_tag(root, "MapAnnotation")):
        if annotation.get("Namespace") == OWN_ATTRIBUTE and annotation.get("ID") in wanted:
            pairs = {m.get("K"): m.text or "" for m in annotation.iter(_tag(root, "M"))}
            own = {"affine": json.loads(pairs["affine"]), "unit": pairs["unit"]}
            return TiffMetadata(sizes, names, {OWN_ATTRIBUTE: own})
    return TiffMetadata(sizes, names)


def _children(parent: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in parent if child.tag.rpartition("}")[2] == name]


def _tag(root: ElementTree.Element, name: str) -> str:
    """A name in the document's name space."""
    space, closing, _ = root.tag.rpartition("}")
    return f"{space}{closing}{name}"
