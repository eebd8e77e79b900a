"""Each codec is a separate module, imported by name when needed."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("imagecodecs", filter=lambda name: "_tests" not in name)
