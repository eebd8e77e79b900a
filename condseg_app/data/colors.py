"""Distinct colours for classes, also for colour-blind users."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

# Okabe and Ito's colour-blind safe palette (without black), then lighter and darker companions.
PALETTE: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (153, 221, 204),
    (255, 188, 121),
    (148, 103, 189),
    (162, 200, 236),
    (171, 171, 171),
    (140, 86, 75),
)

_NEAR = 9.0
"""Distance in CIELAB below which two colours count as equal."""
_STEPS = (60, 99, 138, 177, 216, 255)
_DARKEST, _LIGHTEST = 35.0, 92.0

# Severe deutan and protan vision, in linear light. Source: Machado, Oliveira, Fernandes, "A Physiologically-based Model
# for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, table 1.
_VISIONS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ]
)
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.0890])


def free_color(used: Iterable[Color]) -> Color:
    """A colour unlike all in use: the palette's next, then the colour furthest from all in use, then colours again."""
    colors = tuple(used)
    taken = tuple(dict.fromkeys(colors))
    if not taken:
        return PALETTE[0]
    palette = [color for color in PALETTE if color not in taken]
    if palette:
        unlike = _apart(palette, taken) > _NEAR
        if unlike.any():
            return palette[int(unlike.argmax())]
    free = [color for color in _candidates() if color not in taken]
    return free[int(_apart(free, taken).argmax())] if free else _candidates()[len(colors) % len(_candidates())]


def _apart(some: Sequence[Color], others: Sequence[Color]) -> NDArray[np.float64]:
    """Distance of each colour to the nearest of others: the least of normal, deutan and protan vision."""
    a, b = (np.stack([_seen(color) for color in colors], axis=1) for colors in (some, others))
    apart: NDArray[np.float64] = np.linalg.norm(a[:, :, None] - b[:, None], axis=3).min(axis=(0, 2))
    return apart


@lru_cache(maxsize=4096)
def _seen(color: Color) -> NDArray[np.float64]:
    """CIELAB (D65) of a colour in each kind of vision, (3, 3)."""
    srgb = np.array(color, np.float64) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(_VISIONS @ linear, 0, 1)
    x, y, z = np.moveaxis(_cubic(seen @ _XYZ.T / _WHITE), 1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def _cubic(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    curved: NDArray[np.float64] = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return curved


@lru_cache(maxsize=1)
def _candidates() -> tuple[Color, ...]:
    """Colours that can be seen on black and on white."""
    grid = [(red, green, blue) for red, green, blue in product(_STEPS, _STEPS, _STEPS)]
    return tuple(color for color in grid if _DARKEST <= _seen(color)[0, 0] <= _LIGHTEST)
