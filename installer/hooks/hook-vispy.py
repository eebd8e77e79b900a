"""vispy reads shaders from files and loads the window system by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

hiddenimports = collect_submodules("vispy.app.backends") + collect_submodules("vispy.gloo.gl")
datas = collect_data_files("vispy") + copy_metadata("vispy")
