"""Reading an image's file, as a job: a packed volume takes seconds."""

from dataclasses import dataclass
from pathlib import Path

from condseg_app import io
from condseg_app.compute import Progress, Step, Steps
from condseg_app.data import Image, Model
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


def reading_steps(path: Path, model: str | Path | None) -> Steps:
    """Read an image, and a model's description."""
    image = io.read_image(path)
    found = None if model is None else io.find_model(model)
    yield Step(Progress(1.0), Reading(image, None if found is None else (found, io.read_model_description(found))))
