"""Five thousand files damaged on purpose: each is read, or refused in one sentence.

More of them, with what each of them was, are tried by benchmarks/fuzz_failures.py.
"""

import json
import os
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import zarr

if sys.platform != "linux":
    pytest.skip("limits of memory and time are set as Linux does", allow_module_level=True)

from harness.mutant_dicom import segmentation
from harness.mutant_formats import CHANGES
from harness.mutant_seeds import seeds
from harness.mutant_trials import trial
from harness.mutants import mutant

from condseg_app.data import ClassTable, Geometry, Image
from condseg_app.errors import CondsegError, ReadError
from condseg_app.io import describe, read_image, read_label_map
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


def test_lines_that_are_not_there_are_not_skipped_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    write_image(path, Image(np.ones((1, 5, 6, 4), np.uint8), Geometry.with_spacing((5, 6, 4), (1, 1, 1))))
    path.write_bytes(path.read_bytes().replace(b"encoding:", b"line skip: 99999999999999\nencoding:"))
    with pytest.raises(ReadError, match="skips 99999999999999 lines"):
        read_image(path)


@pytest.mark.parametrize("attributes", ["text", 1.5, [1, 2], [["a", 1]]])
def test_attributes_of_a_zarr_are_a_table(tmp_path: Path, attributes: object) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(9, 6, 5), chunks=(3, 6, 5), dtype="float32")
    metadata = tmp_path / "a.zarr" / "zarr.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "attributes": attributes}))
    for read in (read_image, read_label_map, describe):
        with pytest.raises(ReadError, match="not a table"):
            read(tmp_path / "a.zarr")


def test_millions_of_tiny_chunks_are_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(1 << 24, 6, 5), chunks=(2, 6, 5), dtype="uint8")
    with pytest.raises(ReadError, match="8,388,608 chunks of 60 voxels"):
        read_image(tmp_path / "a.zarr")


def test_a_voxel_size_without_end_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    size = {"PhysicalSizeX": 1e999, "PhysicalSizeY": 1.0}
    tifffile.imwrite(path, np.zeros((3, 8, 8), np.uint8), ome=True, metadata={"axes": "ZYX", **size})
    image = read_image(path)
    assert image.geometry.unit == "pixel"
    assert "size along x is inf" in image.warnings[0]


def test_thousands_of_values_are_named_in_no_time() -> None:
    """An intensity image taken for labels has as many classes as values."""
    start = time.thread_time()  # threads of other tests may be at work
    table = ClassTable.from_names(str(n) for n in range(2000))
    assert len(table) == 2000
    assert time.thread_time() - start < 5  # names were compared each with each, for each class anew


def test_a_segmentation_whose_kind_is_no_number_is_refused(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "a.dcm"
    segmentation(path)
    content = path.read_bytes()
    kind = content.rindex(b"\x08\x00\x16\x00UI")  # (0008,0016), after the one in the file's own header
    path.write_bytes(content[: kind + 4] + b"FD" + content[kind + 6 :])
    for read in (read_label_map, describe):
        with pytest.raises(CondsegError):
            read(path)
    assert not recwarn.list


def test_a_chunk_of_one_byte_is_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"zarr_format": 2, "compressors": "auto"}  # blosc
    array = zarr.create_array(tmp_path / "a.zarr", shape=(9, 6, 5), chunks=(9, 6, 5), dtype="uint16", **options)
    array[...] = 7
    (tmp_path / "a.zarr" / "0.0.0").write_bytes(b"x")
    with pytest.raises(ReadError, match="damaged"):
        read_image(tmp_path / "a.zarr").voxels()


def test_a_scale_of_no_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    write_image(path, Image(np.ones((1, 5, 6, 4), np.uint8), Geometry.with_spacing((5, 6, 4), (1, 1, 1))))
    metadata = path / "zarr.json"
    text = re.sub(r'"scale":\s*\[[^]]*\]', '"scale": []', metadata.read_text())
    metadata.write_text(text)
    with pytest.raises(ReadError, match="contradict"):
        read_image(path)


def test_numbers_that_are_too_large_are_told_by_us_alone(tmp_path: Path) -> None:
    steep, far = tmp_path / "a.nii", tmp_path / "b.nii"
    image = nibabel.Nifti2Image(np.full((5, 6, 4), 100, np.int16), np.eye(4))
    image.header.set_slope_inter(3e38, 0)
    image.to_filename(steep)
    image.header["srow_x"][0] = 1e308
    image.header["xyzt_units"] = 1  # metres
    far.write_bytes(image.header.binaryblock + bytes(4 + 240))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "not finite numbers" in read_image(steep).warnings[0]
        assert "sform cannot be used" in read_image(far).warnings[0]


def test_a_tiff_of_64_samples_logs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((6, 5, 3), np.uint8), photometric="rgb", metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for tag, value in (("SamplesPerPixel", 64), ("PhotometricInterpretation", 9999)):
            at = file.pages.first.aspage().tags[tag].valueoffset
            content[at : at + 2] = value.to_bytes(2, "little" if file.byteorder == "<" else "big")
    path.write_bytes(content)
    with pytest.raises(ReadError):
        read_image(path)
    assert caplog.records == []


def test_what_a_file_says_is_shown_as_plain_text() -> None:
    error = ReadError("holds \x1b[31mred\nand\x00 " + "x" * 5000)
    assert error.message.startswith("holds [31mred and x")
    assert error.message.isprintable()
    assert len(error.message) < 1100
