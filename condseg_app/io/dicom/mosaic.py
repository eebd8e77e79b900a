"""Mosaics: a volume's slices side by side in a picture, as Siemens and United Imaging store quick MR series."""

import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from condseg_app.io.dicom.header import DicomHeader
from condseg_app.io.dicom.values import DAMAGE, Oddities

# Creator, group and element of a number of slices.
_COUNTS = (("SIEMENS MR HEADER", 0x0019, 0x0A), ("Image Private Header", 0x0065, 0x50))
_MOST_SLICES = 4096
_WORDS = ("MOSAIC", "VFRAME")
_ONLY_A_PICTURE = (
    "it is a mosaic, the slices of a volume side by side in one picture, but how many is not stated; it is shown as "
    "that picture. Convert it with dcm2niix"
)


@dataclass(frozen=True)
class Tile:
    """The part of a frame that is a slice by itself.

    Attributes:
        column: first column in the frame.
        row: first row in the frame.
        frame_columns: columns of the whole frame.
        frame_rows: rows of the whole frame.
    """

    column: int
    row: int
    frame_columns: int
    frame_rows: int


@dataclass(frozen=True)
class Mosaic:
    """The cut of a picture into slices.

    Attributes:
        columns: of a slice.
        rows: of a slice.
        tiles: place of each slice in the picture, in the order of the slices.
        normal: direction from each slice to the next (3,) in LPS+; None if not stated.
    """

    columns: int
    rows: int
    tiles: tuple[Tile, ...]
    normal: tuple[float, ...] | None

    def position(
        self, corner: Sequence[float], orientation: Sequence[float], spacing: Sequence[float]
    ) -> NDArray[np.float64]:
        """Centre of the first slice's first pixel (3,).

        The header has the place of a picture as large as the mosaic with the slice in the middle.

        Args:
            corner: of such a picture (3,).
            orientation: direction along a row, then down a column (6,).
            spacing: distance between pixels along I and J.
        """
        whole = self.tiles[0]
        across = (whole.frame_columns - self.columns) / 2 * spacing[0]
        down = (whole.frame_rows - self.rows) / 2 * spacing[1]
        along_row, down_column = np.reshape(orientation, (2, 3))
        return np.asarray(corner + across * along_row + down * down_column, np.float64)


def mosaic_in(header: DicomHeader, columns: int, rows: int, odd: Oddities) -> Mosaic | None:
    """The cut of a file's picture into slices; None if the picture is no mosaic.

    Args:
        header: of the file.
        columns: of the picture.
        rows: of the picture.
        odd: takes a sentence on a mosaic that cannot be cut.
    """
    csa = _siemens_csa(header.data)
    count = _stated_count(header.data) or _whole(_of_csa(csa, "NumberOfImagesInMosaic"))
    side = math.ceil(math.sqrt(count))
    if count < 2 or columns % side or rows % side:
        if any(word in header.text("ImageType").upper() for word in _WORDS):
            odd.append(_ONLY_A_PICTURE)
        return None
    wide, high = columns // side, rows // side
    tiles = tuple(Tile(n % side * wide, n // side * high, columns, rows) for n in range(count))
    normal = _of_csa(csa, "SliceNormalVector")
    return Mosaic(wide, high, tiles, tuple(map(float, normal)) if len(normal) == 3 else None)


def _stated_count(data: Dataset) -> int:
    """The number of slices by a private element, 0 if missing."""
    for creator, group, element in _COUNTS:
        with suppress(KeyError):
            value = data.private_block(group, creator)[element].value
            return _whole([value] if isinstance(value, bytes | str) or not isinstance(value, Sequence) else list(value))
    return 0


def _siemens_csa(data: Dataset) -> Mapping[str, Any]:
    """Siemens' own header in an element of bytes; empty if missing or damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nibabel's is for programmers
        from nibabel.nicom.csareader import CSAReadError, get_csa_header
    try:
        tags: Mapping[str, Any] = (get_csa_header(data) or {}).get("tags", {})
    except (CSAReadError, UnboundLocalError, *DAMAGE):  # the reader meets all of these in damaged headers
        return {}
    return tags


def _of_csa(csa: Mapping[str, Any], name: str) -> list[Any]:
    return list(csa.get(name, {}).get("items", ()))


def _whole(values: Sequence[Any]) -> int:
    """The first value as a number of slices, 0 where invalid."""
    with suppress(IndexError, TypeError, ValueError, OverflowError):
        number = int.from_bytes(values[0][:2], "little") if isinstance(values[0], bytes) else int(values[0])
        return number if 0 < number <= _MOST_SLICES else 0
    return 0
