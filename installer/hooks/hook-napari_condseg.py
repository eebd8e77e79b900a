"""A plugin with a manifest as data and commands imported by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("napari_condseg")
datas = collect_data_files("napari_condseg")
