"""A plugin with a manifest as data, found through metadata, and commands imported by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

hiddenimports = collect_submodules("napari_svg", filter=lambda name: "_tests" not in name)
datas = collect_data_files("napari_svg") + copy_metadata("napari-svg")
