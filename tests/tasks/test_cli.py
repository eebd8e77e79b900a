"""The command line, from files to files, as a user types it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest

from condseg_app.cli import main
from condseg_app.data import Spacing
from condseg_app.io import read_data_set, read_label_map, read_model, read_model_description

Capture = pytest.CaptureFixture[str]
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def test_training_leaves_model_log_curves_and_checkpoint(model: Path) -> None:
    trained = read_model(model)
    assert trained.classes.names == ("bright", "dark")
    assert trained.preprocessing.spacing == Spacing((2.0, 2.0, 3.0))
    assert trained.training["steps"] == 2
    assert trained.training["sources"] == ["blobs/bright", "blobs/dark"]
    log = model.with_suffix(".csv").read_text().splitlines()
    assert log[0].startswith("step,loss,learning_rate,seconds,dice ")
    assert len(log) == 3
    with PIL.Image.open(model.with_suffix(".png")) as curves:
        assert curves.width > 500
    assert model.with_suffix(".checkpoint.safetensors").exists()


def test_resuming_goes_on_where_it_stopped(model: Path, blobs: Path, tmp_path: Path, quick: list[str]) -> None:
    output = tmp_path / "m.safetensors"
    command = ["train", str(blobs), "--groups", "single", "--output", str(output), *quick]
    assert main(command) == 0
    command[command.index("--steps") + 1] = "4"
    assert main([*command, "--resume"]) == 0
    assert read_model(output).training["steps"] == 4
    assert len(output.with_suffix(".csv").read_text().splitlines()) == 5


def test_predictions_fit_their_image_to_the_voxel(model: Path, blobs: Path, tmp_path: Path) -> None:
    image = blobs / "imagesTr" / "case_3.nii.gz"
    assert main(["predict", str(image), "--model", str(model), "--output", str(tmp_path), "--masks"]) == 0
    written = tmp_path / "case_3_labels.nii.gz"
    assert np.array_equal(
        nibabel.Nifti1Image.from_filename(written).affine, nibabel.Nifti1Image.from_filename(image).affine
    )
    labels = read_label_map(written)
    assert labels.array.shape == (18, 20, 9)
    assert labels.classes.names == ("bright", "dark")
    assert {f.name for f in (tmp_path / "case_3_masks").iterdir()} == {"bright.nii.gz", "dark.nii.gz", "classes.json"}


def test_one_frame_of_several_is_chosen(model: Path, blobs: Path, tmp_path: Path, capsys: Capture) -> None:
    volume = nibabel.Nifti1Image.from_filename(blobs / "imagesTr" / "case_3.nii.gz")
    voxels = np.asarray(volume.dataobj)
    path = tmp_path / "film.nii.gz"
    nibabel.Nifti1Image(np.stack([voxels * 0, voxels], axis=3), volume.affine).to_filename(path)
    command = ["predict", str(path), "--model", str(model), "--output", str(tmp_path / "out")]
    assert main(command) == 2
    assert "holds 2 frames; choose one with --frame (0: frame 1 of 2; 1: frame 2 of 2)" in capsys.readouterr().err
    assert main(["info", str(path)]) == 3
    assert main(["info", str(path), "--frame", "1"]) == 0
    assert main([*command, "--frame", "1"]) == 0
    alone = ["predict", str(blobs / "imagesTr" / "case_3.nii.gz"), "--model", str(model), "--output", str(tmp_path)]
    assert main(alone) == 0
    chosen, wanted = (read_label_map(tmp_path / name) for name in ("out/film_labels.nii.gz", "case_3_labels.nii.gz"))
    assert np.array_equal(chosen.values, wanted.values)
    assert main([*command, "--frame", "1"]) == 0
    assert "1 of 1 images were finished before" in capsys.readouterr().out
    assert main(["info", str(path), "--frame", "0"]) == 0
    assert main(["info", str(path), "--frame", "7"]) == 2


def test_a_folder_is_predicted_file_by_file(model: Path, blobs: Path, tmp_path: Path) -> None:
    arguments = [
        "predict",
        str(blobs / "imagesTr"),
        "--model",
        str(model),
        "--classes",
        "dark",
        "--output",
        str(tmp_path),
    ]
    assert main(arguments) == 0
    assert len(list(tmp_path.glob("*_labels.nii.gz"))) == 4


def test_evaluation_writes_means_and_cases(model: Path, blobs: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    arguments = ["evaluate", "--model", str(model), "--data", str(blobs), "--split", "val", "--json", str(figures)]
    assert main(arguments) == 0
    content = json.loads(figures.read_text())
    assert set(content["mean"]["dice"]) == {"bright", "dark"}
    assert [case["class_name"] for case in content["cases"]] == ["bright", "dark"]


def test_teaching_makes_a_new_model_and_leaves_the_old(
    model: Path, blobs: Path, tmp_path: Path, quick: list[str]
) -> None:
    one = tmp_path / "bright.safetensors"
    assert main(["train", str(blobs), "--classes", "bright", "--output", str(one), *quick]) == 0
    before = one.read_bytes()
    both = tmp_path / "both.safetensors"
    arguments = ["teach", "dark", "--model", str(one), "--data", str(blobs), "--output", str(both), "--steps", "2"]
    assert main(arguments) == 0
    taught = read_model_description(both)
    assert taught.classes.names == ("bright", "dark")
    assert taught.parent is not None
    assert one.read_bytes() == before


def test_lists_are_json_for_programs(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classes", str(model), "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["bright", "dark"]
    assert main(["networks", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)} >= {"dense-2d", "dense-3d", "paper-3d"}
    assert main(["info", str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "model"
    assert main(["models", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["info", "nowhere.nii"], "no such file"),
        (["classes", "nothing"], "no model 'nothing' is known"),
        (["predict", "nowhere.nii", "--model", "MODEL", "--output", "OUT"], "no such file"),
        (["predict", "DATA", "--model", "MODEL", "--output", "OUT"], "no image that can be read"),
        (["predict", "IMAGE", "--model", "MODEL", "--output", "OUT", "--classes", "moon"], "no class 'moon'"),
        (["train", "nowhere", "--output", "OUT/x.safetensors"], "no such folder"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--groups", "odd"], "no single-class groups 'odd'"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--classes", "moon"], "no data set labels class 'moon'"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--network", "dense-2d"], "choose another network"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--network", "alexnet"], "there is no network 'alexnet'"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--resume"], "no checkpoint"),
        (["train", "DATA", "--output", "nofolder/x.safetensors", "--steps", "1"], "folder"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--spacing", "1,1"], "takes 3 numbers"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--condition-at", "roof"], "condition_at"),
        (["evaluate", "--model", "MODEL", "--data", "DATA", "--split", "moon"], "no split 'moon'"),
        (["evaluate", "--model", "MODEL", "--data", "DATA", "--split", "test"], "no case of split 'test'"),
        (["teach", "dark", "--model", "MODEL", "--data", "DATA", "--output", "MODEL"], "choose another file"),
        (["predict", "IMAGE", "--output", "OUT"], "Missing option"),
        (["train", "DATA", "--classes", "lung", "--check"], "no data set labels class 'lung'; they label bright, dark"),
        (["train", "DATA", "--groups", "three", "--check"], "no single-class groups 'three' are declared"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--loss", "luck"], "cannot be 'luck'"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--intensity", "percentile:9:1"], "give the lower first"),
        (["train", "DATA", "--output", "OUT/x.safetensors", "--init-from", "OUT/no.safetensors"], "no such model file"),
        (["train", "DATA"], "--output"),
        (["compare", "OUT/none.toml", "--output", "OUT/o"], "cannot be read (No such file or directory)"),
        (["complete-labels", "DATA", "--model", "MODEL", "--output", "DATA"], "a folder of its own"),
        (["evaluate", "--model", "MODEL", "--data", "DATA", "--corrupt", "lung"], "does not label lung"),
        (["predict", "IMAGE", "--model", "MODEL", "--output", "OUT/o", "--overlap", "luck"], "not 'luck'"),
        (["predict", "IMAGE", "--model", "MODEL", "--output", "OUT/o", "--overlap", "priority"], "needs --priority"),
        (["predict", "IMAGE", "--model", "MODEL", "--output", "OUT/o", "--keep-largest", "dark=1.5"], "takes numbers"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], sentence: str, model: Path, blobs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    places = {"MODEL": str(model), "DATA": str(blobs), "OUT": str(tmp_path)}
    places["IMAGE"] = str(blobs / "imagesTr" / "case_0.nii.gz")
    filled = []
    for argument in arguments:
        first, *rest = argument.split("/")
        filled.append("/".join([places.get(first, first), *rest]))
    assert main(filled) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1
    assert sentence in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_an_interrupted_training_leaves_a_usable_model(blobs: Path, tmp_path: Path, quick: list[str]) -> None:
    output = tmp_path / "stopped.safetensors"
    command = [sys.executable, "-m", "condseg_app", "train", str(blobs), "--output", str(output), *quick]
    command[command.index("--steps") + 1] = "100000"
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_as_in_a_terminal)
    try:
        assert process.stderr is not None
        for line in process.stderr:  # the first line of the log says that it is under way
            if line.startswith("step "):
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    assert 0 < read_model(output).training["steps"] < 100_000


def _as_in_a_terminal() -> None:
    """A run in the background ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not on this machine")
def test_real_single_class_groups_share_no_case() -> None:
    for name in ("hippocampus", "abdomen_mr"):
        data = read_data_set(SHARED / name)
        groups = data.single_class("single")
        cases = [case.name for group in groups for case in group.cases]
        assert len(cases) == len(set(cases))
        training = {case.name for case in data.part("train").cases}
        assert set(cases) <= training


def test_the_page_of_commands_is_what_the_command_line_says(tmp_path: Path) -> None:
    page = tmp_path / "commands.md"
    told = ["utils", "docs", "--name", "condseg", "--title", "Commands", "--output", str(page)]
    subprocess.run([sys.executable, "-m", "typer", "condseg_app.cli.commands", *told], check=True, capture_output=True)
    kept = Path(__file__).parents[2] / "docs" / "commands.md"
    assert page.read_text() == kept.read_text(), "run: make docs"
