"""Curves of classes of any name."""

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from condseg_app.tasks import plot_text
from condseg_app.tasks.plot_text import labels_of
from condseg_app.tasks.training_log import write_curves, write_training_log

NAMES = ["Posterior", "_T$1 [dark]", "海馬 前部", "\U000e0b7f unwritten"]
HISTORY = [
    {"step": step, "loss": 1.0 / step, "learning_rate": 0.1, "seconds": 1.0, "dice": dict.fromkeys(NAMES, 0.5)}
    for step in range(1, 4)
]


@pytest.fixture(autouse=True)
def _nothing_is_warned_of() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_curves_are_drawn_without_a_warning(tmp_path: Path) -> None:
    write_curves(tmp_path / "curves.png", HISTORY)
    with PIL.Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > 500


def test_curves_without_a_class_have_no_legend(tmp_path: Path) -> None:
    write_curves(tmp_path / "curves.png", [{**step, "dice": {}} for step in HISTORY])
    assert (tmp_path / "curves.png").exists()


def test_a_name_that_no_font_can_write_is_the_number_of_its_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot_text, "_installed", lambda: ("DejaVu Sans",))
    labels, written_out = labels_of(sorted(NAMES))
    assert labels == ["Posterior", " _T$1 [dark]", "3", "4"]
    assert not written_out
    write_training_log(tmp_path / "log.csv", HISTORY)
    with (tmp_path / "log.csv").open(encoding="utf-8", newline="") as file:
        columns = [column for column in next(csv.reader(file)) if column.startswith("dice ")]
    assert columns[2] == "dice 海馬 前部"
    write_curves(tmp_path / "curves.png", HISTORY)


def test_names_are_written_out_where_a_font_can() -> None:
    assert labels_of(["Leber", "größer"]) == (["Leber", "größer"], True)
