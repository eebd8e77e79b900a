"""Choice of a model that suits the image in view; a model is proposed, never imposed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from psygnal import Signal

from condseg_app.data import Image, Model, Span, intensity_range
from condseg_app.errors import CondsegError
from condseg_app.io import ModelFile
from condseg_app.io.data_sets.generated import is_generated, is_sample
from condseg_app.jobs import Job, Progress, Step, Steps
from condseg_app.session.jobs import Jobs
from condseg_app.session.store import Store
from condseg_app.session.work import ignore

FindModels = Callable[[], Sequence[ModelFile]]


@dataclass(frozen=True, eq=False)
class JudgedModel:
    """An available model, and its drawbacks for the image in view.

    Attributes:
        file: the model.
        misfit: why the model cannot be used, a sentence; None where usable.
        unlike: differences of the image from the training images, an end of a sentence each.
    """

    file: ModelFile
    misfit: str | None = None
    unlike: tuple[str, ...] = ()

    @property
    def suits(self) -> bool:
        """Whether the model has no drawback."""
        return self.misfit is None and not self.unlike


class ModelAdvice:
    """Judges available models by the image in view, once their files are known.

    Args:
        store: of the session.
        jobs: of the session.
        find: finds the available models.
    """

    changed = Signal()
    """Other models are known, another image or model is open, or further facts on the image are available."""

    def __init__(self, store: Store, jobs: Jobs, find: FindModels) -> None:
        self._store, self._jobs, self._find = store, jobs, find
        # Facts about files and the judgement of them, found when first needed: no state.
        self._files: tuple[ModelFile, ...] | None = None
        self._intensity: Span | None = None
        self._generated = False
        self._ranked: tuple[JudgedModel, ...] | None = None
        store.image_changed.connect(self._on_image)
        store.model_changed.connect(self._on_model)

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """The available models, and the open model if stored elsewhere."""
        model, path = self._store.state.model, self._store.state.model_path
        if self._files is None:
            self._files = tuple(self._find())
        if model is None or path is None or any(file.path == path for file in self._files):
            return self._files
        return (*self._files, ModelFile(model.name, path, model))

    @property
    def ranked(self) -> tuple[JudgedModel, ...]:
        """The models at hand, the likeliest first, then those that cannot be used."""
        if self._ranked is None:
            self._ranked = self._judged()
        return self._ranked

    @property
    def proposed(self) -> JudgedModel | None:
        """The model to propose for the image in view; None where no model suits, or the open model does."""
        if self._store.state.image is None or self._open_one_suits():
            return None
        return next((judged for judged in self.ranked if judged.suits), None)

    @property
    def of_open_model(self) -> JudgedModel | None:
        """Drawbacks of the model in use; None without a model."""
        path = self._store.state.model_path
        return next((judged for judged in self.ranked if judged.file.path == path), None) if path else None

    def look(self) -> None:
        """Look again which models are available."""
        self._files = None
        self._tell()

    def _open_one_suits(self) -> bool:
        judged = self.of_open_model
        return judged is not None and judged.suits

    def _judged(self) -> tuple[JudgedModel, ...]:
        image = self._store.state.image
        if image is None:
            return tuple(JudgedModel(file) for file in self.files)
        judged = [self._judge(file, image) for file in self.files]
        return tuple(sorted(judged, key=lambda one: (one.misfit is not None, not one.suits, _strangeness(one, image))))

    def _judge(self, file: ModelFile, image: Image) -> JudgedModel:
        model = file.description
        misfit = model.misfit(image)
        return JudgedModel(file, misfit, () if misfit is not None else self._unlike(model, image))

    def _unlike(self, model: Model, image: Image) -> tuple[str, ...]:
        found = model.fingerprint
        if found is None:
            return ()
        absolute = model.preprocessing.absolute
        differences = found.unlike(image.geometry, self._intensity, absolute=absolute)
        if found.generated and not self._generated:
            return ("they were generated, it is real", *differences)
        return differences

    def _on_model(self) -> None:
        """Look again for an unknown model: a lesson or a change of classes may have made it."""
        path = self._store.state.model_path
        if path is not None and not any(file.path == path for file in self._files or ()):
            self._files = None
        self._tell()

    def _on_image(self) -> None:
        image = self._store.state.image
        self._intensity, self._generated = None, False
        if image is not None:
            self._generated = is_sample(image)
            job = Job("Looking at the image", partial(_looking, image))
            self._jobs.run(job, partial(self._on_look, image), ignore)
        self._tell()

    def _on_look(self, image: Image, found: "_Look") -> None:
        if image is self._store.state.image:
            self._intensity, self._generated = found.intensity, found.generated
            self._tell()

    def _tell(self) -> None:
        self._ranked = None
        self.changed.emit()


@dataclass(frozen=True)
class _Look:
    """Facts about an image from an inspection of its file."""

    intensity: Span | None
    generated: bool


def _looking(image: Image) -> Steps:
    try:
        found = intensity_range(image)
    except CondsegError:  # told when the image is predicted, or shown
        found = None
    yield Step(Progress(1.0), _Look(found, is_generated(image)))


def _strangeness(judged: JudgedModel, image: Image) -> float:
    """Difference between an image and a model's training images; 0 where the name settles the match.

    A model knows its field of view: the window, in mm, is of the order of the training images. A model
    for a small organ's box does not suit a whole body.
    """
    model = judged.file.description
    told = f"{image.name} {image.source or ''}".casefold()
    if model.name.casefold() in told:
        return 0.0
    preprocessing = model.preprocessing
    spacing = preprocessing.spacing.size if preprocessing.spacing else (1.0, 1.0, 1.0)
    wanted = [n * s for n, s in zip(preprocessing.window, spacing, strict=True) if n > 1]
    got = [n * s for n, s in zip(image.geometry.shape, image.geometry.spacing_mm, strict=True) if n > 1]
    if not wanted or not got:
        return 1.0
    return 1.0 + abs(math.log(_mean(wanted) / _mean(got))) + (model.fingerprint is None)


def _mean(lengths: Sequence[float]) -> float:
    return math.exp(sum(math.log(length) for length in lengths) / len(lengths))
