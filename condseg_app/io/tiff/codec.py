"""Reading and writing of TIFF."""

from condseg_app.io.codec import Codec
from condseg_app.io.tiff.reader import labels_in_tiff, read_tiff
from condseg_app.io.tiff.writer import image_to_tiff, labels_to_tiff

CODEC = Codec(
    read_image=read_tiff,
    read_labels=lambda path, pick, _: labels_in_tiff(path, pick),
    write_image=image_to_tiff,
    write_labels=labels_to_tiff,
)
