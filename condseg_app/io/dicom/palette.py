"""Palettes of DICOM pixels: colours by number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from condseg_app.io.dicom.values import DAMAGE, Oddities

TAGS = tuple(
    f"{part}{color}PaletteColorLookupTable{what}"
    for part, whats in (("", ("Descriptor", "Data")), ("Segmented", ("Data",)))
    for color in ("Red", "Green", "Blue")
    for what in whats
)
"""The elements of a palette."""

_MOST = 255  # of a colour's part


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours of consecutive numbers.

    Attributes:
        first: number of the first colour; lower numbers have this colour, too.
        colors: red, green and blue of each number (n, 3); numbers above have the last colour.
    """

    first: int
    colors: NDArray[np.uint8]

    def of(self, numbers: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Colours (..., 3) of numbers (...)."""
        places = np.clip(numbers.astype(np.int64) - self.first, 0, len(self.colors) - 1)
        return self.colors[places]


def palette_of(data: Dataset, odd: Oddities) -> Palette | None:
    """The palette of a header; None where it is missing or damaged, which `odd` is told."""
    try:
        count, first = (int(number) for number in data.RedPaletteColorLookupTableDescriptor[:2])
        numbers = np.arange(first, first + (count or 1 << 16), dtype=np.int32)
        colors = apply_color_lut(numbers, data)[..., :3]
    except DAMAGE:
        odd.append("its palette is missing or damaged; the numbers of its colours are taken as grey")
        return None
    wide = colors.max(initial=0) > _MOST  # entries of 16 bits may hold 8, in either half
    return Palette(first, (colors >> 8 if wide else colors).astype(np.uint8))
