"""Output of `info` about a file or folder."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from condseg_app.cli.console import say

if TYPE_CHECKING:
    from condseg_app.io.describe import FileDescription

_MOST_VALUES = 20
_WIDTH = 19  # of "single-class groups"


def show_description(found: "FileDescription") -> None:
    """Print a description, a line for each property, and an empty line at the end."""
    for key, text in _lines(found):
        say(f"{key:{_WIDTH}} {text}".rstrip())
    say("")


def _lines(found: "FileDescription") -> Iterator[tuple[str, str]]:
    yield "path", found.path
    yield "kind", found.kind
    yield "format", found.format
    if found.shape:
        yield "shape", " x ".join(map(str, found.shape))
    if found.spacing:
        size = " x ".join(f"{step:g}" for step in found.spacing)
        yield "spacing", "not known" if found.unit == "pixel" else f"{size} {found.unit or 'mm'}"
    for key, value in (("orientation", found.orientation), ("type", found.dtype)):
        if value:
            yield key, value
    if len(found.channels) > 1:
        yield "channels", ", ".join(found.channels)
    yield from _details(found.details)
    for warning in found.warnings:
        yield "warning", warning


def _details(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "lowest" in details:
        yield "intensity", f"{details['lowest']:g} to {details['highest']:g}"
    for key, value in details.items():
        if key in ("lowest", "highest") or value in (None, "", (), {}, []):
            continue
        if key == "classes":
            for number, (name, label) in enumerate(value.items()):
                yield "" if number else key, f"{label:>5}  {name}"
        elif isinstance(value, Mapping):
            for number, text in enumerate(_counts(value)):
                yield "" if number else key, text
        else:
            yield key, _listed(value) if isinstance(value, list) else str(value)


def _listed(values: list[Any]) -> str:
    shown = ", ".join(map(str, values[:_MOST_VALUES]))
    return shown if len(values) <= _MOST_VALUES else f"{shown}, ... ({len(values)} in all)"


def _counts(table: Mapping[str, Any]) -> Iterator[str]:
    """'train 3, val 1'; a line for each variant where there are several tables."""
    plain = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    if plain:
        yield ", ".join(f"{name} {value}" for name, value in plain.items())
    for name, inner in table.items():
        if isinstance(inner, Mapping):
            yield f"{name}: {', '.join(_counts(inner))}"
