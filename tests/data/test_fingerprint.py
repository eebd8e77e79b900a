from pathlib import Path

import numpy as np

from condseg_app.data import Fingerprint, Geometry, Image, intensity_range
from condseg_app.io import models_available, read_image
from condseg_app.io.data_sets.generated import SAMPLE_IMAGES, is_generated


def volume(spacing: float, side: int, low: float = 0.0) -> Image:
    voxels = np.random.default_rng(0).uniform(low, low + 100, (1, side, side, side)).astype(np.float32)
    return Image(voxels, Geometry.with_spacing((side,) * 3, (spacing,) * 3))


def test_images_of_the_training_are_not_unlike_it() -> None:
    images = [volume(1.0, 12), volume(1.2, 20)]
    found = Fingerprint.of(images, generated=False)
    assert found is not None
    assert Fingerprint.of_plain(found.plain()) == found
    for image in images:
        assert found.unlike(image.geometry, intensity_range(image), absolute=True) == ()


def test_what_differs_is_named() -> None:
    found = Fingerprint.of([volume(1.0, 12)], generated=False)
    assert found is not None
    other = volume(3.0, 40, low=-900.0)
    assert found.unlike(other.geometry, intensity_range(other), absolute=True) == (
        "spacing 3.0 mm, trained on 1.0 mm",
        "size 120 × 120 × 120 mm, trained on 12 × 12 × 12 mm",
        "intensities -899 to -801, trained on 1 to 99",
    )
    in_micrometres = Geometry(other.geometry.shape, np.diag([1000.0, 1000.0, 1000.0, 1.0]), "µm")
    assert found.unlike(in_micrometres, None, absolute=True) == ("size 40 × 40 × 40 mm, trained on 12 × 12 × 12 mm",)


def test_no_record_is_no_fingerprint() -> None:
    for content in (None, {}, {"unit": "mm"}, "text", {"unit": "mm", "spacing": [1], "extent": [], "intensity": []}):
        assert Fingerprint.of_plain(content) is None


def test_shipped_models_say_what_they_were_trained_on_and_the_sample_is_like_it() -> None:
    shipped = {file.name: file.description.fingerprint for file in models_available()}
    names = ("hippocampus", "phantom_ct", "phantom_scene")
    assert [found.generated for name in names if (found := shipped[name]) is not None] == [False, True, True]
    for name, file in (("phantom_ct", "abdomen.nii.gz"), ("phantom_scene", "street.png")):
        image, found = read_image(SAMPLE_IMAGES / file), shipped[name]
        assert found is not None
        assert found.unlike(image.geometry, intensity_range(image), absolute=True) == ()
        assert is_generated(image)
    assert not is_generated(Image(volume(1.0, 4).array, volume(1.0, 4).geometry, source=Path("/somewhere/scan.nii.gz")))
