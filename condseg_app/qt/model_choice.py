"""Which of the models at hand suits an image."""

import math
from collections.abc import Sequence

from condseg_app.data import Image, Model
from condseg_app.io import ModelFile


def ranked(files: Sequence[ModelFile], image: Image | None) -> list[tuple[ModelFile, str | None]]:
    """The models, those that fit first and the most likely one at the top, each with the reason why not."""
    if image is None:
        return [(file, None) for file in files]
    judged = [(file, file.description.misfit(image)) for file in files]
    return sorted(judged, key=lambda pair: (pair[1] is not None, _strangeness(pair[0].description, image)))


def _strangeness(model: Model, image: Image) -> float:
    """How little an image looks like those that a model was made for; 0 where its name says it all.

    A model knows the size of what it looks at: its window, in mm, is of the order of the images it was
    trained on. One for a small organ's box does not suit a whole body.
    """
    told = f"{image.name} {image.source or ''}".casefold()
    if model.name.casefold() in told:
        return 0.0
    preprocessing = model.preprocessing
    spacing = preprocessing.spacing or (1.0, 1.0, 1.0)
    wanted = [n * s for n, s in zip(preprocessing.window, spacing, strict=True) if n > 1]
    got = [n * s for n, s in zip(image.geometry.shape, image.geometry.spacing_mm, strict=True) if n > 1]
    if not wanted or not got:
        return 1.0
    return 1.0 + abs(math.log(_mean(wanted) / _mean(got)))


def _mean(lengths: Sequence[float]) -> float:
    return math.exp(sum(math.log(length) for length in lengths) / len(lengths))
