"""Numbers of DICOM elements, also in forms that the standard does not allow.

A faulty value does not make a whole file unreadable: the evident meaning is taken, or the value is ignored, and a
sentence names the element and the value.
"""

import re
import struct
from collections.abc import Sequence
from typing import Any

from pydicom.datadict import dictionary_description
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from condseg_app.errors import ReadError

DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""Errors of pydicom, highdicom and the decoders for damaged or incomplete files."""

Oddities = list[str]
"""Readers' notes on oddities, a sentence each."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LONGEST_SHOWN = 40
# No sensible length, time or scaling is larger; numbers that are not finite are refused as well.
_MOST = 1e35


def name_of_element(keyword: str) -> str:
    """Name of an element: 'Pixel Spacing'."""
    return dictionary_description(keyword)


def value_of(data: Dataset, keyword: str) -> Any:
    """An element's value by pydicom, the bytes where that fails; None if missing."""
    try:
        value = data.get(keyword)
    except DAMAGE:
        value = getattr(data.get_item(keyword), "value", None)  # the bytes are still there
    return None if value is None or (isinstance(value, str | bytes | Sequence) and not len(value)) else value


def numbers(data: Dataset, keyword: str, count: int, odd: Oddities) -> tuple[float, ...] | None:
    """A given count of finite numbers of an element, None if missing.

    Args:
        data: the data set, or an item of a sequence.
        keyword: of the element.
        count: expected count of numbers.
        odd: takes a sentence on a faulty value.
    """
    value = value_of(data, keyword)
    if value is None:
        return None
    parts = list(value) if _is_many(value) else [value]
    found = _exact(parts)
    if found is None or len(found) != count:
        found, shown = _meant(parts, count), _shown(parts)
        if found is None:
            what = "no number" if count == 1 else f"not {count} numbers"
            odd.append(f"its {name_of_element(keyword)} is '{shown}', which is {what}; it is left aside")
            return None
        taken = ", ".join(f"{number:g}" for number in found)
        odd.append(f"its {name_of_element(keyword)} is written '{shown}'; {taken} is taken")
    return found


def one_number(data: Dataset, keyword: str, odd: Oddities) -> float | None:
    """A finite number of an element, None if missing."""
    found = numbers(data, keyword, 1, odd)
    return None if found is None else found[0]


def whole_number(data: Dataset, keyword: str, otherwise: int) -> int:
    """A whole number of an element that the pixels depend on; `otherwise` if missing.

    Raises:
        ReadError: the value is no whole number.
    """
    value = value_of(data, keyword)
    if value is None:
        return otherwise
    parts = list(value) if _is_many(value) else [value]
    found = _exact(parts)
    if found is None or len(found) != 1 or not found[0].is_integer():
        raise ReadError(
            f"its {name_of_element(keyword)} is '{_shown(parts)}', which is no whole number; correct the header with a "
            "DICOM editor"
        )
    return int(found[0])


def _exact(parts: Sequence[Any]) -> tuple[float, ...] | None:
    """The numbers, if all are written correctly; else None."""
    try:
        found = tuple(float(_text(part)) if isinstance(part, str | bytes) else float(part) for part in parts)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if all(abs(number) < _MOST for number in found) else None


def _meant(parts: Sequence[Any], count: int) -> tuple[float, ...] | None:
    """The numbers as a person reads them: with decimal commas, units, or other separators."""
    if not all(isinstance(part, str | bytes | float | int) for part in parts):
        return None
    texts = [_text(part) for part in parts]
    if len(texts) == count:
        whole = [_NUMBER.match(_COMMA.sub(".", text)) for text in texts]
        found = [match[0] for match in whole if match]
    else:
        found = _NUMBER.findall(" ".join(texts).replace(",", " "))
    return _exact(found) if len(found) == count else None


def _text(part: Any) -> str:
    if isinstance(part, Dataset):
        return "a data set"  # of a sequence; writing its elements out may fail as reading them does
    plain = part.decode("latin-1") if isinstance(part, bytes) else str(part)
    return plain.replace("\0", " ").strip()


def _shown(parts: Sequence[Any]) -> str:
    text = "\\".join(_text(part) for part in parts)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _is_many(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
