"""Images to files, in any format that is written."""

from pathlib import Path

from condseg_app.data import Image
from condseg_app.io.atomic import atomic_write
from condseg_app.io.formats import image_writer


def write_image(path: Path, image: Image) -> None:
    """Write an image in the format that the file's name ends with; equal images give equal bytes.

    A lazy image is read a few slices at a time.

    Args:
        path: ends with .nii.gz, .nii, .nrrd or .mha (one channel, exact affine and data type), .ome.tif or .zarr (any
            channels), or .png (a 2D image of uint8 with one channel or red, green, blue).
        image: the image.

    Raises:
        WriteError: another ending, or an image that the format cannot hold.
    """
    form = image_writer(path)
    with atomic_write(path) as temporary:
        form.codec.write_image(path, temporary, image)
