"""Names of classes, cases and images as names of files that every file system takes."""

import hashlib
import re
import unicodedata

_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]|^\.|[. ]$')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows
_MOST_BYTES = 190
"""Longest name that leaves room for endings and folders within the 255 bytes of most file systems."""


def short_hash(text: str) -> str:
    """Eight hexadecimal digits that identify a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def composed(name: str) -> str:
    """A name with its accents in one form, for macOS writes 'é' as two characters."""
    return unicodedata.normalize("NFC", name)


def same_name(name: str) -> str:
    """Equal for names that differ only in case and in the form of accents."""
    return composed(name).casefold()


def as_file_name(name: str) -> str:
    """A name without the characters that file systems forbid; a long name is cut, ending with a hash of the whole.

    The same name always gives the same file name.
    """
    safe = _REFUSED.sub("_", name)
    if _DEVICES.fullmatch(safe):
        safe = f"_{safe}"
    if len(safe.encode()) <= _MOST_BYTES:
        return safe
    told = short_hash(name)
    cut = safe.encode()[: _MOST_BYTES - len(told) - 1].decode(errors="ignore")
    return f"{cut}-{told}"
