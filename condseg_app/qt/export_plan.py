"""Default place and name of an export."""

import os
import re
from pathlib import Path

from condseg_app.data import Image, Pick
from condseg_app.io import ExportFormat
from condseg_app.io.contents import without_ending
from condseg_app.io.data_sets.generated import is_sample


def suggested(image: Image, form: ExportFormat, folder: Path | None) -> Path:
    """Folder of the image's last export, else the image's own, else home; named after the opened file.

    Args:
        image: the image of the masks.
        form: the format.
        folder: folder of the image's last export; None without an export.
    """
    beside = image.source.parent if image.source is not None else Path.home()
    usable = os.access(beside, os.W_OK) and not is_sample(image)
    there = folder if folder is not None and folder.is_dir() else None
    where = there or (beside if usable else Path.home())
    return form.named(where, without_ending(image.name) + _chosen(image.pick))


def _chosen(pick: Pick) -> str:
    """Suffix that separates the masks of one frame or channel from another's; a series has its own name."""
    frame = "" if pick.frame is None else f"_frame{pick.frame + 1}"
    channel = "" if pick.channel is None else "_" + re.sub(r"\W+", "-", pick.channel)
    return frame + channel
