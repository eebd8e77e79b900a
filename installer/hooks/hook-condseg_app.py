"""The engine's process loads classes by name; sample images, the guide and every library's licence come along."""

from pathlib import Path

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_DISTRIBUTIONS = ("condseg", "napari", "PySide6_Essentials")  # with their requirements

hiddenimports = collect_submodules("condseg_app")
datas = collect_data_files("condseg_app")
datas += [
    (str(page), "condseg_app/docs") for page in sorted((Path(__file__).resolve().parents[2] / "docs").glob("*.md"))
]
for name in _DISTRIBUTIONS:
    datas += copy_metadata(name, recursive=True)
