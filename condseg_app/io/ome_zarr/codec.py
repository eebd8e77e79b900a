"""Reading and writing of OME-Zarr."""

from condseg_app.io.codec import Codec, labels_by
from condseg_app.io.ome_zarr.reader import classes_in_zarr, read_zarr
from condseg_app.io.ome_zarr.writer import image_to_zarr, labels_to_zarr

CODEC = Codec(
    read_image=read_zarr,
    read_labels=labels_by(read_zarr),
    classes_inside=classes_in_zarr,
    write_image=image_to_zarr,
    write_labels=lambda _, folder, grid: labels_to_zarr(folder, grid.geometry, grid.dtype, grid.classes),
)
