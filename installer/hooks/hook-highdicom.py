"""highdicom's tables of the standard, and a colour profile."""

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("highdicom")
