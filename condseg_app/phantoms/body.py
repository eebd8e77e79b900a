"""A phantom's trunk without its organs: skin, fat, muscle, bones, lungs, heart and great vessels.

All places are millimetres in a template body (x right, y front, z head) whose abdominal cavity is
`CAVITY` wide; `Space` scales and deforms it.
"""

from dataclasses import dataclass

import numpy as np

from condseg_app.phantoms.shapes import Canvas, Field, Point, Space, curve, inside_all, inside_any, oval

CAVITY = (125.0, 86.0)
_WALL = 11.0  # thickness of the muscle around the cavity
_VERTEBRA_STEP = 33.0
_RIB_STEP = 29.0


@dataclass(frozen=True)
class Build:
    """Build of a body and contrast of its scan.

    Attributes:
        fat: thickness of the fat under the skin, mm.
        blood: HU of veins and aorta.
        bone: HU of the inside of bones.
        muscle: HU.
        breath: depth of the diaphragm below its rest, mm.
    """

    fat: float
    blood: float
    bone: float
    muscle: float
    breath: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Build":
        """A random build."""
        return cls(
            fat=float(5 + 24 * rng.beta(1.6, 2.2)),
            blood=float(rng.normal(160, 18)),
            bone=float(rng.normal(210, 35)),
            muscle=float(rng.normal(58, 4)),
            breath=float(rng.uniform(-8, 10)),
        )


@dataclass(frozen=True, eq=False)
class Trunk:
    """Room for organs: distances to the cavity and to the space under the diaphragm."""

    cavity: Field
    under_diaphragm: Field


def paint_trunk(canvas: Canvas, space: Space, build: Build, rng: np.random.Generator) -> Trunk:
    """Paint everything but the abdominal organs."""
    cavity = oval(space.x, space.y, CAVITY)
    trunk = Trunk(cavity, _under_diaphragm(space, build))
    _paint_wall(canvas, space, build, cavity, rng)
    _paint_chest(canvas, space, build, trunk, rng)
    _paint_back(canvas, space, build, rng)
    _paint_spine(canvas, space, build, rng)
    _paint_ribs(canvas, space, build)
    return trunk


def paint_couch(canvas: Canvas, space: Space, build: Build) -> None:
    """Paint the scanner's couch: a curved shell of carbon under the back."""
    under = CAVITY[1] + _WALL + build.fat + 10
    depth = np.abs(space.y + under + 14 - 0.0009 * space.x**2) - 8
    couch = inside_all(depth, np.abs(space.x) - 190)
    canvas.paint(couch, -900.0)
    canvas.paint(np.abs(couch) - 0.8, -350.0)


def paint_vessels(canvas: Canvas, space: Space, build: Build, rng: np.random.Generator) -> None:
    """Paint aorta, inferior vena cava, superior mesenteric vein, portal and splenic vein."""
    sway = rng.normal(0, 2.5, 2)
    aorta = curve([(-6, -30, 130), (-9 + sway[0], -29, 60), (-6, -27, 0), (-8 + sway[1], -26, -60), (-4, -28, -130)])
    canvas.paint(space.tube(aorta, rng.uniform(8.5, 11.5)), build.blood + rng.normal(8, 6))
    cava = curve([(20, -14, 110), (20, -19, 65), (21, -24, 20), (18, -27, -40), (16, -29, -130)])
    canvas.paint(space.tube(cava, rng.uniform(9, 12)), build.blood - rng.uniform(5, 40))
    portal = curve([(9, 17, -75), (8, 12, -40), (6, 6, -8), (16, 4, 8), (32, 2, 24)])
    canvas.paint(space.tube(portal, rng.uniform(5, 7)), build.blood, None)
    splenic = curve([(6, 4, -4), (-22, 2, 8), (-50, -14, 18), (-78, -26, 30)])
    canvas.paint(space.tube(splenic, rng.uniform(3.2, 4.5)), build.blood, None)
    for side in (-1, 1):
        renal: list[Point] = [(side * 12, -26, -12), (side * 28, -32, -16), (side * 44, -40, -19)]
        canvas.paint(space.tube(renal, 3.5), build.blood, None)


def _under_diaphragm(space: Space, build: Build) -> Field:
    drop = build.breath
    right = space.ellipsoid((58, 6, 22 - drop), (74, 96, 70))
    left = space.ellipsoid((-58, 8, 14 - drop), (72, 92, 66))
    middle = space.ellipsoid((0, 0, 5 - drop), (90, 84, 62))
    below = space.z - (18 - drop)
    return inside_any(right, left, middle, below, round_mm=14)


def _paint_wall(canvas: Canvas, space: Space, build: Build, cavity: Field, rng: np.random.Generator) -> None:
    uneven = 1.5 * space.noise(rng, 45.0)
    # Fat is thickest at the flanks and the back; the chest has less than the belly.
    thick = build.fat * (1 + 0.25 * np.tanh(-space.y / 60) - 0.0012 * space.z).astype(np.float32)
    trunk = oval(space.x, space.y + 9, (CAVITY[0], CAVITY[1] + 9))
    skin = trunk - _WALL - thick
    canvas.paint(skin, 20.0)
    strands = -106 + 7 * space.noise(rng, 16.0)
    canvas.paint(skin + 2.6, strands)
    muscle = build.muscle + 6 * space.noise(rng, 9.0)
    outer = trunk - (_WALL - 2) - uneven
    canvas.paint(outer, muscle)
    # Layers of the flank are kept apart by thin fat, and the two straight muscles in front by a gap.
    layer = np.abs(cavity - 5.5 - 0.5 * uneven) - 0.6
    canvas.paint(inside_all(layer, 30 - np.abs(space.x), space.z - 15), -40.0, soft=5.0)
    canvas.paint(inside_all(np.abs(space.x) - 2.5, 60 - space.y, cavity - 9), -20.0)
    visceral = -108 + 9 * space.noise(rng, 14.0)
    canvas.paint(cavity + 0.5, visceral)


def _paint_chest(canvas: Canvas, space: Space, build: Build, trunk: Trunk, rng: np.random.Generator) -> None:
    lung = inside_all(trunk.cavity + 2, -trunk.under_diaphragm + 1.5, 9 - np.abs(space.x + 2))
    canvas.paint(lung, -840 + 22 * space.noise(rng, 8.0) + 40 * space.noise(rng, 45.0))
    tips = []
    for _ in range(46):
        side = rng.choice((-1, 1))
        root = np.array([side * 30, -5, 118])
        tip = np.array([side * rng.uniform(45, 112), rng.uniform(-70, 70), rng.uniform(35, 110)])
        tips.append(space.tube(curve([root, (root + tip) / 2 + rng.normal(0, 9, 3), tip], 4), np.linspace(4, 1.0, 9)))
    canvas.paint(inside_all(np.minimum.reduce(tips), lung + 1, round_mm=1), 40.0)
    canvas.paint(inside_all(np.abs(trunk.under_diaphragm - 1) - 1.2, trunk.cavity), build.muscle)
    heart = space.ellipsoid((-20, 34, 112 - build.breath), (62, 46, 40))
    heart = inside_all(heart, -trunk.under_diaphragm + 1, trunk.cavity + 3)
    canvas.paint(heart, -80.0)
    canvas.paint(heart + 4, build.muscle + 55)
    canvas.paint(inside_all(space.ellipsoid((-24, 32, 112), (46, 32, 30)), heart + 8), build.blood)
    canvas.paint(space.tube([(-3, -12, 130), (-10, -8, 90), (-22, -2, 72)], 7.0), build.muscle)  # oesophagus


def _paint_back(canvas: Canvas, space: Space, build: Build, rng: np.random.Generator) -> None:
    fibres = build.muscle + 9 * space.noise(rng, 8.0)
    for side in (-1, 1):
        erector = oval(space.x - side * 33, space.y + 90, (31, 19))
        canvas.paint(erector - 2.5, -100.0)
        canvas.paint(erector, fibres)
        width = np.clip(11 - 0.17 * (space.z + 10), 1, 26).astype(np.float32)
        psoas = np.hypot(space.x - side * (25 + 0.55 * width), space.y + 50) - width
        canvas.paint(inside_all(psoas, space.z - 20), build.muscle + 4 * space.noise(rng, 9.0))
        quadratus = inside_all(oval(space.x - side * 62, space.y + 78, (20, 7)), space.z + 10)
        canvas.paint(quadratus, build.muscle)
        crus = space.tube([(side * 9, -38, 70), (side * 13, -34, 30), (side * 15, -38, -10)], (6, 6, 3))
        canvas.paint(crus, build.muscle)


def _paint_spine(canvas: Canvas, space: Space, build: Build, rng: np.random.Generator) -> None:
    height = _periodic(space.z + rng.uniform(0, _VERTEBRA_STEP), _VERTEBRA_STEP)
    body = oval(space.x, space.y + 57, (21, 16.5), 2.0)
    canvas.paint(body - 1.5, 70.0)
    waist = body + 1.8 - 0.011 * height * height
    vertebra = inside_all(waist, np.abs(height) - 12.5, round_mm=2)
    marrow = build.bone + 28 * space.noise(rng, 7.0)
    posterior = inside_all(np.abs(height - 2) - 9, round_mm=2)
    arch = inside_any(
        np.abs(np.hypot(space.x, 1.1 * (space.y + 82)) - 12.5) - 3.6,
        inside_all(oval(space.x, space.y + 99, (3.6, 14)), np.abs(height + 5) - 9),
        inside_all(
            oval(np.abs(space.x) - 27, space.y + 84 + 0.25 * (np.abs(space.x) - 27), (16, 4)), np.abs(height) - 6
        ),
        round_mm=3,
    )
    arch = inside_all(arch, np.minimum(posterior, np.abs(space.x) - 15))
    for bone, shell in ((vertebra, 190.0), (arch, 260.0)):
        canvas.paint(bone, build.bone + shell, soft=2.5)
        canvas.paint(bone + 2.0, marrow, soft=2.5)
    canvas.paint(np.hypot(space.x, space.y + 82) - 9.0, 12.0)
    canvas.paint(np.hypot(space.x, space.y + 82) - 5.0, 38.0)


def _paint_ribs(canvas: Canvas, space: Space, build: Build) -> None:
    ring = oval(space.x, space.y, (CAVITY[0] + 2.5, CAVITY[1] + 4))
    # Ribs fall from the back to the front, and lower ribs end earlier.
    front = np.arctan2(space.y + 80, np.abs(space.x) + 1e-3).astype(np.float32)
    level = space.z + 68 * front
    height = _periodic(level, _RIB_STEP)
    rib = np.hypot(ring, 0.75 * height) - 4.4
    reach = inside_all(25 - level, 60 * front - 27 - 0.66 * (level - 25), 20 - np.abs(space.x), round_mm=6)
    rib = inside_all(rib, reach, round_mm=2)
    canvas.paint(rib, build.bone + 230, soft=2.5)
    canvas.paint(rib + 2.3, build.bone + 40, soft=2.5)


def _periodic(z: Field, step: float) -> Field:
    folded: Field = np.mod(z, np.float32(step)) - np.float32(step / 2)
    return folded
