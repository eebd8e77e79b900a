"""Choices for a file of several images: a series, a frame, channels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from condseg_app.data import Pick
from condseg_app.errors import ReadError

__all__ = ["EVERYTHING", "ChoiceNeeded", "Pick", "What", "chosen_channel", "chosen_frame"]

What = Literal["series", "frame", "channel"]

_MOST_TOLD = 8
_MOST = 1 << 16

CHOICE_NEEDED = 3
"""The command line's exit code where an image of several has to be chosen."""
EVERYTHING = Pick()
"""No choice, for a file with a single image."""


class ChoiceNeeded(ReadError):
    """A file holds several images, and none was picked.

    Attributes:
        what: the kind of choice.
        options: values for the `Pick` field of that name, each with its display text.
    """

    def __init__(self, what: What, options: Sequence[tuple[str | int, str]], path: Path) -> None:
        self.what, self.options = what, tuple(options)
        told = [f"{value}: {text}" if str(value) != text else text for value, text in self.options]
        shown = "; ".join(told if len(told) <= _MOST_TOLD else (*told[:_MOST_TOLD], "..."))
        plural = "series" if what == "series" else f"{what}s"
        super().__init__(f"holds {len(self.options)} {plural}; choose one with --{what} ({shown})", path=path)

    def picked(self, value: str | int, before: Pick = EVERYTHING) -> Pick:
        """The `Pick` to read the file with, once an option is chosen.

        Args:
            value: of the chosen option.
            before: earlier choices for the file.
        """
        if self.what == "frame":
            return replace(before, frame=int(value))
        if self.what == "series":
            return replace(before, series=str(value))
        return replace(before, channel=str(value))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the options as well, for other processes."""
        return ChoiceNeeded, (self.what, self.options, self.path)


def check_count(count: int, what: What, path: Path) -> None:
    """Refuse more frames or channels than could be listed, before listing.

    Raises:
        ReadError: too many frames or channels.
    """
    if count > _MOST:
        raise ReadError(f"its header claims {count:,} {what}s, which cannot be; copy the file again", path=path)


def chosen_frame(count: int, pick: Pick, path: Path) -> int:
    """The frame to take of so many, from 0.

    Raises:
        ChoiceNeeded: there are several, and none was chosen.
        ReadError: there is none of that number, or far too many.
    """
    check_count(count, "frame", path)
    if pick.frame is None and count > 1:
        raise ChoiceNeeded("frame", [(n, f"frame {n + 1} of {count}") for n in range(count)], path)
    frame = pick.frame or 0
    if not 0 <= frame < count:
        raise ReadError(f"has no frame {frame}; choose one of 0 to {count - 1}", path=path)
    return frame


def chosen_channel(names: Sequence[str], pick: Pick, path: Path) -> int:
    """Index of the single channel to take.

    Raises:
        ChoiceNeeded: several channels, and none was chosen.
        ReadError: no channel has this name.
    """
    if pick.channel is None and len(names) > 1:
        raise ChoiceNeeded("channel", [(name, name) for name in names], path)
    if pick.channel is not None and pick.channel not in names:
        raise ReadError(f"has no channel '{pick.channel}'; choose one of: {', '.join(names)}", path=path)
    return 0 if pick.channel is None else list(names).index(pick.channel)
