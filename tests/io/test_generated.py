"""Tests of the recognition of samples."""

import pytest

from condseg_app.io import read_image
from condseg_app.io.data_sets.generated import SAMPLE_IMAGES, is_sample


def test_sample_is_recognized_by_relative_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLE_IMAGES.parent)
    assert is_sample(read_image(SAMPLE_IMAGES.relative_to(SAMPLE_IMAGES.parent) / "street.png"))


def test_link_to_a_sample_is_a_sample_and_a_copy_is_not(tmp_path_factory: pytest.TempPathFactory) -> None:
    sample = SAMPLE_IMAGES / "street.png"
    link, copy = (tmp_path_factory.mktemp(name) / "street.png" for name in ("link", "copy"))
    link.symlink_to(sample)
    copy.write_bytes(sample.read_bytes())
    assert is_sample(read_image(link))
    assert not is_sample(read_image(copy))
