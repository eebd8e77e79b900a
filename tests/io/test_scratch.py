"""Arrays in temporary files."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from condseg_app.errors import WriteError
from condseg_app.io.voxels import scratch
from condseg_app.io.voxels.scratch import ScratchArray


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_was_written_comes_back_and_the_rest_is_zero(dtype: type[np.uint8 | np.uint16]) -> None:
    expected: NDArray[np.generic] = np.zeros((7, 6, 5), dtype)
    array = ScratchArray((7, 6, 5), np.dtype(dtype))
    values: NDArray[np.generic] = np.random.default_rng(0).integers(1, 200, (3, 4, 2)).astype(dtype)
    array.write((slice(2, 5), slice(1, 5), slice(0, 2)), values)
    expected[2:5, 1:5, :2] = values
    assert array.shape == expected.shape
    assert np.array_equal(array[...], expected)
    assert np.array_equal(array[..., 1:3], expected[..., 1:3])
    assert array[3, 2, 1] == expected[3, 2, 1]


def test_no_file_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch, "roomy_folder", lambda: tmp_path)
    array = ScratchArray((4, 4, 4), np.dtype(np.uint8))
    array.write((slice(0, 4), slice(0, 4), slice(0, 4)), np.ones((4, 4, 4), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    array = ScratchArray((4, 4, 4), np.dtype(np.uint8))
    monkeypatch.setattr(scratch, "write_box", full)
    with pytest.raises(WriteError, match=r"No space left on device.*let TMPDIR name a roomier folder"):
        array.write((slice(0, 4), slice(0, 4), slice(0, 4)), np.ones((4, 4, 4), np.uint8))
