"""What must be chosen of a file that holds more than one image: a series, a frame, channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from condseg_app.errors import ReadError

What = Literal["series", "frame", "channel"]


@dataclass(frozen=True)
class Pick:
    """What was chosen of a file; None where nothing has to be, or was not asked yet.

    Attributes:
        series: of a DICOM folder, its series instance UID.
        frame: of a series of volumes in time, from 0.
        channel: the name of the one channel to take of several that are no colours.
    """

    series: str | None = None
    frame: int | None = None
    channel: str | None = None


EVERYTHING = Pick()
"""Nothing chosen: what a file with one image needs."""


class ChoiceNeeded(ReadError):
    """A file holds more than one image, and it was not said which to take.

    Attributes:
        what: to choose.
        options: values for the field of `Pick` that is called so, with what to show of each.
    """

    def __init__(self, what: What, options: Sequence[tuple[str | int, str]], path: Path) -> None:
        self.what, self.options = what, tuple(options)
        shown = "; ".join(f"{value}: {text}" if str(value) != text else text for value, text in self.options)
        plural = "series" if what == "series" else f"{what}s"
        super().__init__(f"holds {len(self.options)} {plural}; choose one with --{what} ({shown})", path=path)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes with what there is to choose."""
        return ChoiceNeeded, (self.what, self.options, self.path)
