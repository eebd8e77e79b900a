"""Names of any script in figures: in fonts with the needed letters, or as numbers where no font has the letters."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, fontManager, get_font


@contextmanager
def plain_text(texts: Sequence[str]) -> Iterator[None]:
    """Draw texts literally: in fonts with the needed letters, and without formulas in names like 'T$1'.

    Args:
        texts: the texts to be drawn.
    """
    with mpl.rc_context({"font.family": [*_fonts_for(set().union(*texts))], "text.parse_math": False}):
        yield


def labels_of(names: Sequence[str]) -> tuple[list[str], bool]:
    """Label for each name, and whether all names are written out; '3' replaces the third if no font has the letters."""
    drawn = {letter for font in _fonts_for(set().union(*names)) for letter in set().union(*names) if _has(font, letter)}
    written = [name if set(name) <= drawn else str(number) for number, name in enumerate(names, start=1)]
    return [f" {text}" if text.startswith("_") else text for text in written], written == list(names)


def _fonts_for(letters: set[str]) -> list[str]:
    """Names of fonts, the usual font first, that together cover as many of the letters as the installed fonts do."""
    fonts = ["DejaVu Sans"]
    missing = {letter for letter in letters if not _has(fonts[0], letter)}
    for font in _installed() if missing else ():
        found = {letter for letter in missing if _has(font, letter)}
        if found:
            fonts.append(font)
            missing -= found
        if not missing:
            break
    return fonts


@cache
def _installed() -> tuple[str, ...]:
    return tuple(sorted({entry.name for entry in fontManager.ttflist}))


@cache
def _has(font: str, letter: str) -> bool:
    try:
        return bool(get_font(fontManager.findfont(FontProperties(family=font))).get_char_index(ord(letter)))
    except (RuntimeError, OSError, ValueError):  # an unusable font, such as a bitmap font
        return False
