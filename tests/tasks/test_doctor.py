"""`condseg doctor`, for reports of faults."""

import json
from types import SimpleNamespace

import pytest
import torch

from condseg_app import __version__
from condseg_app.cli import main
from condseg_app.engine.devices import cuda_devices, why_no_cuda


def test_all_facts_are_told_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["condseg"] == __version__
    assert facts["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert facts["opengl"] == "no screen to draw on"
    assert facts["computes on"].startswith("CPU (") or torch.cuda.is_available()
    assert main(["doctor"]) == 0
    assert f"condseg              {__version__}" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("is_available", "built_for", "expected"),
    [(True, "12.8", None), (False, None, "built without CUDA"), (False, "12.8", "install or update the NVIDIA driver")],
)
def test_the_lack_of_a_gpu_is_explained(
    monkeypatch: pytest.MonkeyPatch, is_available: bool, built_for: str | None, expected: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_available)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    reason = why_no_cuda()
    assert reason is None if expected is None else expected in str(reason)


def test_gpus_are_told_with_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    found = SimpleNamespace(name="NVIDIA H100", total_memory=80 << 30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: found)
    assert cuda_devices() == ["NVIDIA H100, 80 GiB"]
