"""The Python face: the examples of docs/python.md, run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from condseg_app.tasks.make_phantoms import write_phantoms
from condseg_app.viewer.samples import SAMPLES

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def test_the_page_s_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    code = re.sub(r"steps=\d+", "steps=2", "\n".join(blocks))  # the lengths that the page names take minutes
    (tmp_path / "abdomen.nii.gz").write_bytes(SAMPLES[0].path.read_bytes())
    for _ in write_phantoms(tmp_path / "data", 0, 12, 1):
        pass
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    for written in ("abdomen_labels.nii.gz", "abdomen_labels.json", "with_lesion.safetensors", "scenes.safetensors"):
        assert (tmp_path / written).stat().st_size > 0
    assert set(names["figures"]["mean"]["dice"])  # type: ignore[index]


def test_the_import_is_light_and_lists_what_there_is() -> None:
    code = (
        "import sys, condseg_app as condseg\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "assert {'predict', 'teach', 'train'} <= set(dir(condseg))\n"
        "condseg.read_image, condseg.models()\n"
        "assert 'torch' not in sys.modules\n"
        "try:\n    condseg.segment\nexcept AttributeError as error:\n    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told == "module 'condseg_app' has no attribute 'segment'\n"
