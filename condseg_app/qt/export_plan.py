"""Where an export goes unless somebody says otherwise."""

import os
import re
from pathlib import Path

from condseg_app.data import Image
from condseg_app.io import ExportFormat
from condseg_app.viewer.samples import SAMPLES

_SUFFIXES = re.compile(r"(\.nii|\.gz|\.png|\.jpe?g|\.tiff?|\.bmp)+$", re.IGNORECASE)


def suggested(image: Image, form: ExportFormat, folder: Path | None) -> Path:
    """Where the last export went, else beside the image, else at home; named after the image."""
    name = _SUFFIXES.sub("", image.name)
    beside = image.source.parent if image.source is not None else Path.home()
    usable = os.access(beside, os.W_OK) and beside not in {sample.path.parent for sample in SAMPLES}
    where = folder or (beside if usable else Path.home())
    return form.named(where, name)
