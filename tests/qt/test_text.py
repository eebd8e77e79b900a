from pathlib import Path

import pytest

from condseg_app.data import DeviceInfo, Geometry, Image, Pick
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.qt.text import (
    choice_text,
    counted,
    device_hint,
    device_text,
    file_text,
    image_details,
    listed,
    measure_text,
    spacing_text,
    time_text,
)
from condseg_app.session import Measure


@pytest.mark.parametrize(
    ("measure", "long", "short"),
    [
        (Measure(1.6249, "ml"), "1.62 ml", "1.62 ml"),
        (Measure(31.26, "ml"), "31.3 ml", "31.3 ml"),
        (Measure(1512.7, "ml"), "1,513 ml", "1,513 ml"),
        (Measure(12.34, "mm²"), "12 mm²", "12 mm²"),
        (Measure(1204, "pixels"), "1,204 pixels", "1,204 px"),
        (Measure(12_345_678, "voxels"), "12,345,678 voxels", "12.3 M vox"),
    ],
)
def test_sizes_have_units_and_as_many_figures_as_help(measure: Measure, long: str, short: str) -> None:
    assert measure_text(measure) == long
    assert measure_text(measure, short=True) == short


@pytest.mark.parametrize(
    ("seconds", "text"), [(7, "0:07"), (61.4, "1:01"), (3723, "1:02:03"), (0, "0:00"), (None, ""), (float("inf"), "")]
)
def test_times_are_read_off_like_a_clock(seconds: float | None, text: str) -> None:
    assert time_text(seconds) == text


def test_spacing_says_one_figure_where_one_is_enough() -> None:
    assert spacing_text(Geometry.with_spacing((2, 2, 2), (1, 1, 1))) == "1.0 mm"
    assert spacing_text(Geometry.with_spacing((2, 2, 2), (0.78, 0.78, 2.5))) == "0.78 × 0.78 × 2.5 mm"
    assert spacing_text(Geometry.of_picture(640, 480)) == "640 × 480"


def test_details_tell_what_is_odd(scan: Image) -> None:
    odd = Image(scan.array, scan.geometry, "<b>", warnings=("the header has no spacing",))
    html = image_details(odd)
    assert "&lt;b&gt;" in html
    assert "⚠ the header has no spacing" in html
    assert "7 × 6 × 5" in html
    assert "LAS" in html


def test_device_and_lists() -> None:
    assert device_text(DeviceInfo("cpu", "EPYC", 2)) == "this computer, CPU (2 threads)"
    assert device_text(DeviceInfo("cuda", "H200")) == "this computer, H200"
    assert "without a GPU" in device_hint(DeviceInfo("cpu", "EPYC", 2))
    assert counted(1, "class", "classes") == "1 class"
    assert counted(1200, "slice") == "1,200 slices"
    assert listed(["a", "b", "c", "d", "e", "f"]) == "a, b, c, d and 2 more"


def test_what_a_file_holds_and_what_was_taken_of_it() -> None:
    one = ChoiceNeeded("series", [("1.2", "CT"), ("1.3", "MR")], Path("study"))
    assert choice_text(one) == "study holds 2 series. Which one is to be opened?"
    long = choice_text(ChoiceNeeded("channel", [("a", "a")], Path("x" * 90 + ".ome.tif")))
    assert max(map(len, long.split())) < 50
    assert long.endswith(".ome.tif holds 1 channel. Which one is to be opened?")
    film = Path("film.nii.gz")
    assert file_text(film, Pick()) == file_text(film, Pick(series="1.2")) == "film.nii.gz"
    assert file_text(film, Pick(frame=1, channel="DAPI")) == "film.nii.gz, frame 2, DAPI"


def test_one_thread_is_one_thread() -> None:
    assert device_text(DeviceInfo("cpu", "a processor", 1)) == "this computer, CPU (1 thread)"
    assert device_text(DeviceInfo("cpu", "a processor", 2)) == "this computer, CPU (2 threads)"
