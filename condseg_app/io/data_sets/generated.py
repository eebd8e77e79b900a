"""Images made by formulas: the samples, and the data sets of `condseg phantom`."""

from pathlib import Path

from condseg_app.data import Image
from condseg_app.errors import ReadError
from condseg_app.io.data_sets.dataset_json import read_dataset_json

SAMPLE_IMAGES = Path(__file__).resolve().parents[2] / "viewer" / "sample_images"
"""The samples that come with the program."""

_MADE_BY = ("reference", "CondSeg")


def is_generated(image: Image) -> bool:
    """Whether an image is a sample, or of a data set that the program has made."""
    if image.source is None or is_sample(image):
        return image.source is not None
    key, value = _MADE_BY
    try:
        return read_dataset_json(image.source.resolve().parent.parent).content.get(key) == value
    except ReadError:
        return False


def is_sample(image: Image) -> bool:
    """Whether an image comes with the program, however its path is written; no file is read."""
    return image.source is not None and image.source.resolve().parent == SAMPLE_IMAGES
