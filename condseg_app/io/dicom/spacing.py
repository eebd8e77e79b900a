"""Sizes of pixels, from several elements."""

from pydicom.dataset import Dataset

from condseg_app.io.dicom.values import Oddities, numbers, one_number, value_of

_CENTIMETRES = 3  # DICOM PS3.3, C.8.5.5.1.15


def pixel_spacing(data: Dataset, measures: Dataset, odd: Oddities) -> tuple[float, float] | None:
    """Distance between pixels along I and J in mm; else the distance on a detector or of a probe.

    Args:
        data: the file's.
        measures: a frame's functional group, else the file's data.
        odd: takes a sentence on faulty or substituted values.
    """
    found = _positive(_of_both(measures, odd), "Pixel Spacing", odd)
    if found is None:
        found = _positive(numbers(data, "ImagerPixelSpacing", 2, odd), "Imager Pixel Spacing", odd)
        if found is not None:
            odd.append("its pixel sizes are those on the detector; the body is smaller by the magnification")
    if found is None:
        found = _positive(numbers(data, "NominalScannedPixelSpacing", 2, odd), "Nominal Scanned Pixel Spacing", odd)
    if found is None:
        sizes = _of_probe(data, odd)
        if sizes is None:
            odd += _of_unequal_sides(data)
        return sizes
    down, across = found
    return across, down


def _of_unequal_sides(data: Dataset) -> Oddities:
    """A sentence on pixels that are not square, but of unknown size."""
    sides = numbers(data, "PixelAspectRatio", 2, [])
    if sides is None or sides[0] == sides[1]:
        return []
    return [
        f"its pixels are not square (Pixel Aspect Ratio {sides[0]:g} to {sides[1]:g}); they are taken as if they were"
    ]


def _of_both(measures: Dataset, odd: Oddities) -> tuple[float, ...] | None:
    """Pixel Spacing, also where a single number stands for both directions."""
    single: Oddities = []
    side = one_number(measures, "PixelSpacing", single)
    if side is None or single:
        return numbers(measures, "PixelSpacing", 2, odd)
    odd.append(f"its Pixel Spacing is one number, {side:g}; it is taken for both directions")
    return side, side


def _positive(spacing: tuple[float, ...] | None, name: str, odd: Oddities) -> tuple[float, ...] | None:
    if spacing is None or min(spacing) > 0:
        return spacing
    shown = " x ".join(f"{part:g}" for part in spacing)
    odd.append(f"its {name} is {shown} mm, which cannot be; it is left aside")
    return None


def _of_probe(data: Dataset, odd: Oddities) -> tuple[float, float] | None:
    """Pixel sizes in mm of an ultrasound picture with a single calibrated region, stated in cm."""
    regions = value_of(data, "SequenceOfUltrasoundRegions") or []
    if len(regions) != 1:
        return None
    units = {value_of(regions[0], f"PhysicalUnits{axis}Direction") for axis in "XY"}
    across, down = (one_number(regions[0], f"PhysicalDelta{axis}", odd) for axis in "XY")
    if units != {_CENTIMETRES} or not across or not down:
        return None
    return 10 * abs(across), 10 * abs(down)
