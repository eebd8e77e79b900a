"""A drawn street or landscape in colour: houses, trees, cars, people, balloons and the sun.

Sizes follow from a camera (a thing twice as far is half as large), near things hide far things, and bushes,
lamps, post boxes, hills and clouds share the colours of the classes. Nothing is taken from a photograph.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from condseg_app.data import ClassTable, Geometry, Image, LabelMap
from condseg_app.phantoms.picture import HEIGHT, Colour, Frame, Light, Picture, pick, vary
from condseg_app.phantoms.shapes import Field
from condseg_app.phantoms.things import DRAW, WIDTHS, draw_balloon

SCENE_CLASSES = ("house", "tree", "car", "person", "balloon", "sun")
_LABELS = {name: value for value, name in enumerate(SCENE_CLASSES, start=1)}

# Zenith, horizon, light on things, strength of sunlight.
_HOURS: tuple[tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], float], ...] = (
    ((0.25, 0.5, 0.86), (0.74, 0.86, 0.95), (1.0, 0.99, 0.95), 0.9),
    ((0.36, 0.6, 0.88), (0.86, 0.92, 0.95), (1.02, 1.0, 0.96), 0.8),
    ((0.32, 0.42, 0.68), (0.98, 0.78, 0.55), (1.02, 0.86, 0.7), 0.8),
    ((0.3, 0.27, 0.5), (0.95, 0.55, 0.42), (0.85, 0.68, 0.66), 0.6),
    ((0.6, 0.65, 0.71), (0.82, 0.84, 0.86), (0.88, 0.9, 0.92), 0.2),
)
_HOUR_SHARES = (0.3, 0.25, 0.2, 0.1, 0.15)


@dataclass(frozen=True, eq=False)
class _Ground:
    """The camera and the lie of the land: `horizon` and the road's edges are y in the picture."""

    horizon: float
    camera: float
    road: tuple[float, float]

    def scale(self, foot: float) -> float:
        """Units per metre for something that stands at y = foot."""
        return (foot - self.horizon) / self.camera


def make_scene(rng: np.random.Generator, size: tuple[int, int] = (192, 160)) -> tuple[Image, LabelMap]:
    """Draw a picture and its label map.

    Args:
        rng: source of all randomness; equal states give equal pictures.
        size: width and height in pixels.

    Returns:
        A uint8 image in red, green, blue, (3, I, J, 1), and the uint8 label map of `SCENE_CLASSES`.
    """
    picture = Picture(size)
    light = _draw_light(rng)
    horizon = float(rng.uniform(70, 92))
    near = float(rng.uniform(horizon + 42, 142))
    ground = _Ground(horizon, float(rng.uniform(2.3, 3.4)), (horizon + 0.62 * (near - horizon), near))
    _paint_sky(picture, light, ground, rng)
    _paint_hills(picture, light, ground, rng)
    _paint_ground(picture, light, ground, rng)
    places = _place(picture, ground, rng)
    for name, x, foot in places:
        _paint_shadow(picture, light, (x, foot), WIDTHS[name] * ground.scale(foot))
    for name, x, foot in places:
        flip = int(rng.choice((-1, 1)))
        DRAW[name](Frame(picture, light, (x, foot), ground.scale(foot), _LABELS.get(name, 0), flip), rng)
    return _finish(picture, rng)


def _draw_light(rng: np.random.Generator) -> Light:
    zenith, haze, tint, strength = _HOURS[int(rng.choice(len(_HOURS), p=_HOUR_SHARES))]
    side = float(rng.choice((-1, 1)) * rng.uniform(0.35, 1))
    return Light(vary(rng, zenith), vary(rng, haze, 0.03), np.asarray(tint, dtype=np.float32), side, strength)


def _paint_sky(picture: Picture, light: Light, ground: _Ground, rng: np.random.Generator) -> None:
    down = np.clip(picture.y / ground.horizon, 0, 1)[..., None] ** 1.2
    picture.colors[:] = light.zenith + down * (light.haze - light.zenith)
    clouds = picture.noise(rng, 34, 11) + 0.5 * picture.noise(rng, 13, 6) + 0.25 * picture.noise(rng, 5, 3)
    share = np.clip((clouds - rng.uniform(0.1, 1.6)) * 0.9, 0, 1).astype(np.float32)
    white = np.clip(0.35 * light.haze + 0.65 * light.tint, 0, 1)
    lit = 1 - 0.18 * np.clip(clouds / 3, 0, 1)[..., None]
    if rng.random() < 0.45 + 0.5 * light.strength:
        _paint_sun(picture, light, ground, rng)
    picture.blend(0.92 * share, white * lit)
    picture.labels[share > 0.55] = 0
    for _ in range(int(rng.choice(4, p=(0.2, 0.45, 0.25, 0.1)))):
        at = (float(rng.uniform(0.05, 0.95) * picture.width), float(rng.uniform(34, ground.horizon - 4)))
        draw_balloon(Frame(picture, light, at, float(rng.uniform(0.75, 2.1)), _LABELS["balloon"]), rng)
    _paint_birds(picture, rng)


def _paint_sun(picture: Picture, light: Light, ground: _Ground, rng: np.random.Generator) -> None:
    x = picture.width * (0.5 + 0.42 * light.side * rng.uniform(0.5, 1))
    y = rng.uniform(14, ground.horizon - 12)
    radius = rng.uniform(6, 11)
    low = y / ground.horizon
    disc: Field = (np.hypot(picture.x - x, picture.y - y) - radius).astype(np.float32)
    color = np.array([1.0, 0.97 - 0.22 * low, 0.8 - 0.45 * low], dtype=np.float32)
    glow = np.exp(-np.maximum(disc, 0) / 14).astype(np.float32)
    picture.blend(0.62 * glow, color)
    rim = np.clip(-disc / radius, 0, 1)[..., None]
    picture.paint(disc, np.clip(color + 0.35 * rim * (1 - color), 0, 1), _LABELS["sun"])


def _paint_birds(picture: Picture, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(0, 5))):
        x, y, span = rng.uniform(0, picture.width), rng.uniform(8, 60), rng.uniform(2, 4.5)
        wing = np.abs(picture.x - x)
        bow = np.abs(picture.y - y + 0.55 * wing * (1 - wing / (1.6 * span))) - 0.45
        picture.paint(np.maximum(bow, wing - span).astype(np.float32), (0.2, 0.2, 0.24), None)


def _paint_hills(picture: Picture, light: Light, ground: _Ground, rng: np.random.Generator) -> None:
    near = pick(rng, ((0.25, 0.42, 0.22), (0.36, 0.42, 0.24), (0.22, 0.36, 0.3)))
    count = int(rng.integers(1, 4))
    for layer in range(count):
        share = (layer + 1) / (count + 1)
        bumps = picture.noise(rng, 60)[:1] * 7 + picture.noise(rng, 17)[:1] * 2
        ridge = ground.horizon - 18 * (1 - share) + bumps * (1.15 - share)
        color = light.haze + (0.25 + 0.5 * share) * (near * light.tint - light.haze)
        picture.paint((ridge - picture.y).astype(np.float32), color)
    if rng.random() < 0.6:  # a far wood, in the trees' colours
        tops = ground.horizon - 4 - 1.8 * np.abs(picture.noise(rng, 5)[:1]) - 2.5 * picture.noise(rng, 40)[:1]
        leaves = vary(rng, (0.17, 0.31, 0.17)) * light.tint * (1 + 0.12 * picture.noise(rng, 2.0))[..., None]
        picture.paint((tops - picture.y).astype(np.float32), 0.68 * leaves + 0.32 * light.haze)


def _paint_ground(picture: Picture, light: Light, ground: _Ground, rng: np.random.Generator) -> None:
    grass = pick(rng, ((0.36, 0.52, 0.2), (0.45, 0.55, 0.25), (0.6, 0.55, 0.3), (0.3, 0.45, 0.22)))
    depth = np.clip((picture.y - ground.horizon) / (HEIGHT - ground.horizon), 0, 1)
    blades = 0.05 * picture.noise(rng, 2.2, 1.6) * (0.4 + depth) + 0.06 * picture.noise(rng, 40, 7)
    color = grass * light.tint * (0.9 + 0.12 * depth + blades)[..., None]
    haze = (0.45 * np.exp(-7 * depth))[..., None]
    picture.paint((ground.horizon - picture.y).astype(np.float32), color + haze * (light.haze - color))
    top, bottom = ground.road
    grey = vary(rng, (0.42, 0.42, 0.43)) * light.tint * (1 + 0.04 * picture.noise(rng, 1.8))[..., None]
    kerb = vary(rng, (0.7, 0.68, 0.64)) * light.tint
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    band = np.abs(picture.y - middle) - half
    picture.paint((band - 2.2).astype(np.float32), kerb * (1 + 0.03 * picture.noise(rng, 2.0))[..., None])
    picture.paint(band.astype(np.float32), grey)
    dash = np.abs(np.mod(picture.x + rng.uniform(0, 30), 26) - 13) - 7
    picture.paint(np.maximum(np.abs(picture.y - middle) - 0.7, dash).astype(np.float32), 0.9 * light.tint)


def _place(picture: Picture, ground: _Ground, rng: np.random.Generator) -> list[tuple[str, float, float]]:
    """Names, x and foot of everything on the ground, the farthest first."""
    horizon, (top, bottom) = ground.horizon, ground.road
    rows = (
        ("house", rng.choice(4, p=(0.15, 0.35, 0.35, 0.15)), horizon + 10, top - 6),
        ("tree", rng.integers(1, 6), horizon + 7, top - 3),
        ("car", rng.choice(4, p=(0.2, 0.4, 0.3, 0.1)), top + 4, bottom - 1),
        ("person", rng.integers(0, 5), top - 6, 156),
        ("bush", rng.integers(0, 5), horizon + 8, 158),
        ("lamp", rng.integers(0, 3), top - 4, top - 2),
        ("post box", rng.integers(0, 2), top - 6, top - 2),
        ("sign", rng.integers(0, 2), bottom + 3, bottom + 8),
        ("rock", rng.integers(0, 3), bottom + 4, 158),
    )
    things: list[tuple[str, float, float]] = []
    for name, count, far, near in rows:
        for _ in range(int(count)):
            for _attempt in range(12):
                place = (name, float(rng.uniform(-2, picture.width + 2)), float(rng.uniform(far, near)))
                if not any(_crowded(place, other, ground) for other in things):
                    things.append(place)
                    break
    return sorted(things, key=lambda thing: thing[2])


def _crowded(one: tuple[str, float, float], other: tuple[str, float, float], ground: _Ground) -> bool:
    """Whether two things stand in each other: like beside like, at about the same distance."""
    if one[0] != other[0] and abs(one[2] - other[2]) > 5:
        return False
    wide = (WIDTHS[one[0]] * ground.scale(one[2]) + WIDTHS[other[0]] * ground.scale(other[2])) / 2
    return abs(one[1] - other[1]) < (0.8 if one[0] == other[0] else 0.6) * wide


def _paint_shadow(picture: Picture, light: Light, at: tuple[float, float], wide: float) -> None:
    reach = 0.3 * light.side * light.strength * wide
    u = (picture.x - at[0] + reach) / (0.56 * wide + abs(reach))
    v = (picture.y - at[1]) / (0.09 * wide + 0.8)
    share = (0.2 + 0.4 * light.strength) * np.clip(1.45 - np.hypot(u, v) * 1.1, 0, 1)
    dark: Colour = picture.colors * np.array([0.42, 0.45, 0.55], dtype=np.float32)
    picture.blend(share.astype(np.float32), dark)


def _finish(picture: Picture, rng: np.random.Generator) -> tuple[Image, LabelMap]:
    """A picture as photographed: a little blur, vignette, exposure and noise."""
    off = np.hypot(picture.x / picture.width - 0.5, picture.y / HEIGHT - 0.5)
    colors = ndimage.gaussian_filter(picture.colors, (0.35, 0.35, 0)) * (1.04 - 0.25 * off**2)[..., None]
    colors = np.clip(colors, 0, 1) ** rng.uniform(0.88, 1.15) * rng.uniform(0.9, 1.05)
    grain = ndimage.gaussian_filter(rng.standard_normal(colors.shape), (0.4, 0.4, 0))
    colors = colors + rng.uniform(0.006, 0.024) / grain.std() * grain
    pixels = np.clip(np.rint(255 * colors), 0, 255).astype(np.uint8)
    rows, columns = picture.labels.shape
    geometry = Geometry.of_picture(columns, rows)
    array = np.ascontiguousarray(pixels.transpose(2, 1, 0)[..., None])
    image = Image(array, geometry, name="phantom", channels=("red", "green", "blue"))
    labels = np.ascontiguousarray(picture.labels.T[..., None])
    return image, LabelMap(labels, geometry, ClassTable.from_names(SCENE_CLASSES))
