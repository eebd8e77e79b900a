"""Reading and writing of NRRD, and of 3D Slicer's segmentations."""

from condseg_app.io.codec import Codec, image_by, labels_by
from condseg_app.io.nrrd.nrrd import read_nrrd
from condseg_app.io.nrrd.segments import classes_in_nrrd, read_segments, segments_in_nrrd
from condseg_app.io.nrrd.writer import labels_to_nrrd

_labels = labels_by(read_nrrd)

CODEC = Codec(
    read_image=read_nrrd,
    read_labels=lambda path, pick, onto: read_segments(path) or _labels(path, pick, onto),
    segments_inside=lambda path, _: segments_in_nrrd(path),
    classes_inside=classes_in_nrrd,
    write_image=image_by(labels_to_nrrd),
    write_labels=labels_to_nrrd,
)
