"""Comparing systems: the same data, budget and seeds for all, run by run."""

import csv
import json
import os
from pathlib import Path

import pytest

from condseg_app.cli import main
from condseg_app.errors import CondsegError, ReadError
from condseg_app.tasks.compare import compare
from condseg_app.tasks.comparison_config import ComparisonConfig, read_comparison_config
from condseg_app.tasks.comparison_report import Result, write_report
from condseg_app.tasks.comparison_runs import all_runs, read_results

HEAD = """
title = "Boxes"
classes = ["bright", "dark"]
split = "val"
seeds = [0, 1]
network = "dense-3d"
recipe = { steps = 2, batch = 1 }
preprocessing = { window = [16, 16, 8] }
confidence = 0.6
"""
DATA = """
[[data]]
folder = "blobs"
groups = "single"
"""
SYSTEMS = """
[[system]]
name = "cond-dec"
settings = { width = 16, growth = [16, 16], layers = [1, 1] }
paper = { bright = 90.0, dark = 80.0 }

[[system]]
name = "second round"
settings = { width = 16, growth = [16, 16], layers = [1, 1] }
complete_from = "cond-dec"
note = "labels completed by cond-dec"

[[system]]
name = "all labels"
settings = { width = 16, growth = [16, 16], layers = [1, 1] }
all_labels = true
"""


@pytest.fixture
def config(blobs: Path, tmp_path: Path) -> Path:
    (tmp_path / "blobs").symlink_to(blobs, target_is_directory=True)
    path = tmp_path / "boxes.toml"
    path.write_text(HEAD + DATA + SYSTEMS)
    return path


def test_every_system_is_trained_and_scored_with_every_seed(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert main(["compare", str(config), "--output", str(output), "--device", "cpu"]) == 0
    rows = list(csv.DictReader((output / "comparison.csv").read_text().splitlines()))
    assert {(r["system"], r["seed"], r["class"]) for r in rows} == {
        (system, seed, name)
        for system in ("cond-dec", "second round", "all labels")
        for seed in "01"
        for name in ("bright", "dark")
    }
    assert all(r["data"] == "blobs" and r["cases"] == "1" and r["steps"] == "2" for r in rows)
    assert all(float(r["gflop_all"]) > float(r["gflop_one"]) > 0 for r in rows)
    assert all(0 <= float(r["dice"]) <= 1 for r in rows)
    text = (output / "comparison.md").read_text()
    assert "(0.900)" in text
    assert "labels completed by cond-dec" in text
    assert (output / "comparison.png").stat().st_size > 1000


def test_what_is_done_is_not_done_again_and_what_was_stopped_goes_on(config: Path, tmp_path: Path) -> None:
    runs = all_runs(read_comparison_config(config), tmp_path / "out", ["cond-dec"])
    first, second = runs
    working = compare(runs, "cpu")
    for run, part in working:
        if run == second and part > 0:
            break  # as if the power went
    working.close()  # type: ignore[attr-defined]
    assert first.figures.exists()
    assert not second.figures.exists()
    before = first.figures.stat().st_mtime_ns
    assert {run.seed for run, _ in compare(runs, "cpu")} == {1}
    assert first.figures.stat().st_mtime_ns == before
    assert list(compare(runs, "cpu")) == []


def test_a_second_round_waits_for_the_first(config: Path, tmp_path: Path) -> None:
    (only,) = (r for r in all_runs(read_comparison_config(config), tmp_path / "out", ["second round"]) if r.seed == 0)
    assert list(compare([only], "cpu")) == []


def test_a_run_that_another_process_does_is_left_to_it(config: Path, tmp_path: Path) -> None:
    run = all_runs(read_comparison_config(config), tmp_path / "out", ["cond-dec"])[0]
    run.folder.mkdir(parents=True)
    (run.folder / "claim").write_text(str(os.getppid()))
    assert list(compare([run], "cpu")) == []
    (run.folder / "claim").write_text("999999999")  # a process that is no more
    assert list(compare([run], "cpu"))
    assert not (run.folder / "claim").exists()


def test_a_comparison_does_not_go_on_with_other_settings(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    next(iter(compare(all_runs(read_comparison_config(config), output, ["cond-dec"]), "cpu")))
    config.write_text(config.read_text().replace("steps = 2", "steps = 3"))
    with pytest.raises(CondsegError, match="'cond-dec' was begun with other settings"):
        list(compare(all_runs(read_comparison_config(config), output, ["cond-dec"]), "cpu"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("title = ", "cannot be read as TOML"),
        (HEAD + SYSTEMS, "data is wrong"),
        (HEAD + DATA, "system is wrong"),
        (HEAD.replace("seeds", "seed") + DATA + SYSTEMS, "seed is wrong: Extra inputs"),
        (HEAD + DATA + SYSTEMS.replace("second round", "cond-dec"), "two systems have the same name"),
        (HEAD + DATA + SYSTEMS.replace('complete_from = "cond-dec"', 'complete_from = "x"'), "must stand before it"),
        (HEAD + DATA + SYSTEMS + 'data = ["elsewhere"]', r"\[\[data\]\] does not list"),
        (HEAD.replace('split = "val"', 'split = "all"') + DATA + SYSTEMS, "split is wrong"),
    ],
)
def test_a_wrong_configuration_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ReadError, match=reason):
        read_comparison_config(path)


def test_a_system_that_is_not_there_is_refused(config: Path, tmp_path: Path) -> None:
    assert main(["compare", str(config), "--output", str(tmp_path / "o"), "--only", "x"]) == 2
    with pytest.raises(CondsegError, match="there is no system 'x'; there are: cond-dec, second round, all labels"):
        all_runs(read_comparison_config(config), tmp_path, ["x"])


def made_up(system: str, seed: int, dice: dict[str, float | None]) -> Result:
    cases = [{"class_name": n, "outcome": "found" if d else "missed", "unit": "mm"} for n, d in dice.items()]
    return Result(
        system,
        seed,
        {
            "training_seconds": 60.0,
            "steps": 7,
            "data": {
                "scans": {
                    "mean": {"dice": dice, "hd95_mm": dice, "assd_mm": dice, "iou": dice},
                    "cases": cases,
                    "confusion_percent": 0.25,
                    "cost": {
                        "parameters": 1234567,
                        "gflop_one": 1.0,
                        "gflop_all": 2.0,
                        "seconds_one": 3.0,
                        "seconds_all": 4.0,
                    },
                }
            },
        },
    )


def test_the_table_shows_mean_and_deviation_over_seeds_beside_the_papers_figure(tmp_path: Path) -> None:
    config = ComparisonConfig.model_validate(
        {
            "title": "T",
            "network": "dense-3d",
            "data": [{"folder": "scans"}],
            "system": [{"name": "a", "paper": {"x": 95.0, "y": 85.0}}, {"name": "b"}],
        }
    )
    results = [made_up("a", 0, {"x": 0.8, "y": 0.6}), made_up("a", 1, {"x": 0.9, "y": None})]
    write_report(config, results, tmp_path)
    lines = (tmp_path / "comparison.md").read_text().splitlines()
    (row,) = (line for line in lines if line.startswith("| a | 0.850"))
    quality = ["0.850 ± 0.071 (0.950)", "0.600 (0.850)", "0.800 ± 0.141 (0.900)", "0.8 ± 0.1", "0.8 ± 0.1"]
    assert row == f"| a | {' | '.join(quality)} | 2 | 0.25 ± 0.00 |"
    assert not any(line.startswith("| b |") for line in lines)
    assert "| a | 1,234,567 | 1.00 | 2.00 | 3.0 ± 0.0 | 4.0 ± 0.0 | 1.0 | 7 |" in lines


def test_figures_survive_on_disk(config: Path, tmp_path: Path) -> None:
    (run, _) = all_runs(read_comparison_config(config), tmp_path / "out", ["cond-dec"])
    list(compare([run], "cpu"))
    (result,) = read_results([run])
    assert json.loads(run.figures.read_text()) == result.figures
    assert run.model.exists()
