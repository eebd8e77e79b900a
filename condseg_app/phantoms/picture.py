"""Tools of drawn scenes: flat shapes with smooth edges, a light, and frames that stand on the ground."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condseg_app.phantoms.shapes import Field, smooth_noise

Colour = NDArray[np.float32]  # (3,) or (H, W, 3), red, green, blue in 0 to 1

HEIGHT = 160.0  # of every picture, in the units that scenes are drawn in


@dataclass(frozen=True, eq=False)
class Light:
    """The hour and the weather.

    Attributes:
        zenith: the sky's colour overhead.
        haze: the sky's colour at the horizon, which far things take on.
        tint: factor of lit surfaces.
        side: direction of the light, -1 (from the left) to 1 (right).
        strength: of sunlight and shadows, 0 (overcast) to 1.
    """

    zenith: Colour
    haze: Colour
    tint: Colour
    side: float
    strength: float


class Picture:
    """A colour picture and its label map, painted from back to front.

    Attributes:
        x: (H, W), to the right; a unit is 1/160 of the height.
        y: (H, W), down.
        width: of the picture in the same unit.
        colors: (H, W, 3).
        labels: (H, W) uint8.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        columns, rows = size
        self._pixel = HEIGHT / rows
        self.width = columns * self._pixel
        self.y, self.x = (
            ((part + 0.5) * self._pixel).astype(np.float32) for part in np.mgrid[0:rows, 0:columns].astype(np.float64)
        )
        self.colors = np.zeros((rows, columns, 3), dtype=np.float32)
        self.labels = np.zeros((rows, columns), dtype=np.uint8)

    def noise(self, rng: np.random.Generator, across: float, down: float | None = None) -> Field:
        """Smooth noise of standard deviation 1 with bumps of that many units."""
        spacing = (self._pixel / (across if down is None else down), self._pixel / across)
        return smooth_noise(rng, self.y.shape, spacing, 1.0)

    def paint(self, distance: Field, color: ArrayLike, label: int | None = 0, soft: float = 0.0) -> None:
        """Lay a shape (signed distance, negative inside) over the picture.

        Args:
            distance: in units.
            color: (3,) or (H, W, 3).
            label: value of the inside in the label map; None leaves the labels unchanged.
            soft: width of the edge, at least a pixel.
        """
        self.blend(np.clip(0.5 - distance / max(soft, self._pixel), 0, 1), color)
        if label is not None:
            self.labels[distance < 0] = label

    def blend(self, share: Field, color: ArrayLike) -> None:
        """Mix a colour in, (H, W) of 0 to 1."""
        self.colors += share[..., None] * (np.asarray(color, dtype=np.float32) - self.colors)


@dataclass(frozen=True, eq=False)
class Frame:
    """A place where a thing stands: metres to the right of and above the thing's foot.

    Attributes:
        picture: painted on.
        light: shines on it.
        at: x of its middle and y of its foot, in the picture.
        scale: units per metre.
        label: of the thing; 0 for things without a class.
        flip: -1 for the mirror image.
    """

    picture: Picture
    light: Light
    at: tuple[float, float]
    scale: float
    label: int = 0
    flip: int = 1

    @cached_property
    def x(self) -> Field:
        """Metres to the right (to the left where mirrored)."""
        metres: Field = (self.picture.x - np.float32(self.at[0])) * np.float32(self.flip / self.scale)
        return metres

    @cached_property
    def y(self) -> Field:
        """Metres above the foot."""
        metres: Field = (np.float32(self.at[1]) - self.picture.y) / np.float32(self.scale)
        return metres

    @property
    def sunny(self) -> float:
        """From which side the light comes in this frame, and how strongly."""
        return self.light.side * self.light.strength * self.flip

    def disc(self, center: Sequence[float], radii: Sequence[float]) -> Field:
        """An ellipse."""
        u, v = (self.x - center[0]) / radii[0], (self.y - center[1]) / radii[1]
        level = np.sqrt(u * u + v * v)
        slope = np.sqrt((u / radii[0]) ** 2 + (v / radii[1]) ** 2) + 1e-6
        distance: Field = self.scale * level * (level - 1) / slope
        return distance

    def box(self, low: Sequence[float], high: Sequence[float], corner: float = 0.0) -> Field:
        """An upright rectangle between two corners, with rounded corners."""
        dx = np.abs(self.x - (low[0] + high[0]) / 2) - (high[0] - low[0]) / 2 + corner
        dy = np.abs(self.y - (low[1] + high[1]) / 2) - (high[1] - low[1]) / 2 + corner
        outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
        distance: Field = self.scale * (outside + np.minimum(np.maximum(dx, dy), 0) - corner)
        return distance

    def polygon(self, corners: Sequence[Sequence[float]]) -> Field:
        """A convex polygon, corners in either order."""
        points = np.asarray(corners, dtype=np.float64)
        edges = np.roll(points, -1, axis=0) - points
        turn = np.sign(np.sum(points[:, 0] * np.roll(points[:, 1], -1) - points[:, 1] * np.roll(points[:, 0], -1)))
        sides = []
        for (px, py), (ex, ey) in zip(points, edges, strict=True):
            sides.append(turn * ((self.x - px) * ey - (self.y - py) * ex) / np.hypot(ex, ey))
        distance: Field = np.float32(self.scale) * np.maximum.reduce(sides).astype(np.float32)
        return distance

    def line(self, start: Sequence[float], end: Sequence[float], width: float) -> Field:
        """A stroke with round ends."""
        ex, ey = end[0] - start[0], end[1] - start[1]
        dx, dy = self.x - start[0], self.y - start[1]
        t = np.clip((dx * ex + dy * ey) / max(ex * ex + ey * ey, 1e-9), 0, 1)
        distance: Field = self.scale * (np.hypot(dx - t * ex, dy - t * ey) - width / 2)
        return distance

    def paint(self, distance: Field, color: ArrayLike, light: float | Field = 1.0) -> None:
        """Paint a part of the thing, lit (`light` times its colour) and hazy with distance."""
        lit = np.asarray(color, dtype=np.float32) * self.light.tint * np.asarray(light, dtype=np.float32)[..., None]
        haze = np.float32(0.42 * np.exp(-self.scale / 5.0))
        self.picture.paint(distance, np.clip(lit + haze * (self.light.haze - lit), 0, 1), self.label)

    def rounded(self, center: Sequence[float], radii: Sequence[float], depth: float = 0.35) -> Field:
        """Light on something round: brighter above and towards the sun."""
        u, v = (self.x - center[0]) / radii[0], (self.y - center[1]) / radii[1]
        light: Field = 1 + depth * np.clip(0.75 * v + 0.8 * self.sunny * u, -1.1, 0.9)
        return light


def join(*distances: Field) -> Field:
    """The union of shapes."""
    joined: Field = np.minimum.reduce(distances)
    return joined


def meet(*distances: Field) -> Field:
    """Intersection of shapes."""
    met: Field = np.maximum.reduce(distances)
    return met


def vary(rng: np.random.Generator, color: Sequence[float], amount: float = 0.06) -> Colour:
    """A colour near a given colour: lighter or darker, and a little of another hue."""
    varied = np.asarray(color) * (1 + rng.normal(0, amount)) + rng.normal(0, amount / 2, 3)
    return np.clip(varied, 0.02, 1).astype(np.float32)


def pick(rng: np.random.Generator, colors: Sequence[Sequence[float]], amount: float = 0.06) -> Colour:
    """A random colour of some, varied."""
    return vary(rng, colors[int(rng.integers(len(colors)))], amount)
