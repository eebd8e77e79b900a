"""Reading of DICOM images and segmentations; segmentations are written by `exports`."""

from condseg_app.io.codec import Codec, labels_by
from condseg_app.io.dicom.seg import classes_in_dicom, is_dicom_seg, labels_in_dicom, read_dicom_seg
from condseg_app.io.dicom.series import read_dicom

_labels = labels_by(read_dicom)

CODEC = Codec(
    read_image=read_dicom,
    read_labels=lambda path, pick, onto: (
        labels_in_dicom(path, onto) if is_dicom_seg(path) else _labels(path, pick, onto)
    ),
    segments_inside=lambda path, onto: read_dicom_seg(path, onto) if is_dicom_seg(path) else None,
    classes_inside=lambda path: classes_in_dicom(path) if is_dicom_seg(path) else None,
)
