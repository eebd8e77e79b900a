"""The window's process never imports torch (on Windows that fails after Qt, and its crashes would be ours)."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

from condseg_app import io
from condseg_app.data import ClassTable, Geometry, Image, Preprocessing
from condseg_app.engine.networks import new_model
from condseg_app.io.image_files import write_image

WINDOW = """
    import sys
    from pathlib import Path

    import numpy as np

    import condseg_app.session, condseg_app.tasks, condseg_app.remote
    assert "torch" not in sys.modules
    assert "distributed" not in sys.modules, "dask is loaded with the engine, not with the window"

    session = condseg_app.session.Session(models_folder=Path(sys.argv[3]))
    failures, done = [], []
    session.failed.connect(failures.append)
    session.lesson_ended.connect(done.append)
    session.exported.connect(done.append)
    session.find_device()
    session.open_image(Path(sys.argv[2]))
    assert session.wait(200)
    session.open_model(sys.argv[1])
    session.predict()
    assert session.wait(200)
    assert session.prediction.complete == {"leaf", "stone"}, session.prediction.complete
    session.add_class("root")
    mask = np.zeros(session.image.geometry.shape, bool)
    mask[10:30, 10:30] = True
    session.annotate("root", mask, np.ones_like(mask))
    session.teach("root", 2)
    assert session.wait(200)
    session.accept_lesson()
    session.predict(["root"])
    assert session.wait(200)
    assert session.state_of("root") == "complete"
    session.export(Path(sys.argv[3]) / "masks.png", "png")
    assert session.wait(200)
    session.predict(["nose"])
    assert len(failures) == 1, failures
    assert len(done) == 2
    session.close()
    found = [name for name in sys.modules if name.split(".")[0] in ("torch", "condseg_models", "monai")]
    assert found == [], found
"""


def test_a_whole_session_without_torch(tmp_path: Path) -> None:
    model = new_model(
        "tiny",
        "dense-2d",
        ClassTable.from_names(["leaf", "stone"]),
        Preprocessing("2D", (32, 32, 1)),
        {"width": 16, "growth": (16, 16), "layers": (1, 1)},
    )
    io.write_model(tmp_path / "tiny.safetensors", model)
    voxels = np.random.default_rng(0).integers(0, 255, (1, 60, 50, 1)).astype(np.uint8)
    write_image(tmp_path / "picture.png", Image(voxels, Geometry.of_picture(60, 50)))
    arguments = [str(tmp_path / name) for name in ("tiny.safetensors", "picture.png", "out")]
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WINDOW), *arguments],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == "", "a window that ends has nothing to say"
    assert (tmp_path / "out" / "masks.png").is_file()
