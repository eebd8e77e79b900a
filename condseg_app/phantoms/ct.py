"""A CT-like abdomen, made of formulas: six organs among tissues of similar looks.

Portal-venous contrast in Hounsfield units; bodies differ in size, build, organ shapes, contrast, noise,
grid and orientation. Nothing is measured on a patient, so the volumes are free to ship. Position and shape
matter: stomach, bowel and vessels have the organs' intensities, and the kidneys differ by side alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from condseg_app.data import AxisMap, ClassTable, Geometry, Image, LabelMap
from condseg_app.phantoms.body import CAVITY, Build, Trunk, paint_couch, paint_trunk, paint_vessels
from condseg_app.phantoms.shapes import Canvas, Field, Point, Space, curve, inside_all, inside_any, rotation

CT_CLASSES = ("liver", "spleen", "pancreas", "right_kidney", "left_kidney", "gallbladder")
_LIVER, _SPLEEN, _PANCREAS, _RIGHT_KIDNEY, _LEFT_KIDNEY, _GALLBLADDER = range(1, 7)

_ORIENTATIONS = ("RAS", "LPS", "LAS", "RAI", "LPI", "PIR", "SRA", "ASL")
_ORIENTATION_SHARES = (0.28, 0.28, 0.16, 0.08, 0.08, 0.04, 0.04, 0.04)
_OBLIQUE_SHARE = 0.3
_NO_GALLBLADDER_SHARE = 1 / 8
_HU_STEP = 8  # voxels are rounded to multiples: well below the noise, and half of the file's size


@dataclass(frozen=True, eq=False)
class _Scene:
    canvas: Canvas
    space: Space
    trunk: Trunk
    build: Build
    rng: np.random.Generator

    def jitter(self, point: Point, amount: float = 4.0) -> Point:
        """A point moved at random."""
        x, y, z = np.asarray(point) + self.rng.normal(0, amount, 3)
        return float(x), float(y), float(z)

    def texture(self, level: float, fine: float = 3.0, coarse: float = 3.0) -> Field:
        """A tissue's intensity with fine and coarse variation."""
        return level + fine * self.space.noise(self.rng, 7.0) + coarse * self.space.noise(self.rng, 32.0)

    def bumpy(self, distance: Field, amplitude: float, scale: float = 24.0) -> Field:
        """A shape with an uneven surface."""
        return distance + amplitude * self.space.noise(self.rng, scale)

    def boxed(self, distance: Field, gap: float = 2.5) -> Field:
        """The part of a shape in the cavity and under the diaphragm."""
        return inside_all(distance, self.trunk.cavity + gap, self.trunk.under_diaphragm + gap)


def make_ct(rng: np.random.Generator) -> tuple[Image, LabelMap]:
    """Make a volume and its label map.

    Args:
        rng: source of all randomness; equal states give equal volumes.

    Returns:
        An int16 image in HU, (1, I, J, K), and the uint8 label map of `CT_CLASSES` on the same grid.
    """
    build = Build.drawn(rng)
    scale = rng.uniform(0.9, 1.08) * np.array(
        [rng.uniform(0.96, 1.04), rng.uniform(0.95, 1.05), rng.uniform(0.94, 1.06)]
    )
    geometry = _draw_grid(rng, build, scale)
    space = Space.deformed(geometry, scale, rng, amplitude=4.0)
    canvas = Canvas(geometry.shape, -1000.0)
    if rng.random() < 0.6:
        paint_couch(canvas, space, build)
    scene = _Scene(canvas, space, paint_trunk(canvas, space, build, rng), build, rng)
    _paint_bowel(scene)
    _paint_stomach(scene)
    _paint_spleen(scene)
    _paint_liver(scene)
    paint_vessels(canvas, space, build, rng)
    _paint_pancreas(scene)
    for side in (1, -1):
        _paint_kidney(scene, side)
    if rng.random() >= _NO_GALLBLADDER_SHARE:
        _paint_gallbladder(scene)
    return _finish(_scanned(canvas.values, space, rng), canvas.labels, geometry, rng)


def _draw_grid(rng: np.random.Generator, build: Build, scale: NDArray[np.float64]) -> Geometry:
    wide = 2 * (CAVITY[0] + 12 + build.fat) * scale[0] * rng.uniform(1.0, 1.09)
    deep = 2 * (CAVITY[1] + 16 + build.fat) * scale[1] * rng.uniform(1.02, 1.1)
    step = max(rng.uniform(2.4, 3.1), wide / 120, deep / 104)
    thick = rng.uniform(3.4, 5.0)
    tall = rng.uniform(165, 205)
    shape = (int(wide / step), int(deep / step) + 6, int(np.clip(round(tall / thick), 32, 52)))
    angles = rng.normal(0, 0.05, 3) if rng.random() < _OBLIQUE_SHARE else np.zeros(3)
    linear = rotation((angles[0], angles[1], angles[2])) @ np.diag([step, step, thick])
    middle = np.array([0.0, -3.0, rng.uniform(-8, 12)]) + rng.normal(0, 2.5, 3)
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = middle - linear @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, affine)


def _paint_bowel(scene: _Scene) -> None:
    rng, space = scene.rng, scene.space
    for _ in range(rng.integers(14, 21)):
        start = np.array([rng.uniform(-78, 78), rng.uniform(8, 62), rng.uniform(-110, -22)])
        line = curve(_wander(rng, start, steps=5, stride=27.0))
        shape = scene.boxed(scene.bumpy(space.tube(line, rng.uniform(8.5, 12.5)), 1.0, 14.0), 4.0)
        _paint_gut(scene, shape, wall=rng.uniform(75, 118), content=rng.uniform(8, 50), gas=float(rng.random() < 0.25))
    for bends in (
        [(98, -18, -130), (102, -14, -75), (100, -2, -40), (88, 20, -18)],
        [(88, 20, -18), (50, 62, -38), (0, 68, -46), (-55, 58, -26), (-96, 8, 12)],
        [(-96, 8, 12), (-106, -22, -20), (-104, -26, -75), (-96, -20, -130)],
    ):
        knots = curve([scene.jitter(point, 5.0) for point in bends], 9)
        pouches = rng.uniform(13, 18) * (1 + 0.16 * np.sin(np.arange(len(knots)) * 1.9 + rng.uniform(0, 6)))
        shape = scene.boxed(scene.bumpy(space.tube(knots, pouches), 1.2, 14.0), 3.0)
        stool = -10 + 45 * space.noise(rng, 6.0) + 55 * space.noise(rng, 14.0)
        _paint_gut(scene, shape, wall=70.0, content=np.clip(stool, -420, 90), gas=float(rng.random() < 0.75))


def _wander(
    rng: np.random.Generator, start: NDArray[np.float64], steps: int, stride: float
) -> list[NDArray[np.float64]]:
    low, high = np.array([-88, -8, -120]), np.array([88, 68, -14])
    points, way = [start], rng.normal(0, 1, 3)
    for _ in range(steps):
        way = 0.45 * way / np.linalg.norm(way) + rng.normal(0, 0.6, 3)
        points.append(np.clip(points[-1] + stride * way / np.linalg.norm(way), low, high))
    return points


def _paint_gut(scene: _Scene, shape: Field, wall: float, content: float | Field, gas: float) -> None:
    """Wall, content, and gas that has risen to the front (`gas` 0: none, 1: about the upper half)."""
    scene.canvas.paint(shape - 1.5, -100.0)
    scene.canvas.paint(shape, wall)
    lumen = shape + 2.8
    scene.canvas.paint(lumen, content)
    inside = lumen < 0
    if gas and inside.any():
        heights = scene.space.y[inside]
        level = float(np.quantile(heights, scene.rng.uniform(0.55, 0.9)))
        scene.canvas.paint(inside_all(lumen, level - scene.space.y, round_mm=1.0), -900.0, soft=2.5)


def _paint_stomach(scene: _Scene) -> None:
    rng, fill = scene.rng, scene.rng.uniform(0.75, 1.15)
    line = curve(
        [
            (-26, -6, 70),
            *(scene.jitter(p) for p in ((-56, -14, 60), (-68, 14, 36), (-52, 44, 6), (-14, 50, -10))),
            (22, 38, -6),
        ],
        6,
    )
    widths = curve(np.array([[9.0], [27 * fill], [29 * fill], [24 * fill], [17 * fill], [9.0]]), 6)[:, 0]
    shape = scene.boxed(scene.bumpy(scene.space.tube(line, widths), 2.0), 4.5)
    content = scene.texture(
        rng.choice((rng.uniform(0, 35), rng.uniform(35, 95), rng.uniform(150, 240)), p=(0.6, 0.3, 0.1)), 8, 10
    )
    _paint_gut(scene, shape, wall=rng.uniform(70, 100), content=content, gas=float(rng.random() < 0.8))
    duodenum = [(24, 38, -6), (44, 24, -8), (50, 8, -26), (44, -4, -52), (20, -8, -58), (-18, -6, -48)]
    shape = scene.boxed(scene.space.tube(curve([scene.jitter(p, 2.5) for p in duodenum], 6), rng.uniform(8.5, 11.5)))
    _paint_gut(scene, shape, wall=rng.uniform(75, 105), content=rng.uniform(10, 55), gas=0.0)


def _paint_spleen(scene: _Scene) -> None:
    rng, size = scene.rng, scene.rng.uniform(0.85, 1.18)
    center = scene.jitter((-92, -34, 36), 5.0)
    turn = (float(rng.normal(-0.25, 0.15)), float(rng.normal(0.15, 0.15)), float(rng.normal(0.0, 0.15)))
    shape = scene.space.ellipsoid(center, (36 * size, 45 * size, 52 * size), turn)
    hollow = (center[0] + 43, center[1] + 27, center[2] - 4)
    shape = inside_all(shape, -scene.space.ellipsoid(hollow, (33, 40, 50)), round_mm=8)
    shape = scene.boxed(scene.bumpy(shape, 1.5))
    scene.canvas.paint(shape - 1.5, -100.0)
    scene.canvas.paint(shape, scene.texture(rng.normal(115, 13)), _SPLEEN)


def _paint_liver(scene: _Scene) -> None:
    rng, space = scene.rng, scene.space
    x, y, z = space.x, space.y, space.z
    under = np.array([0.52, 0.46, 0.72]) + rng.normal(0, 0.06, 3)
    under = (under / np.linalg.norm(under)).astype(np.float32)
    offset = rng.normal(14, 7)
    hollow = -(under[0] * (x - 22) + under[1] * (y + 4) + under[2] * (z + 4)) + 7 * space.noise(rng, 60.0) + offset
    lobe = -(rng.uniform(55, 82) + x) + 0.25 * np.abs(y - 45)
    tip = rng.uniform(-92, -55) - z
    envelope = space.ellipsoid((40, 0, 15), (135, 105, 105))
    shape = inside_all(scene.bumpy(hollow, 1.5), lobe, tip, envelope, round_mm=14)
    fissure = space.ellipsoid(scene.jitter((10, 66, 0)), (2.5, 22, 26), (0.0, 0.0, -0.2))
    shape = inside_all(scene.boxed(shape), -fissure)
    level = rng.normal(102, 13)
    scene.canvas.paint(shape - 1.2, -100.0)
    scene.canvas.paint(shape, scene.texture(level), _LIVER)
    vessels = inside_all(_liver_vessels(scene), shape + 2, round_mm=1)
    scene.canvas.paint(vessels, max(scene.build.blood, level + 50), None, soft=4.0)


def _liver_vessels(scene: _Scene) -> Field:
    trees = (
        ((20, -20, 68), ((88, -30, 40), (66, 40, 46), (-8, 44, 50)), 6.5),
        ((30, 2, 22), ((98, 26, 14), (94, -34, 20), (70, 10, -24), (-12, 40, 36), (20, 30, 52)), 7.0),
    )
    tubes = []
    for root, tips, width in trees:
        for tip in tips:
            end = np.asarray(scene.jitter(tip, 7.0))
            bend = (np.asarray(root) + end) / 2 + scene.rng.normal(0, 6, 3)
            tubes.append(scene.space.tube(curve([root, bend, end], 4), np.linspace(width, 2.2, 9)))
            twig = bend + scene.rng.normal(0, 26, 3)
            tubes.append(scene.space.tube(curve([bend, (bend + twig) / 2, twig], 3), np.linspace(0.6 * width, 1.2, 7)))
    merged: Field = np.minimum.reduce(tubes)
    return merged


def _paint_pancreas(scene: _Scene) -> None:
    rng, size = scene.rng, scene.rng.uniform(0.88, 1.18)
    lift = rng.normal(0, 6)
    line = [
        (30, 6, -34),
        (28, 9, -18),
        (14, 18, -6),
        (-8, 23, 2),
        (-34, 14, 10 + lift),
        (-58, -4, 18 + lift),
        (-78, -18, 26 + lift),
    ]
    widths = size * np.array([[9.0], [14.0], [10.0], [8.5], [9.5], [9.5], [6.5]])
    knots = curve([scene.jitter(point, 2.5) for point in line], 6)
    shape = scene.boxed(scene.bumpy(scene.space.tube(knots, curve(widths, 6)[:, 0]), 1.7, 11.0))
    fatty = rng.uniform(2, 12)
    scene.canvas.paint(shape - 2.0, -95.0)
    scene.canvas.paint(shape, scene.texture(rng.normal(87, 12), fatty, 4), _PANCREAS)
    scene.canvas.paint(scene.space.tube(knots[8:], 1.0), 20.0, None, soft=4.0)


def _paint_kidney(scene: _Scene, side: int) -> None:
    """A kidney; the right kidney (`side` 1) lies lower than the left."""
    rng, space = scene.rng, scene.space
    size = rng.uniform(0.86, 1.06)
    center = scene.jitter((side * 63, -46, -30 if side > 0 else -14), 4.0)
    turn = (float(rng.normal(-0.22, 0.08)), side * float(rng.normal(-0.2, 0.07)), side * float(rng.normal(-0.45, 0.15)))
    dx, dy, dz = space.local(center, turn)
    outward = side * dx + 0.0045 * dz * dz  # the poles bend towards the spine
    radii = np.array([24.0, 27.0, 54.0]) * size
    level = np.sqrt((outward / radii[0]) ** 2 + (dy / radii[1]) ** 2 + (dz / radii[2]) ** 2)
    whole = scene.bumpy(((level - 1) * np.float32(radii[0])).astype(np.float32), 1.0, 20.0)
    hilum = np.sqrt(((outward + 1.02 * radii[0]) / 13) ** 2 + (dy / 9) ** 2 + (dz / 17) ** 2) * 9 - 9
    shape = inside_all(whole, -hilum.astype(np.float32))
    sinus = np.sqrt(((outward + 12) / 13) ** 2 + (dy / 8.5) ** 2 + (dz / 26) ** 2) * 8.5 - 8.5
    scene.canvas.paint(whole - 3.0 + 2.0 * space.noise(rng, 30.0), -104.0)
    canvas, enhanced = scene.canvas, rng.normal(165, 26)
    canvas.paint(shape, scene.texture(enhanced), _RIGHT_KIDNEY if side > 0 else _LEFT_KIDNEY)
    pyramids = np.maximum(np.abs(whole + 13) - 4.5, 3.5 - 5 * np.abs(np.sin(dz / 6.5)))
    canvas.paint(pyramids.astype(np.float32), enhanced - rng.uniform(8, 40), None, soft=5.0)
    canvas.paint(inside_all(sinus.astype(np.float32), whole + 4), rng.uniform(-40, 10), None, soft=5.0)
    canvas.paint(inside_all((sinus + 3.5).astype(np.float32), whole + 5), rng.uniform(5, 40), None)


def _paint_gallbladder(scene: _Scene) -> None:
    rng, size = scene.rng, scene.rng.uniform(0.75, 1.25)
    line = [(42, 14, 0), (52, 30, -16), (60, 46, -34)]
    knots = curve([scene.jitter(point, 3.5) for point in line], 6)
    widths = curve(size * np.array([[4.0], [10.5], [13.5]]), 6)[:, 0]
    shape = inside_any(scene.space.tube(knots, widths))
    shape = scene.boxed(scene.bumpy(shape, 0.8))
    scene.canvas.paint(shape - 1.6, rng.uniform(45, 75))
    scene.canvas.paint(shape, scene.texture(rng.normal(10, 7), 2, 2), _GALLBLADDER)


def _scanned(values: Field, space: Space, rng: np.random.Generator) -> Field:
    """Tissues as scanned: blurred, slightly cupped, noisy."""
    blurred = ndimage.gaussian_filter(values, (0.45, 0.45, 0.35))
    blurred += rng.uniform(0, 7) * space.noise(rng, 140.0)
    grain = ndimage.gaussian_filter(rng.standard_normal(values.shape).astype(np.float32), (0.55, 0.55, 0.2))
    blurred += rng.uniform(6, 14) / float(grain.std()) * grain
    return np.where(blurred < -960, -1000, blurred)


def _finish(
    values: Field, labels: NDArray[np.uint8], geometry: Geometry, rng: np.random.Generator
) -> tuple[Image, LabelMap]:
    turn = AxisMap.between(geometry, str(rng.choice(_ORIENTATIONS, p=_ORIENTATION_SHARES)))
    rounded = np.clip(_HU_STEP * np.rint(values / _HU_STEP), -1000, 1600).astype(np.int16)
    grid = turn.geometry(geometry)
    array = np.ascontiguousarray(turn.apply(rounded))
    image = Image(array[None], grid, name="phantom", channels=("HU",))
    return image, LabelMap(np.ascontiguousarray(turn.apply(labels)), grid, ClassTable.from_names(CT_CLASSES))
