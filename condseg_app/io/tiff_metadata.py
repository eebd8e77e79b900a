"""What a TIFF says beside its pixels: OME-XML (https://docs.openmicroscopy.org/ome-model) and ImageJ's description.

OME-TIFF knows a size a voxel axis. Where the grid lies, and how it is turned, is kept in a map annotation of our own.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from condseg_app.data import Geometry, Shape
from condseg_app.errors import GeometryError
from condseg_app.io.ome_metadata import OWN_ATTRIBUTE, SPACE, Axis, Dataset, Multiscale, Transform, grid_of

_OTHER_FILES = re.compile(r"<(?:\w+:)?BinaryOnly")
_PLANES = ("SizeZ", "SizeC", "SizeT")


@dataclass(frozen=True)
class TiffMetadata:
    """What is known of one of a file's images.

    Attributes:
        sizes: x, y, z -> size of a voxel and its unit.
        channels: their names, where they have some.
        attributes: what we wrote ourselves.
    """

    sizes: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


def ome_images(xml: str, file_name: str, pages: int) -> tuple[list[TiffMetadata], str]:
    """The images that an OME-XML describes, and why they cannot be taken from this file alone; '' where they can."""
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


def imagej_image(described: Mapping[str, Any], resolution: tuple[float, float] | None) -> TiffMetadata:
    """What ImageJ says: one unit for all axes, pixels a unit as the resolution, the slices' spacing."""
    unit = str(described.get("unit", "")).replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    if not unit or unit.lower() in ("pixel", "pixels") or resolution is None or min(resolution) <= 0:
        return TiffMetadata()
    sizes = {"x": (1 / resolution[0], unit), "y": (1 / resolution[1], unit)}
    spacing = described.get("spacing")
    if isinstance(spacing, int | float) and spacing > 0:
        sizes["z"] = (float(spacing), unit)
    return TiffMetadata(sizes)


def grid_in(metadata: TiffMetadata, shape: Shape) -> tuple[Geometry, tuple[str, ...]]:
    """The grid of (I, J, K) = (x, y, z), and what was odd about it.

    Raises:
        GeometryError: it cannot be used.
    """
    sizes = metadata.sizes
    if not {"x", "y"} <= set(sizes):
        flat = Geometry.of_picture(shape[0], shape[1])
        unknown = ("the size of its voxels is not stated; pixels are taken",) if shape[2] > 1 else ()
        return Geometry(shape, flat.affine, "pixel"), unknown
    names = [name for name in SPACE if name in sizes]
    odd: tuple[str, ...] = ()
    if shape[2] > 1 and "z" not in sizes:
        names, sizes = [*SPACE], {**sizes, "z": sizes["x"]}
        odd = ("the distance of its slices is not stated; the width of a pixel is taken",)
    if not all(math.isfinite(sizes[name][0]) for name in names):
        raise GeometryError("states a voxel size that is no number; save it again")
    transform = Transform(type="scale", scale=[sizes[name][0] for name in names])
    datasets = [Dataset(path="0", coordinateTransformations=[transform])]
    axes = [Axis(name=name, unit=sizes[name][1]) for name in names]
    geometry, notes = grid_of(Multiscale(axes=axes, datasets=datasets), metadata.attributes, shape)
    return geometry, (*notes, *odd)


def ome_description(geometry: Geometry, channels: tuple[str, ...]) -> dict[str, Any]:
    """What tifffile is to write into the OME-XML."""
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
        if size is not None and float(size) > 0:
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
