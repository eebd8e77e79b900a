"""Images to try things on: generated ones, that come with the program."""

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "sample_images"


@dataclass(frozen=True)
class Sample:
    """A small image and the shipped model that fits it."""

    key: str
    title: str
    path: Path
    model: str


SAMPLES: tuple[Sample, ...] = (
    Sample("abdomen", "CT-like abdomen (generated volume)", _FOLDER / "abdomen.nii.gz", "phantom_ct"),
    Sample("street", "Street scene (generated picture)", _FOLDER / "street.png", "phantom_scene"),
)
