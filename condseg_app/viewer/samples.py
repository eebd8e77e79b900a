"""Sample images: generated, and shipped with the program."""

from dataclasses import dataclass
from pathlib import Path

from condseg_app.io.data_sets.generated import SAMPLE_IMAGES


@dataclass(frozen=True)
class Sample:
    """A small image and the shipped model that fits."""

    key: str
    title: str
    path: Path
    model: str


SAMPLES: tuple[Sample, ...] = (
    Sample("abdomen", "CT-like abdomen (generated volume)", SAMPLE_IMAGES / "abdomen.nii.gz", "phantom_ct"),
    Sample("street", "Street scene (generated picture)", SAMPLE_IMAGES / "street.png", "phantom_scene"),
)
