"""NRRD and 3D Slicer's segmentations."""
