"""The window, and napari with the panel, used image after image with the brush in hand: nothing crashes.

Each runs in a process of its own, so that a crash fails the test and not the tests. The long form is
benchmarks/window_soak.py.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import Geometry, Image
from condseg_app.io.image_files import write_image

pytestmark = [pytest.mark.gui, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]

APP = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from harness.soak import Soak
from harness.window import lived, until
images = [Path(path) for path in sys.argv[1:]]
with TemporaryDirectory() as folder, lived(Path(folder)) as window:
    window.session.images.open(images[0], "hippocampus")
    until(lambda: window.session.state.image is not None)
    soak = Soak(window, images)
    for number in range(2):
        soak.change(number)
sys.exit("; ".join(soak.wrong) or 0)
"""

NAPARI = """
import sys
import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from condseg_app.remote import Engine
from condseg_app.session import Session
from napari_condseg.widget import CondSegWidget
from harness.window import rest
raised = []
sys.excepthook = lambda kind, error, trace: raised.append(str(error))
viewer = napari.Viewer()
panel = CondSegWidget(viewer, Session(Engine()))
viewer.window.add_dock_widget(panel, area="right")
panel.session.models.open("hippocampus")
for number in range(3):
    image = viewer.add_image(np.random.default_rng(number).integers(0, 99, (30 + number, 40, 50)).astype(np.int16))
    rest(0.2)
    class_id = panel.session.state.classes.ids[0]
    panel.binding.begin_painting(class_id)
    panel.binding.annotation.layer.paint((3, 5, 5), 1)
    rest(0.2)
    own = viewer.add_labels(np.zeros(image.data.shape, np.uint8))
    viewer.dims.ndisplay = 3
    rest(0.1)
    viewer.dims.ndisplay = 2
    rest(0.1)
    panel.binding.stop_painting()
    for layer in [own, image]:
        viewer.layers.remove(layer)
viewer.close()
sys.exit("; ".join(raised) or 0)
"""


def run(program: str, *arguments: Path) -> str:
    command = [sys.executable, "-X", "faulthandler", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT / "benchmarks", capture_output=True, text=True, timeout=380, check=False)
    return "" if done.returncode == 0 else f"{done.returncode}: {done.stderr[-3000:]}"


def test_the_app_survives_image_after_image(tmp_path: Path) -> None:
    images = [tmp_path / "one.nii.gz", tmp_path / "two.nii.gz"]
    for number, path in enumerate(images):
        shape = (35, 40 + number, 36)
        voxels = np.random.default_rng(number).integers(0, 900, (1, *shape)).astype(np.int16)
        write_image(path, Image(voxels, Geometry.with_spacing(shape, (1, 1, 1)), path.stem))
    assert run(APP, *images) == ""


def test_napari_with_the_panel_survives_image_after_image() -> None:
    assert run(NAPARI) == ""
