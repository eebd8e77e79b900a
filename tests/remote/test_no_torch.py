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
    from condseg_app.data import ChunkedAnnotation
    assert "torch" not in sys.modules
    assert "distributed" not in sys.modules, "dask is loaded with the engine, not with the window"

    session = condseg_app.session.Session(models_folder=Path(sys.argv[3]))
    failures, done = [], []
    session.failed.connect(failures.append)
    session.lessons.ended.connect(done.append)
    session.exports.written.connect(done.append)
    session.computing.find_device()
    session.images.open(Path(sys.argv[2]))
    assert session.wait(200)
    session.models.open(sys.argv[1])
    session.predictions.start()
    assert session.wait(200)
    assert set(session.state.parts.values()) == {1.0}, session.state.parts
    root = session.classes.add("root").id
    mask = np.zeros(session.state.image.geometry.shape, bool)
    mask[10:30, 10:30] = True
    session.annotations.put(root, ChunkedAnnotation.of(mask, np.ones_like(mask)))
    session.lessons.start(root, 2)
    assert session.wait(200)
    session.lessons.accept()
    session.predictions.start([root])
    assert session.wait(200)
    assert session.state.state_of(root) == "complete"
    session.exports.start(Path(sys.argv[3]) / "masks.png", "png")
    assert session.wait(200)
    session.predictions.start(["nose"])
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


def test_commands_that_compute_elsewhere_or_not_at_all_load_no_torch() -> None:
    code = (
        "import sys\n"
        "import condseg_app.tasks.predict_folder, condseg_app.tasks.cluster, condseg_app.tasks.model_classes\n"
        "import condseg_app.tasks.comparison_runs, condseg_app.tasks.comparison_report\n"
        "from condseg_app import tasks\n"
        "assert 'torch' not in sys.modules\n"
        "assert not hasattr(tasks, 'no_such_task')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
