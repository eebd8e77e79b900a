"""The napari plugin: manifest, widget, readers, writers and sample data over condseg_app."""
