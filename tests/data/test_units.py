import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.data import Geometry, Unit, common_unit, measure, millimetres, voxel_size

# Spelling -> nanometres.
SPELLINGS: dict[str, float] = {
    "mm": 10**6, "millimeter": 10**6, "millimetre": 10**6, "Millimeters": 10**6, "millimetres": 10**6, "MM": 10**6,
    "um": 10**3, "\u00b5m": 10**3, "\u03bcm": 10**3, "micron": 10**3, "microns": 10**3, "Micron": 10**3,
    "micrometer": 10**3, "micrometre": 10**3, "micrometers": 10**3,
    "\\u00B5m": 10**3, "\u00c2\u00b5m": 10**3, "\ufffdm": 10**3,
    "nm": 1, "nanometer": 1, "nanometre": 1, "nanometers": 1,
    "cm": 10**7, "centimeter": 10**7, "centimetres": 10**7,
    "m": 10**9, "meter": 10**9, "metres": 10**9,
    "inch": 25_400_000, "in": 25_400_000, "inches": 25_400_000, "Inch": 25_400_000,
    "angstrom": 0.1, "\u00c5": 0.1,
}  # fmt: skip
PIXELS = ("pixel", "pixels", "px", "Pixel", "voxels")
UNKNOWN = ("parsec", "ms", "s", "furlong", "mmm", "degrees", "1")
UNSTATED = ("", " ", "none", "unknown", "???")

spellings = st.sampled_from(sorted(SPELLINGS))


@pytest.mark.parametrize("text", sorted(SPELLINGS))
def test_every_spelling_is_its_length(text: str) -> None:
    found = common_unit([text, f' "{text}" '], "pixel")
    assert found.warnings == ()
    assert found.unit == ("µm" if SPELLINGS[text] <= 1000 else "mm")
    in_nanometres = {"µm": 10**3, "mm": 10**6}[found.unit]
    assert list(found.factors) == pytest.approx([SPELLINGS[text] / in_nanometres] * 2)


@given(st.lists(spellings, min_size=1, max_size=3), st.floats(1e-3, 1e3))
def test_mixed_units_keep_every_length(texts: list[str], length: float) -> None:
    found = common_unit(texts, "pixel")
    for text, factor in zip(texts, found.factors, strict=True):
        assert length * factor * millimetres(found.unit) == pytest.approx(length * SPELLINGS[text] / 1e6)


@given(st.lists(st.sampled_from(PIXELS), min_size=1, max_size=3))
def test_pixels_are_pixels(texts: list[str]) -> None:
    assert common_unit(texts, "mm") == common_unit(["pixel"] * len(texts), "mm")
    assert common_unit(texts, "mm").unit == "pixel"
    assert common_unit(texts, "mm").warnings == ()


@given(st.permutations(["mm", "mm", "odd"]), st.sampled_from(UNKNOWN), st.sampled_from(["mm", "µm", "pixel"]))
def test_an_unknown_unit_is_never_taken_for_millimetres(texts: list[str], unknown: str, otherwise: Unit) -> None:
    found = common_unit([unknown if text == "odd" else text for text in texts], otherwise)
    assert (found.unit, found.factors) == ("pixel", (1.0, 1.0, 1.0))
    assert unknown in found.warnings[0]
    assert "pixels are taken" in found.warnings[0]


def test_lengths_mixed_with_pixels_are_told() -> None:
    found = common_unit(["um", "um", "pixel"], "mm")
    assert found.unit == "pixel"
    assert "mixed with pixels" in found.warnings[0]


@pytest.mark.parametrize("text", UNSTATED)
def test_what_is_not_stated_is_the_others_unit_or_the_formats(text: str) -> None:
    assert common_unit([text] * 3, "mm").unit == "mm"
    assert common_unit([None, text], "pixel").unit == "pixel"
    assert common_unit(["um", "um", text], "mm") == common_unit(["um"] * 3, "mm")


units = st.sampled_from(["mm", "µm"])


@given(units, units, st.tuples(*[st.floats(1e-3, 1e3)] * 3))
def test_a_grid_in_another_unit_is_the_same_grid(own: Unit, other: Unit, spacing: tuple[float, float, float]) -> None:
    grid = Geometry.with_spacing((5, 6, 4), spacing, own)
    there = grid.in_unit(other)
    assert there.unit == other
    assert there.spacing_mm == pytest.approx(grid.spacing_mm)
    assert there.in_unit(own).spacing == pytest.approx(grid.spacing)
    assert voxel_size(there) == pytest.approx(voxel_size(grid))


def test_pixels_have_no_length() -> None:
    grid = Geometry.of_picture(5, 6)
    assert grid.in_unit("mm") == grid
    assert grid.spacing_mm == grid.spacing
    assert voxel_size(grid) == 1.0


@pytest.mark.parametrize(("unit", "step"), [("mm", 2.0), ("µm", 2000.0)])
def test_a_voxel_is_so_many_millilitres_and_a_pixel_square_millimetres(unit: Unit, step: float) -> None:
    assert voxel_size(Geometry.with_spacing((5, 6, 4), (step, step, step), unit)) == pytest.approx(0.008)
    thick = Geometry((5, 6, 1), np.diag([step, step, 7 * step, 1.0]), unit)
    assert voxel_size(thick) == pytest.approx(4.0)
    assert measure(10, thick).value * millimetres(unit) ** 2 == pytest.approx(40.0)
