"""Where an export goes unless somebody says otherwise."""

import os
from pathlib import Path

from condseg_app.data import Image
from condseg_app.io import ExportFormat, can_read
from condseg_app.io.contents import name_of
from condseg_app.viewer.samples import SAMPLES


def suggested(image: Image, form: ExportFormat, folder: Path | None) -> Path:
    """Where the last export went, else beside the image, else at home; named after the image."""
    called = Path(image.name)  # a layer may be called as its file
    name = name_of(called) if can_read(called) else image.name
    beside = image.source.parent if image.source is not None else Path.home()
    usable = os.access(beside, os.W_OK) and beside not in {sample.path.parent for sample in SAMPLES}
    where = folder or (beside if usable else Path.home())
    return form.named(where, name)
