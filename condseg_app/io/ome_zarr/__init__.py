"""OME-Zarr and plain zarr arrays."""
