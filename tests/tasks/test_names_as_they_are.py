"""Text from files on a terminal: names with brackets, commas, control characters and letters it has no signs for."""

import io
import json
import logging
import sys
from pathlib import Path

import hypothesis
import nibabel
import numpy as np
import pytest
from hypothesis import strategies as st

from condseg_app.cli import main
from condseg_app.cli.console import CONSOLE, row, say, table
from condseg_app.cli.shared import names_in, numbers_by_name, renamed_in
from condseg_app.data import ClassTable, Model, Preprocessing, listed
from condseg_app.errors import CondsegError
from condseg_app.io import write_model

Capture = pytest.CaptureFixture[str]
NAMES = ["Tumor [/T1c]", "[red]liver[/red]", "head, body", ":smile:", "海馬"]


@pytest.fixture
def odd_model(tmp_path: Path) -> Path:
    """A model whose classes are called as nobody should."""
    weights = {"w": np.zeros(1, np.float32)}
    path = tmp_path / "odd[x].safetensors"
    classes = ClassTable.from_names(NAMES)
    write_model(path, Model("odd[x]", "dense_unet", {}, Preprocessing("3D", (8, 8, 8)), classes, weights, "[b]CC0[/b]"))
    return path


@pytest.mark.parametrize("command", ["classes", "info"])
def test_names_are_shown_as_they_are(command: str, odd_model: Path, capsys: Capture) -> None:
    assert main([command, str(odd_model)]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in NAMES)


def test_models_lists_a_model_with_odd_names(odd_model: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condseg_app.io.models.zoo.user_models_folder", lambda: odd_model.parent)
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert "odd[x]" in shown
    assert "[b]CC0" in shown


def test_a_file_is_shown_by_its_whole_name(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "scan[left].nii.gz"
    nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)).to_filename(path)
    assert main(["info", str(path)]) == 0
    assert str(path) in capsys.readouterr().out.replace("\n", "")


@hypothesis.given(st.text(st.characters(), max_size=30))
def test_any_text_is_printed_on_a_line_of_its_own(text: str) -> None:
    with CONSOLE.capture() as printed:
        say(f"<{text}>")
        shown = table("a")
        shown.add_row(*row((text,)))
        CONSOLE.print(shown)
    first = printed.get().split("\n", 1)[0]
    assert first.endswith(">")
    assert "\x1b" not in printed.get()


@hypothesis.given(st.lists(st.text(st.characters(categories=["L", "N", "P", "Sm"]), min_size=1), min_size=1))
def test_listed_names_are_read_again(names: list[str]) -> None:
    told = ", ".join('"{}"'.format(name.replace('"', '""')) for name in names)
    assert names_in(told) == names
    plain = [name for name in names if '"' not in name]
    assert names_in(listed(plain)) == plain


def test_a_name_with_a_comma_is_quoted() -> None:
    assert names_in('"head, body",liver') == ["head, body", "liver"]
    assert names_in("liver, spleen") == ["liver", "spleen"]
    assert names_in("") == []
    assert numbers_by_name("--keep-largest", '"head, body"=2,T2=dark=1', int) == {"head, body": 2, "T2=dark": 1}
    assert renamed_in("--rename", ['"T2=dark"=cyst', "a, b=c"]) == {"T2=dark": "cyst", "a, b": "c"}
    with pytest.raises(CondsegError, match="OLD=NEW"):
        renamed_in("--rename", ["a=b=c"])


def test_a_terminal_that_is_not_utf8_gets_escapes(odd_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["classes", str(odd_model)]) == 0
    sys.stdout.flush()
    assert rb"\u6d77\u99ac" in written.getvalue()


def test_what_libraries_warn_of_is_not_for_users(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def chatter(*_: object, **__: object) -> tuple[()]:
        logging.getLogger("matplotlib.font_manager").warning("findfont: no font")
        logging.getLogger("condseg_app.io").warning("left out: x[1]")
        return ()

    monkeypatch.setattr("condseg_app.io.models_available", chatter)
    assert main(["models"]) == 0
    assert capsys.readouterr().err == "warning: left out: x[1]\n"


def test_an_unexpected_error_is_a_sentence_with_exit_code_1(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("condseg_app.io.models_available", fail)
    assert main(["models"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("condseg: The command failed unexpectedly (ZeroDivisionError)")
    assert error.count("\n") == 1


def test_json_is_whole_whatever_the_names(odd_model: Path, capsys: Capture) -> None:
    assert main(["classes", str(odd_model), "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == NAMES


def test_a_class_with_a_comma_can_be_asked_for(model: Path, blobs: Path, tmp_path: Path, capsys: Capture) -> None:
    renamed = tmp_path / "renamed.safetensors"
    assert main(["class", "rename", "bright", "head, body", "--model", str(model), "--output", str(renamed)]) == 0
    image = str(blobs / "imagesTr" / "case_0.nii.gz")
    command = ["predict", image, "--model", str(renamed), "--output", str(tmp_path / "out"), "--device", "cpu"]
    chosen = ["--classes", '"head, body"', "--keep-largest", '"head, body"=1']
    assert main([*command, *chosen, "--overlap", "priority", "--priority", '"head, body",dark']) == 2
    assert "no class 'dark' here" in capsys.readouterr().err
    assert main([*command, *chosen, "--overlap", "priority", "--priority", '"head, body"']) == 0
    assert main([*command, "--classes", "head, body"]) == 2
    assert "no class 'body' here; there are: \"head, body\", dark" in capsys.readouterr().err.replace(
        "'head'", "'body'"
    )
