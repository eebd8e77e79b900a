"""Reading and writing of pictures: PNG, JPEG and BMP."""

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from condseg_app.data import Geometry, Pick
from condseg_app.errors import ReadError
from condseg_app.io.codec import Codec
from condseg_app.io.pictures.reader import read_indices, read_picture
from condseg_app.io.pictures.writer import image_to_png, labels_to_png


def _refused(path: Path, pick: Pick, onto: Geometry | None) -> NoReturn:
    raise ReadError("JPEG changes values, so it cannot hold labels; save them as PNG", path=path)


BMP = Codec(read_image=lambda path, _: read_picture(path), read_labels=lambda path, *_: read_indices(path))
JPEG = replace(BMP, read_labels=_refused)
PNG = replace(BMP, write_image=image_to_png, write_labels=labels_to_png)
