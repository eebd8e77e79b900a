"""napari finds built-in plugins by metadata, and submodules by name (lazy stubs)."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("napari", filter=lambda name: "_tests" not in name)
datas = collect_data_files("napari")
