"""Images with an organ made unrecognisable: does a network use where classes lie to each other?"""

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from condseg_app.data import Annotation, Image
from condseg_app.errors import CondsegError

# Fat between organs in CT, in Hounsfield units: mean and spread.
FAT_HU = (-100.0, 15.0)


def corrupt(
    image: Image,
    annotations: Iterable[Annotation],
    names: Collection[str],
    seed: int,
    part: float = 0.7,
    fill: tuple[float, float] = FAT_HU,
) -> Image:
    """Replace 70 % of the voxels of some classes by intensities of fat (Dmitriev & Kaufman, 2019, figure 4).

    Args:
        image: (C, I, J, K); the file's own intensities.
        annotations: masks of the classes.
        names: the classes to corrupt.
        seed: of the choice of voxels.
        part: share of the voxels to replace, 0 to 1.
        fill: mean and standard deviation of the new intensities.

    Raises:
        CondsegError: none of the classes is annotated, so that nothing would change.
    """
    chosen = [a for a in annotations if a.class_name in names]
    if not chosen:
        wanted = ", ".join(sorted(names))
        raise CondsegError(f"case '{image.name}' does not label {wanted}, so it cannot be corrupted; name another")
    rng = np.random.default_rng(seed)
    voxels = np.array(image.voxels(), order="C")  # a file's own order may be another, and reshaping would copy
    for annotation in sorted(chosen, key=lambda a: a.class_name):
        where = np.flatnonzero(annotation.mask & annotation.supervised)
        replaced = rng.choice(where, round(part * len(where)), replace=False)
        values = rng.normal(*fill, (voxels.shape[0], len(replaced)))
        if voxels.dtype.kind in "iu":
            limits = np.iinfo(voxels.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        voxels.reshape(voxels.shape[0], -1)[:, replaced] = values.astype(voxels.dtype)
    return replace(image, array=voxels)
