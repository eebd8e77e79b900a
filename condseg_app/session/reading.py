"""Reading an image's file, as a job: a packed volume takes seconds."""

from dataclasses import dataclass
from pathlib import Path

from condseg_app import io
from condseg_app.compute import Progress, Step, Steps
from condseg_app.data import Image, Model, Pick
from condseg_app.io.choices import EVERYTHING, ChoiceNeeded
from condseg_app.session import table
from condseg_app.session.state import State, with_image


@dataclass(frozen=True, eq=False)
class Reading:
    """An image that was read, and the model to open with it, if any."""

    image: Image
    model: tuple[Path, Model] | None = None

    def onto(self, state: State) -> State:
        """The state with both open."""
        opened = with_image(state, self.image)
        return opened if self.model is None else table.with_model(opened, *self.model)


@dataclass(frozen=True, eq=False)
class Choice:
    """A file that holds more than one image, and how to open it once one is chosen.

    Attributes:
        path: the file.
        needed: what to choose from.
        pick: what was chosen of the file before.
        model: to open with the image, if any.
    """

    path: Path
    needed: ChoiceNeeded
    pick: Pick = EVERYTHING
    model: str | Path | None = None


def reading_steps(path: Path, model: str | Path | None, pick: Pick, *, check: bool) -> Steps:
    """Read an image and a model's description: brings a `Reading`, or the `Choice` that has to be made first.

    Args:
        path: of the image.
        model: name or file; None for none.
        pick: what was chosen of a file that holds more than one image.
        check: whether to read the file in a process of its own first.
    """
    if check:
        from condseg_app.compute.untrusted import check_untrusted  # the start stays quick

        check_untrusted(path, pick)
        yield Step(Progress(0.5))
    try:
        image = io.read_image(path, pick)
    except ChoiceNeeded as needed:
        yield Step(Progress(1.0), Choice(path, needed, pick, model))
        return
    found = None if model is None else io.find_model(model)
    yield Step(Progress(1.0), Reading(image, None if found is None else (found, io.read_model_description(found))))


def channel_choice(image: Image) -> Choice | None:
    """The choice of one channel of an image's file; None where it has but one, or they are colours."""
    if image.source is None or image.is_rgb or len(image.channels) == 1:
        return None
    options = [(name, name) for name in image.channels]
    return Choice(image.source, ChoiceNeeded("channel", options, image.source), image.pick)
