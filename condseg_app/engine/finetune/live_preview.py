"""A class that is taught while the person looks on."""

from dataclasses import replace

from condseg_app.data import Block, Image, Lesson, Model, Region
from condseg_app.data.regions import first_of, placed
from condseg_app.engine.finetune.exact import ExactTeacher
from condseg_app.engine.finetune.learner import ExactRecipe
from condseg_app.engine.predict.predictor import Predictor


class Preview:
    """Preview of a class in training on the visible part of an image.

    Encoded windows of a part are kept for the next preview: the encoder does not learn.

    Args:
        image: of the lesson.
        device: 'auto', 'cpu', 'cuda', ...
    """

    def __init__(self, image: Image, device: str) -> None:
        self._image, self._device = image, device
        self._predictor: Predictor | None = None
        self._first = (0, 0, 0)

    def look_at(self, part: Region, model: Model) -> int:
        """Get ready for a part of the image, with the present class; returns the number of windows."""
        if self._predictor is None:
            self._predictor = Predictor(model, self._image, self._device, part=part)
        else:
            self._predictor.move_to(part)
            self._predictor.use(model)
        self._first = first_of(part)
        return self._predictor.windows

    def segment(self, window: int) -> Block | None:
        """A window of that part, on the image's grid; None before `look_at`."""
        if self._predictor is None:
            return None
        block = self._predictor.segment(window, self._predictor.model.classes.names)
        return replace(block, region=placed(block.region, self._first))


class LiveTeacher(ExactTeacher):
    """Exact teaching with a preview on the visible slice.

    Args:
        model: with its weights.
        lesson: in the mode 'exact'.
        device: 'auto', 'cpu', 'cuda', ...

    Raises:
        ModelError: the model does not fit the image, or its classes have no rows to learn.
    """

    def __init__(self, model: Model, lesson: Lesson, device: str = "auto") -> None:
        super().__init__(model, lesson.entry, lesson.shown, ExactRecipe(lesson.steps), device)
        self._preview = Preview(lesson.image, device)

    def look_at(self, part: Region) -> int:
        """Get ready to show the present class on a part of the image; returns the number of windows."""
        return self._preview.look_at(part, self.class_alone())

    def segment(self, window: int) -> Block | None:
        """The class in a window of that part."""
        return self._preview.segment(window)
