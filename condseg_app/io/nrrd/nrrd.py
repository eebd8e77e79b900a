"""NRRD volumes, 3D Slicer's segmentations included."""

from pathlib import Path

import numpy as np

from condseg_app.data import Image, Pick
from condseg_app.io.file_start import name_of
from condseg_app.io.nrrd.header import read_header
from condseg_app.io.pictures.reader import RGB
from condseg_app.io.voxels.file_voxels import voxels_of


def read_nrrd(path: Path, pick: Pick) -> Image:
    """Read a volume's header; voxels are read on demand.

    Space is LPS, LAS or RAS; other axes are channels (the first or last axis) or time (the last axis).

    Raises:
        ReadError: not a volume of numbers, or damaged.
        ChoiceNeeded: the file holds several points in time, and none was chosen.
        GeometryError: the axes cannot be used.
    """
    header = read_header(path, pick)
    layout = header.layout
    colours = layout.channels == len(RGB) and layout.dtype == np.uint8 and header.kind != "list"
    many = tuple(f"channel {n + 1}" for n in range(layout.channels))
    names = RGB if colours else ("intensity",) if layout.channels == 1 else many
    return Image(voxels_of(layout), header.geometry, name_of(path), names, source=path, warnings=header.warnings)
