"""A plugin: its manifest is data, and its commands are imported by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("napari_builtins")
datas = collect_data_files("napari_builtins")
