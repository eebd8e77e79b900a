"""Units of length: all spellings of files and viewers, and the only place of conversion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["mm", "µm", "pixel"]

# Nanometres per unit: whole numbers, so that conversions round once. American spelling, singular.
_NANOMETRES: Mapping[str, float] = {
    "pm": 1e-3, "picometer": 1e-3, "å": 0.1, "angstrom": 0.1, "ångström": 0.1, "ångstrom": 0.1,
    "nm": 1.0, "nanometer": 1.0, "millimicron": 1.0,
    "um": 1e3, "micrometer": 1e3, "micron": 1e3, "mcm": 1e3, "mum": 1e3, "u": 1e3,
    "mm": 1e6, "millimeter": 1e6, "milimeter": 1e6,
    "cm": 1e7, "centimeter": 1e7, "dm": 1e8, "decimeter": 1e8,
    "m": 1e9, "meter": 1e9, "km": 1e12, "kilometer": 1e12,
    "inch": 2.54e7, "in": 2.54e7, '"': 2.54e7, "mil": 2.54e4, "thou": 2.54e4, "ft": 3.048e8, "foot": 3.048e8,
}  # fmt: skip
_PIXELS = ("pixel", "pix", "px", "voxel", "vox")
_UNSTATED = ("", "none", "unknown", "undefined", "null", "n/a", "?", "??", "???")
_IN_NANOMETRES: Mapping[Unit, float] = {"mm": 1e6, "µm": 1e3, "pixel": 1.0}
_MILLIMETRES: Mapping[Unit, float] = {"mm": 1.0, "µm": 1e-3, "pixel": 1.0}


@dataclass(frozen=True)
class CommonUnit:
    """Common unit of all axes.

    Attributes:
        unit: of all axes.
        factors: factor for each axis's lengths.
        warnings: a sentence each.
    """

    unit: Unit
    factors: tuple[float, ...]
    warnings: tuple[str, ...] = ()


def common_unit(stated: Sequence[str | None], otherwise: Unit) -> CommonUnit:
    """The unit for axes whose units are stated in any spelling: µm if any has no more, else mm.

    Pixels are taken, with a warning, where a unit is not known or lengths are mixed with pixels.

    Args:
        stated: each axis's unit; empty or None where nothing is said, which is then the others' unit.
        otherwise: the unit if nothing is said of any axis.
    """
    names = [_plain(text or "") for text in stated]
    said = [name for name in names if name not in _UNSTATED]
    if not said:
        return CommonUnit(otherwise, (1.0,) * len(names))
    in_pixels = [name in _PIXELS for name in said]
    if all(in_pixels):
        return CommonUnit("pixel", (1.0,) * len(names))
    unknown = any(name not in _NANOMETRES and name not in _PIXELS for name in said)
    if unknown or any(in_pixels):
        shown = ", ".join(dict.fromkeys((text or "none").strip()[:20] for text in stated))
        what = "are not known" if unknown else "are mixed with pixels"
        return CommonUnit("pixel", (1.0,) * len(names), (f"its units of length {what} ({shown}); pixels are taken",))
    lengths = [_NANOMETRES.get(name, _NANOMETRES[said[0]]) for name in names]
    unit: Unit = "µm" if min(lengths) <= _IN_NANOMETRES["µm"] else "mm"
    return CommonUnit(unit, tuple(length / _IN_NANOMETRES[unit] for length in lengths))


def millimetres(unit: Unit) -> float:
    """Millimetres per unit; 1 for pixels, which have no length."""
    return _MILLIMETRES[unit]


def conversion(unit: Unit, wanted: Unit) -> float:
    """Factor that converts lengths to another unit; 1 if either is the pixel."""
    return 1.0 if "pixel" in (unit, wanted) else _IN_NANOMETRES[unit] / _IN_NANOMETRES[wanted]


def _plain(text: str) -> str:
    """A unit in small letters and American spelling, without plural; both letters µ, or an unreadable letter, as u."""
    name = text.strip().strip("'").strip()
    name = name if name == '"' else name.strip('"').strip()
    for mu in ("\\u00b5", "\\u00B5", "\\u03bc", "\\u03BC", "\u00c2\u00b5", "\u00b5", "\u03bc", "\ufffd"):
        name = name.replace(mu, "u")
    name = name.lower().rstrip(".").replace("metre", "meter").replace("inches", "inch").replace("feet", "foot")
    return name[:-1] if len(name) > 3 and name.endswith("s") else name
