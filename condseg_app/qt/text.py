"""Texts for figures: units with every number, times as 0:07."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from condseg_app.data import DeviceInfo, Geometry, Image, Pick
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.remote import Endpoint
from condseg_app.session import Measure

_DECIMALS = {"ml": 2, "mm²": 1, "µm²": 0, "µm³": 0, "pixels": 0, "voxels": 0}
_LONGEST_NAME = 48
_SHORT = {"pixels": "px", "voxels": "vox"}


def measure_text(measure: Measure, *, short: bool = False) -> str:
    """'1.62 ml', '312 ml', '1,204 pixels'; short: '1,204 px', and '12.3 M px' where there are millions."""
    unit = _SHORT.get(measure.unit, measure.unit) if short else measure.unit
    if short and measure.value >= 1e6:
        return f"{measure.value / 1e6:.1f} M {unit}"
    decimals = max(0, _DECIMALS[measure.unit] - sum(measure.value >= bound for bound in (10, 100)))
    return f"{measure.value:,.{decimals}f} {unit}"


def time_text(seconds: float | None) -> str:
    """'0:07', '1:02:03'; empty for an unknown time."""
    if seconds is None or seconds != seconds or seconds == float("inf"):
        return ""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration_text(seconds: float) -> str:
    """'40 seconds', '14 minutes', '2 hours and 5 minutes'."""
    if seconds < 60:
        return counted(round(seconds), "second")
    minutes = round(seconds / 60)
    if minutes < 60:
        return counted(minutes, "minute")
    hours, rest = divmod(minutes, 60)
    return counted(hours, "hour") + (f" and {counted(rest, 'minute')}" if rest else "")


def spacing_text(geometry: Geometry) -> str:
    """'1.0 mm', '0.8 x 0.8 x 2.5 mm'; how many pixels where no size is known."""
    steps = geometry.spacing[:2] if geometry.is_2d else geometry.spacing
    if geometry.unit == "pixel":
        return " × ".join(str(n) for n in (geometry.shape[:2] if geometry.is_2d else geometry.shape))
    figures = [f"{step:.1f}" if step >= 0.95 else f"{step:.2g}" for step in steps]
    return f"{figures[0] if len(set(figures)) == 1 else ' × '.join(figures)} {geometry.unit}"


def image_details(image: Image) -> str:
    """Tooltip of an image's name, as rich text."""
    geometry = image.geometry
    shape = geometry.shape[:2] if geometry.is_2d else geometry.shape
    rows = [
        ("Voxels" if not geometry.is_2d else "Pixels", " × ".join(str(n) for n in shape)),
        ("Spacing", "not known" if geometry.unit == "pixel" else spacing_text(geometry)),
        ("Orientation", geometry.orientation if geometry.unit == "mm" else "as in the file"),
        ("Channels", ", ".join(image.channels)),
        *([("Frame", str(image.pick.frame + 1))] if image.pick.frame is not None else []),
        ("Type", str(image.array.dtype)),
        ("File", str(image.source) if image.source is not None else "in memory only"),
    ]
    table = "".join(f"<tr><td><b>{name}</b>&nbsp;</td><td>{escape(value)}</td></tr>" for name, value in rows)
    warnings = "".join(f"<p>⚠ {escape(warning)}</p>" for warning in image.warnings)
    return f"<b>{escape(image.name)}</b><table>{table}</table>{warnings}"


def as_it_is(text: str) -> str:
    """Plain text for a tooltip: Qt takes some texts for HTML, and those are escaped."""
    return f"<p>{escape(text)}</p>" if "<" in text else text


def without_mnemonic(text: str) -> str:
    """A text for a button or a menu, where Qt underlines the letter behind an '&'."""
    return text.replace("&", "&&")


def choice_text(needed: ChoiceNeeded) -> str:
    """Question with the number of frames: 'film.nii.gz holds 12 frames. Which one is to be opened?'."""
    name = "The file" if needed.path is None else needed.path.name
    if len(name) > _LONGEST_NAME:  # a label wraps between words only
        name = f"{name[: _LONGEST_NAME // 2]}…{name[-_LONGEST_NAME // 2 :]}"
    number = counted(len(needed.options), needed.what, "series" if needed.what == "series" else None)
    return f"{name} holds {number}. Which one is to be opened?"


def file_text(path: Path, pick: Pick) -> str:
    """'film.nii.gz', 'film.nii.gz, frame 2, channel DAPI'; a series has a number that says nothing."""
    frame = "" if pick.frame is None else f", frame {pick.frame + 1}"
    return f"{path.name}{frame}{'' if pick.channel is None else f', {pick.channel}'}"


def device_text(device: DeviceInfo | None, place: Endpoint | None = None) -> str:
    """'this computer, CPU (2 threads)', 'workstation, NVIDIA H200'."""
    computer = "this computer" if place is None else place.host
    if device is None:
        return computer
    if device.kind == "cpu":
        return f"{computer}, CPU ({counted(device.threads, 'thread')})"
    return f"{computer}, {device.name}"


def device_hint(device: DeviceInfo | None, place: Endpoint | None = None) -> str:
    """Calm hint about a device's speed."""
    if device is None:
        return "The engine is starting." if place is None else f"{place.address} has not answered yet."
    if device.kind == "cpu":
        return (
            f"{device.name}. Everything works without a GPU, only slower: expect about a second a window "
            "and a minute or two to teach a class."
        )
    return f"{device.name}. Predictions and lessons run on this GPU."


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """'1 slice', '3 slices', '1,204 voxels'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """'a, b, c and 12 more'."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
