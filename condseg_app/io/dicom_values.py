"""Numbers of DICOM elements, also where they are written as the standard does not allow.

A faulty value does not make a whole file unreadable: what it must mean is taken, or it is left aside, and a sentence
that names the element and its value says so.
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
"""What pydicom, highdicom and the decoders raise for files that are damaged or lack something."""

Oddities = list[str]
"""Where readers put what is odd, a sentence each."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LONGEST_SHOWN = 40
# Beyond it no length, time or scaling is meant; nor are numbers that are not finite.
_MOST = 1e35


def name_of_element(keyword: str) -> str:
    """What an element is called: 'Pixel Spacing'."""
    return dictionary_description(keyword)


def value_of(data: Dataset, keyword: str) -> Any:
    """An element's value as pydicom has it, its bytes where that fails; None where there is none."""
    try:
        value = data.get(keyword)
    except DAMAGE:
        value = getattr(data.get_item(keyword), "value", None)  # the bytes are there still
    return None if value is None or (isinstance(value, str | bytes | Sequence) and not len(value)) else value


def numbers(data: Dataset, keyword: str, count: int, odd: Oddities) -> tuple[float, ...] | None:
    """So many finite numbers of an element, None where they are not there.

    Args:
        data: the data set, or an item of a sequence.
        keyword: of the element.
        count: how many numbers there should be.
        odd: takes a sentence where the value is faulty.
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
    """A finite number of an element, None where there is none."""
    found = numbers(data, keyword, 1, odd)
    return None if found is None else found[0]


def whole_number(data: Dataset, keyword: str, otherwise: int) -> int:
    """A whole number of an element without which the pixels cannot be understood; `otherwise` where there is none.

    Raises:
        ReadError: the value is none.
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
    """The numbers, where all are written as such."""
    try:
        found = tuple(float(_text(part)) if isinstance(part, str | bytes) else float(part) for part in parts)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if all(abs(number) < _MOST for number in found) else None


def _meant(parts: Sequence[Any], count: int) -> tuple[float, ...] | None:
    """The numbers that a person reads: with decimal commas, units, or another mark between them."""
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
    plain = part.decode("latin-1") if isinstance(part, bytes) else str(part)
    return plain.replace("\0", " ").strip()


def _shown(parts: Sequence[Any]) -> str:
    text = "\\".join(_text(part) for part in parts)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _is_many(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
