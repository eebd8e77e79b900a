"""The control battery's quick form; see tests/window/battery.py. The long one is `make soak`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("host", "sampled", "states"),
    [("app", False, ()), ("napari", True, ("3D", "painting", "lesson done", "engine lost", "several images"))],
    ids=["the app", "napari"],
)
def test_controls_can_be_used(host: str, sampled: bool, states: tuple[str, ...], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    chosen = [word for state in states for word in ("--state", state)]
    command = [sys.executable, "-m", "tests.window.battery", host, *(["--sample"] if sampled else []), *chosen]
    done = subprocess.run(
        [*command, "--trace", str(trace)], cwd=ROOT, capture_output=True, text=True, timeout=1780, check=False
    )
    last = "".join(trace.read_text().splitlines(keepends=True)[-3:]) if trace.exists() else "none"
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-6000:]}\nThe last ones used:\n{last}"
