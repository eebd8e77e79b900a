"""Names of classes, cases and images as names of files that every file system takes."""

import hashlib
import re

_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]|^\.|[. ]$')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows
_MOST_BYTES = 190
"""What may be added to a name, endings and folders, has room up to the 255 bytes of most file systems."""


def short_hash(text: str) -> str:
    """Eight letters by which a text is known again."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def as_file_name(name: str) -> str:
    """A name without what a file's name may not hold; a long one is cut, with a hash of the whole at its end.

    The same name gives the same file's name, always.
    """
    safe = _REFUSED.sub("_", name)
    if _DEVICES.fullmatch(safe):
        safe = f"_{safe}"
    if len(safe.encode()) <= _MOST_BYTES:
        return safe
    told = short_hash(name)
    cut = safe.encode()[: _MOST_BYTES - len(told) - 1].decode(errors="ignore")
    return f"{cut}-{told}"
