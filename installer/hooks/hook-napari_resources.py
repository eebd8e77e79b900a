"""napari's icons and style sheets."""

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("napari_resources")
