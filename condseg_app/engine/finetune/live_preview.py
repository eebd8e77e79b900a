"""A class that is taught while the person looks on."""

from dataclasses import replace

from condseg_app.data import Block, Image, Lesson, Model, Region
from condseg_app.engine.finetune.exact import ExactTeacher
from condseg_app.engine.finetune.learner import ExactRecipe
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.engine.predict.tiles import first_of, placed


class Preview:
    """A class as it is learnt, on the part of an image that is looked at.

    What is encoded is kept from one look at a part to the next: the encoder does not learn.

    Args:
        image: of the lesson.
        device: 'auto', 'cpu', 'cuda', ...
    """

    def __init__(self, image: Image, device: str) -> None:
        self._image, self._device = image, device
        self._predictor: Predictor | None = None
        self._first = (0, 0, 0)

    def look_at(self, part: Region, model: Model) -> int:
        """Get ready for a part of the image, with the class as it is now; how many windows reach it."""
        if self._predictor is None:
            self._predictor = Predictor(model, self._image, self._device, part=part)
        else:
            self._predictor.move_to(part)
            self._predictor.use(model)
        self._first = first_of(part)
        return self._predictor.windows

    def segment(self, window: int) -> Block | None:
        """One of these windows, on the image's grid; None before anything is looked at."""
        if self._predictor is None:
            return None
        block = self._predictor.segment(window, self._predictor.model.classes.names)
        return replace(block, region=placed(block.region, self._first))


class LiveTeacher(ExactTeacher):
    """Teaches a class by its row, and shows it on the slice in view while it is learnt.

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
        """Get ready to show the class as it is now on a part of the image; in how many windows."""
        return self._preview.look_at(part, self.class_alone())

    def segment(self, window: int) -> Block | None:
        """The class in one of these windows."""
        return self._preview.segment(window)
