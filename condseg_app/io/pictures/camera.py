"""How a camera was held: pixels turned upright as other programs show them, and back to the stored order.

EXIF and TIFF number eight ways (tag 274): 1 is upright, 2 to 4 are mirrored or upside down, 5 to 8 lie on a side.
"""

import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL.Image
from numpy.typing import NDArray

_Pixel = TypeVar("_Pixel", bound=np.generic)

UPRIGHT = 1
TAG = 0x0112
_FORMATS = ("PNG", "JPEG", "TIFF")
# Whether rows and columns are swapped, then whether rows, then whether columns run the other way.
_TURNS: Mapping[int, tuple[bool, bool, bool]] = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def known(orientation: object) -> int:
    """A stated orientation as a number from 1 to 8; 1 for anything else."""
    return orientation if isinstance(orientation, int) and orientation in _TURNS else UPRIGHT


def lies_on_a_side(orientation: int) -> bool:
    """Whether rows of the stored picture are columns of the upright picture."""
    return _TURNS[orientation][0]


def upright(pixels: NDArray[_Pixel], orientation: int) -> NDArray[_Pixel]:
    """Stored pixels (..., rows, columns) turned upright; a view."""
    swapped, rows, columns = _TURNS[orientation]
    turned = pixels.swapaxes(-1, -2) if swapped else pixels
    return turned[..., :: -1 if rows else 1, :: -1 if columns else 1]


def as_stored(pixels: NDArray[_Pixel], orientation: int) -> NDArray[_Pixel]:
    """Upright pixels (..., rows, columns) in stored order; a view."""
    swapped, rows, columns = _TURNS[orientation]
    turned = pixels[..., :: -1 if rows else 1, :: -1 if columns else 1]
    return turned.swapaxes(-1, -2) if swapped else turned


def told(orientation: int) -> tuple[str, ...]:
    """A sentence on a picture that was turned."""
    if orientation == UPRIGHT:
        return ()
    return (f"it says how the camera was held (orientation {orientation}); it is turned upright, and so are its masks",)


def stated_in(picture: PIL.Image.Image) -> int:
    """The orientation that a picture's EXIF states; 1 if none is stated or EXIF is damaged, which harms no pixel."""
    try:
        return known(picture.getexif().get(TAG))
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error):
        return UPRIGHT


def orientation_of(path: Path | None) -> int:
    """A picture file's orientation; 1 for other files and where none is stated."""
    if path is None or not path.is_file():
        return UPRIGHT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's are for programmers
            with PIL.Image.open(path, formats=_FORMATS) as picture:
                return stated_in(picture)
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError):
        return UPRIGHT
