"""The engine's process loads classes by name, the sample images are data, and every library's licence comes along."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

_DISTRIBUTIONS = ("condseg", "napari", "PySide6_Essentials")  # and whatever these require

hiddenimports = collect_submodules("condseg_app")
datas = collect_data_files("condseg_app")
for name in _DISTRIBUTIONS:
    datas += copy_metadata(name, recursive=True)
