"""Each codec is a module of its own, imported by name when it is needed."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("imagecodecs", filter=lambda name: "_tests" not in name)
