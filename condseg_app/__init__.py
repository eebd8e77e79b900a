"""Everything that the napari plugin and the standalone app share."""

__version__ = "0.1.0"
