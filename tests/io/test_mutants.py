"""Five thousand files damaged on purpose: each is read, or refused in one sentence.

More of them, with what each of them was, are tried by benchmarks/fuzz_failures.py.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

if sys.platform != "linux":
    pytest.skip("limits of memory and time are set as Linux does", allow_module_level=True)

from harness.mutant_formats import CHANGES
from harness.mutant_seeds import seeds
from harness.mutant_trials import trial
from harness.mutants import mutant

from condseg_app.data import Geometry, Image
from condseg_app.errors import ReadError
from condseg_app.io import read_image
from condseg_app.io.formats import FORMATS
from condseg_app.io.image_files import write_image

RUN = 0
MUTANTS = 5000


@pytest.mark.timeout(900)  # less than a minute of computing; these machines are busy
def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    tally = trial(RUN, 0, MUTANTS, tmp_path)
    assert tally.failures == {}
    assert tally.tried == MUTANTS
    assert all(tally.read[name] and tally.refused[name] for name in CHANGES)  # neither too tame nor hopeless


def test_a_mutant_can_be_made_again() -> None:
    first, second = seeds(), seeds()
    assert first == second
    assert [mutant(first, CHANGES, 1, n) for n in range(200)] == [mutant(second, CHANGES, 1, n) for n in range(200)]
    assert mutant(first, CHANGES, 1, 7) != mutant(first, CHANGES, 2, 7)


def test_every_format_has_mutants() -> None:
    assert {form.name for form in FORMATS} <= set(CHANGES)
    assert {seed.format for seed in seeds()} == set(CHANGES)


# What was found, each once more for itself


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.nii")
    with pytest.raises(ReadError, match="no plain file"):
        read_image(tmp_path / "a.nii")


def test_pages_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3, 8, 8), np.uint8), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as file:
        first, last = file.pages[0].offset, file.pages[-1].aspage()
        end = last.offset + 2 + 12 * len(last.tags)
    content = path.read_bytes()
    path.write_bytes(content[:end] + first.to_bytes(4, "little") + content[end + 4 :])
    with pytest.raises(ReadError, match="in a circle"):
        read_image(path)


def test_channels_beyond_counting_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    write_image(path, Image(np.ones((1, 5, 6, 4), np.uint8), Geometry.with_spacing((5, 6, 4), (1, 1, 1))))
    more = b"ElementNumberOfChannels = 9999999999\nElementDataFile"
    path.write_bytes(path.read_bytes().replace(b"ElementDataFile", more))
    with pytest.raises(ReadError, match="9,999,999,999 channels"):
        read_image(path)


def test_what_a_file_says_is_shown_as_plain_text() -> None:
    error = ReadError("holds \x1b[31mred\nand\x00 " + "x" * 5000)
    assert error.message.startswith("holds [31mred and x")
    assert error.message.isprintable()
    assert len(error.message) < 1100
