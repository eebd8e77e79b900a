"""The things that stand in drawn scenes, each in metres in its own frame."""

from collections.abc import Callable, Mapping

import numpy as np

from condseg_app.phantoms.picture import Colour, Frame, join, meet, pick, vary
from condseg_app.phantoms.shapes import Field

Draw = Callable[[Frame, np.random.Generator], None]

_WALLS = (
    (0.93, 0.9, 0.82),
    (0.86, 0.72, 0.52),
    (0.75, 0.42, 0.34),
    (0.72, 0.8, 0.86),
    (0.95, 0.83, 0.56),
    (0.8, 0.55, 0.5),
)
_ROOFS = ((0.55, 0.22, 0.17), (0.36, 0.33, 0.34), (0.45, 0.3, 0.22), (0.3, 0.36, 0.44))
_DOORS = ((0.35, 0.2, 0.12), (0.15, 0.3, 0.25), (0.2, 0.25, 0.5), (0.6, 0.15, 0.12))
_LEAVES = ((0.2, 0.42, 0.14), (0.3, 0.5, 0.16), (0.14, 0.34, 0.16), (0.42, 0.5, 0.16))
_AUTUMN = ((0.75, 0.42, 0.1), (0.7, 0.24, 0.12), (0.8, 0.62, 0.16))
_PAINT = (
    (0.75, 0.1, 0.1), (0.12, 0.25, 0.6), (0.9, 0.9, 0.9), (0.13, 0.13, 0.15),
    (0.55, 0.57, 0.6), (0.9, 0.72, 0.1), (0.15, 0.42, 0.25), (0.85, 0.42, 0.12),
)  # fmt: skip
_CLOTHES = (*_PAINT, (0.8, 0.45, 0.6), (0.4, 0.3, 0.55), (0.35, 0.6, 0.75))
_TROUSERS = ((0.15, 0.2, 0.38), (0.18, 0.17, 0.17), (0.5, 0.42, 0.3), (0.35, 0.36, 0.4))
_SKIN = ((0.95, 0.78, 0.66), (0.85, 0.63, 0.47), (0.62, 0.43, 0.3), (0.4, 0.26, 0.18))
_HAIR = ((0.12, 0.09, 0.07), (0.35, 0.22, 0.12), (0.8, 0.65, 0.35), (0.6, 0.6, 0.6), (0.55, 0.25, 0.1))


def draw_house(frame: Frame, rng: np.random.Generator) -> None:
    """A house: front with door and windows, a gable wall if seen from an angle, roof, chimney."""
    half, tall, rise = rng.uniform(3.4, 5.2), rng.uniform(2.8, 5.4), rng.uniform(1.8, 3.2)
    wall, roof = pick(rng, _WALLS), pick(rng, _ROOFS)
    bricks = 1 + 0.035 * frame.picture.noise(rng, 2.5, 1.2)
    front, side = (1.03, 0.68) if frame.sunny <= 0 else (0.8, 1.05)
    chimney = rng.uniform(-0.6, 0.5) * half
    frame.paint(frame.box((chimney - 0.35, tall), (chimney + 0.35, tall + rise + 0.7)), 0.8 * wall, side)
    deep, slant = rng.uniform(1.2, 2.8), 0.12
    gable = join(
        frame.polygon([(half, 0), (half + deep, slant), (half + deep, tall), (half, tall)]),
        frame.polygon([(half, tall), (half + deep, tall), (half + 0.45 * deep, tall + rise)]),
    )
    frame.paint(gable, wall, side * bricks)
    frame.paint(frame.box((-half, 0), (half, tall)), wall, front * bricks)
    tiles = 1 + 0.09 * np.sign(np.sin(2 * np.pi * frame.y / 0.5)) + 0.04 * frame.picture.noise(rng, 2.0)
    slope = [
        (-half - 0.4, tall - 0.2),
        (half + 0.15, tall - 0.2),
        (half + 0.45 * deep, tall + rise),
        (-half + 0.3, tall + rise),
    ]
    frame.paint(frame.polygon(slope), roof, tiles * (0.85 + 0.25 * front))
    _front(frame, rng, half, tall)


def _front(frame: Frame, rng: np.random.Generator, half: float, tall: float) -> None:
    door = rng.uniform(-0.5, 0.5) * half
    glass = vary(rng, (0.32, 0.42, 0.52))
    rim = vary(rng, (0.93, 0.92, 0.88))
    frame.paint(frame.box((door - 0.62, 0), (door + 0.62, 2.25)), rim, 0.9)
    frame.paint(frame.box((door - 0.48, 0), (door + 0.48, 2.12)), pick(rng, _DOORS))
    for floor in (0, 2.6) if tall > 4.4 else (0,):
        for x in np.arange(-half + 1.0, half - 0.6, 1.75):
            if floor == 0 and abs(x - door) < 1.25:
                continue
            frame.paint(frame.box((x - 0.5, floor + 0.9), (x + 0.5, floor + 2.2)), rim, 0.95)
            shine = 1 + 0.5 * np.clip((frame.y - floor - 0.9 + 0.5 * (frame.x - x)) / 1.3 - 0.4, -0.5, 1)
            frame.paint(frame.box((x - 0.4, floor + 1.0), (x + 0.4, floor + 2.1)), glass, shine)
            frame.paint(frame.box((x - 0.04, floor + 1.0), (x + 0.04, floor + 2.1)), rim, 0.9)


def draw_tree(frame: Frame, rng: np.random.Generator) -> None:
    """A broad-leaved tree, a poplar or a conifer."""
    kind = rng.choice(("broad", "broad", "poplar", "conifer"))
    bark = vary(rng, (0.33, 0.24, 0.16))
    tall = rng.uniform(5.0, 8.5)
    frame.paint(
        frame.polygon([(-0.28, 0), (0.28, 0), (0.14, 0.6 * tall), (-0.14, 0.6 * tall)]),
        bark,
        1 + 0.6 * frame.sunny * frame.x,
    )
    if kind == "conifer":
        _conifer(frame, rng, tall)
        return
    leaves = pick(rng, _AUTUMN if rng.random() < 0.2 else _LEAVES)
    if kind == "poplar":
        _crown(frame, rng, ((0, 0.58 * tall), (0.17 * tall, 0.46 * tall)), leaves)
    else:
        _crown(frame, rng, ((0, 0.66 * tall), (rng.uniform(0.27, 0.4) * tall, 0.34 * tall)), leaves)


def _crown(
    frame: Frame, rng: np.random.Generator, oval: tuple[tuple[float, float], tuple[float, float]], leaves: Colour
) -> None:
    (cx, cy), (rx, ry) = oval
    tufts = [frame.disc((cx, cy), (0.8 * rx, 0.8 * ry))]
    shade: list[Field] = []
    for _ in range(14):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.75)
        middle = (cx + reach * rx * np.cos(angle), cy + reach * ry * np.sin(angle))
        size = rng.uniform(0.26, 0.42) * min(rx, 1.6 * ry)
        tufts.append(frame.disc(middle, (size, size)))
        shade.append(np.where(tufts[-1] < 0, frame.rounded(middle, (size, size), 0.3), np.float32(0.8)))
    ragged = 0.14 * frame.scale * frame.picture.noise(rng, max(0.35 * frame.scale, 1.6))
    light = 0.55 * np.maximum.reduce(shade) + 0.5 * frame.rounded((cx, cy), (rx, ry), 0.4)
    speckle = 0.13 * frame.picture.noise(rng, 1.6) + 0.07 * frame.picture.noise(rng, 3.5)
    frame.paint(join(*tufts) + ragged, leaves, light + speckle)


def _conifer(frame: Frame, rng: np.random.Generator, tall: float) -> None:
    needles = pick(rng, ((0.1, 0.28, 0.17), (0.13, 0.33, 0.14), (0.15, 0.3, 0.24)))
    half, count = rng.uniform(0.2, 0.28) * tall, int(rng.integers(4, 7))
    for tier in range(count):
        low = tall * (0.12 + 0.8 * tier / count)
        high = min(tall, low + 1.5 * tall / count)
        wide = half * (1 - 0.82 * tier / count)
        ragged = 0.07 * frame.scale * frame.picture.noise(rng, max(0.3 * frame.scale, 1.4))
        light = 0.82 + 0.3 * (frame.y - low) / (high - low) + 0.3 * frame.sunny * frame.x / half
        light = light + 0.12 * frame.picture.noise(rng, 1.6)
        frame.paint(frame.polygon([(-wide, low), (wide, low), (0, high)]) + ragged, needles, light)


def draw_car(frame: Frame, rng: np.random.Generator) -> None:
    """A car from the side: body, cabin with windows, wheels, lamps."""
    paint, half = pick(rng, _PAINT), rng.uniform(1.95, 2.3)
    belt, roof = rng.uniform(0.88, 0.98), rng.uniform(1.38, 1.75)
    back = rng.choice((-0.75, -0.93)) * half  # saloon or estate
    cabin = frame.polygon(
        [(back, belt - 0.1), (0.5 * half, belt - 0.1), (0.2 * half, roof), (back + 0.22 * half, roof)]
    )
    body = join(frame.box((-half, 0.28), (half, belt), 0.22), cabin)
    light = 0.85 + 0.22 * np.clip(frame.y - 0.3, 0, 1.3) + 0.12 * frame.sunny * frame.x / half
    shine = 0.18 * np.exp(-(((frame.y - belt + 0.14) / 0.07) ** 2))
    frame.paint(body, paint, light)
    frame.picture.blend(np.where(body < 0, shine, 0).astype(np.float32), frame.light.haze)
    glass = frame.polygon(
        [
            (back + 0.12, belt),
            (0.5 * half - 0.18, belt),
            (0.2 * half - 0.06, roof - 0.12),
            (back + 0.22 * half + 0.06, roof - 0.12),
        ]
    )
    pillar = frame.box((-0.32, 0), (-0.22, 3))
    frame.paint(meet(glass, -pillar), vary(rng, (0.2, 0.26, 0.32)), 1 + 0.5 * np.clip(frame.y - belt, 0, 1))
    frame.paint(frame.box((-half, 0.3), (half, 0.42)), (0.16, 0.16, 0.17))
    frame.paint(frame.box((-0.3, 0.45), (-0.27, belt)), 0.7 * paint)
    frame.paint(frame.box((-0.55, 0.74), (-0.38, 0.79)), 0.6 * paint)
    for wheel in (-0.6 * half, 0.62 * half):
        frame.paint(frame.disc((wheel, 0.34), (0.42, 0.42)), (0.1, 0.1, 0.1))
        frame.paint(frame.disc((wheel, 0.33), (0.34, 0.34)), (0.07, 0.07, 0.08))
        frame.paint(frame.disc((wheel, 0.33), (0.19, 0.19)), (0.65, 0.66, 0.68))
    frame.paint(frame.disc((half - 0.12, 0.68), (0.1, 0.12)), (1.0, 0.97, 0.8))
    frame.paint(frame.disc((-half + 0.08, 0.7), (0.07, 0.13)), (0.8, 0.08, 0.06))


def draw_person(frame: Frame, rng: np.random.Generator) -> None:
    """Someone standing or walking."""
    top, legs = pick(rng, _CLOTHES), pick(rng, _TROUSERS)
    skin, hair = pick(rng, _SKIN, 0.04), pick(rng, _HAIR, 0.04)
    stride, lean = rng.uniform(0.03, 0.3), rng.uniform(-0.03, 0.03)
    light = 1 + 0.8 * frame.sunny * np.clip(frame.x, -0.3, 0.3)
    for foot, shade in ((-stride, 0.85), (stride, 1.0)):
        frame.paint(frame.line((foot * 0.35, 0.86), (foot, 0.06), 0.19), legs, shade * light)
        frame.paint(frame.line((foot, 0.04), (foot + 0.11, 0.04), 0.1), (0.13, 0.1, 0.09))
    swing = stride * rng.uniform(0.7, 1.5)
    _arm(frame, (-0.2, -0.2 - swing), (0.78 * top, skin), light)
    if rng.random() < 0.3:
        frame.paint(frame.polygon([(-0.2, 0.95), (0.2, 0.95), (0.34, 0.42), (-0.34, 0.42)]), 0.85 * top, light)
    frame.paint(frame.box((-0.22 + lean, 0.8), (0.22 + lean, 1.46), 0.11), top, light)
    _arm(frame, (0.2, 0.16 + swing), (0.92 * top, skin), light)
    frame.paint(frame.line((lean, 1.44), (lean, 1.56), 0.12), 0.85 * skin, light)
    frame.paint(frame.disc((lean, 1.66), (0.135, 0.165)), skin, light)
    cap = frame.disc((lean - 0.02, 1.7), (0.155, 0.155))
    fringe = 1.68 - frame.y - 0.35 * (frame.x - lean)
    frame.paint(meet(cap, (frame.scale * fringe).astype(np.float32)), hair, light)


def _arm(frame: Frame, reach: tuple[float, float], colors: tuple[Colour, Colour], light: Field) -> None:
    shoulder, hand = reach
    elbow = (shoulder + 0.65 * (hand - shoulder) + 0.05 * np.sign(shoulder), 1.1)
    frame.paint(
        join(frame.line((shoulder, 1.37), elbow, 0.13), frame.line(elbow, (hand, 0.88), 0.11)), colors[0], light
    )
    frame.paint(frame.disc((hand, 0.84), (0.065, 0.075)), colors[1], light)


def draw_balloon(frame: Frame, rng: np.random.Generator) -> None:
    """A hot-air balloon; the frame's foot is the basket."""
    first, second = pick(rng, _CLOTHES), pick(rng, _CLOTHES)
    radius, middle = 7.5, 11.5
    skirt = frame.polygon([(-1.3, 2.6), (1.3, 2.6), (5.7, 6.9), (-5.7, 6.9)])
    envelope = join(frame.disc((0, middle), (radius, radius)), skirt)
    for x in (-1.0, 1.0):
        frame.paint(frame.line((x, 0.9), (1.3 * x, 2.8), 0.16), (0.25, 0.2, 0.16))
    span = np.sqrt(np.clip(1 - ((frame.y - middle) / (radius * 1.25)) ** 2, 0.05, 1)) * radius
    gore = np.arcsin(np.clip(frame.x / span, -1, 1)) / np.pi * int(rng.integers(6, 11))
    if rng.random() < 0.3:
        gore = (frame.y - middle) / radius * 2.2
    stripes = np.where((np.floor(gore).astype(int) % 2 == 0)[..., None], first, second)
    frame.paint(envelope, stripes, frame.rounded((0, middle), (radius, radius), 0.42) + 0.05 * np.cos(2 * np.pi * gore))
    frame.paint(
        frame.box((-1.1, -0.6), (1.1, 1.0), 0.2), vary(rng, (0.5, 0.33, 0.17)), 1 + 0.15 * frame.sunny * frame.x
    )


def draw_bush(frame: Frame, rng: np.random.Generator) -> None:
    """A bush: leaves as a tree's, but no trunk."""
    wide = rng.uniform(0.6, 1.4)
    _crown(frame, rng, ((0, 0.42), (wide, rng.uniform(0.5, 0.9))), pick(rng, _LEAVES))


def draw_lamp(frame: Frame, rng: np.random.Generator) -> None:
    """A street lamp with a bright globe, as round and yellow as the sun."""
    frame.paint(frame.line((0, 0), (0, 4.2), 0.14), vary(rng, (0.22, 0.24, 0.25)))
    frame.paint(frame.disc((0, 4.45), (0.34, 0.34)), vary(rng, (1.0, 0.94, 0.7), 0.03), 1.1)


def draw_post_box(frame: Frame, rng: np.random.Generator) -> None:
    """A post box, as large as a person and as bright as a car."""
    color = pick(rng, _PAINT)
    frame.paint(frame.box((-0.28, 0), (0.28, 1.35), 0.06), color, 1 + 0.5 * frame.sunny * frame.x)
    frame.paint(frame.disc((0, 1.33), (0.34, 0.16)), 0.85 * color)
    frame.paint(frame.box((-0.16, 1.0), (0.16, 1.06)), (0.08, 0.08, 0.08))


def draw_sign(frame: Frame, rng: np.random.Generator) -> None:
    """A board on a pole, round or square."""
    frame.paint(frame.line((0, 0), (0, 2.2), 0.09), (0.5, 0.5, 0.52))
    plate = frame.disc((0, 2.4), (0.4, 0.4)) if rng.random() < 0.5 else frame.box((-0.42, 2.0), (0.42, 2.75), 0.05)
    frame.paint(plate, (0.94, 0.94, 0.94))
    frame.paint(plate + 0.09 * frame.scale, pick(rng, _PAINT))


def draw_rock(frame: Frame, rng: np.random.Generator) -> None:
    """A boulder."""
    wide = rng.uniform(0.5, 1.1)
    rock = frame.disc((0, 0.2), (wide, rng.uniform(0.4, 0.7))) + 0.1 * frame.scale * frame.picture.noise(
        rng, 0.5 * frame.scale + 1
    )
    rock = meet(rock, (-frame.scale * frame.y).astype(np.float32))
    frame.paint(
        rock, vary(rng, (0.5, 0.49, 0.47)), frame.rounded((0, 0.3), (wide, 0.6)) + 0.08 * frame.picture.noise(rng, 2.0)
    )


# Width of each thing in metres: for its shadow, and to keep neighbours apart.
WIDTHS: Mapping[str, float] = {
    "house": 9.5,
    "tree": 4.5,
    "car": 4.3,
    "person": 0.7,
    "bush": 2.0,
    "lamp": 0.4,
    "post box": 0.6,
    "sign": 0.8,
    "rock": 1.6,
}
DRAW: Mapping[str, Draw] = {
    "house": draw_house,
    "tree": draw_tree,
    "car": draw_car,
    "person": draw_person,
    "bush": draw_bush,
    "lamp": draw_lamp,
    "post box": draw_post_box,
    "sign": draw_sign,
    "rock": draw_rock,
}
