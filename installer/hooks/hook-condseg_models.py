"""The shipped models lie beside the networks, as in an installed package."""

from pathlib import Path

from PyInstaller.utils.hooks import collect_submodules

_ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"
_KINDS = (".safetensors", ".md", ".json")

hiddenimports = collect_submodules("condseg_models")
datas = [
    (str(file), "condseg_models/zoo")
    for file in sorted(_ZOO.iterdir())
    if file.suffix in (".safetensors", ".md", ".json")
]
