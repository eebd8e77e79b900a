"""Options of a prediction: one value from click, command or script to the engine."""

from dataclasses import dataclass, field, replace

from condseg_app.data.image import Pick
from condseg_app.data.model import Model
from condseg_app.data.post_processing import PostProcessing

_ACCURATE = 0.5  # overlap: twice the windows along each axis, for a mean over more windows


@dataclass(frozen=True)
class PredictionOptions:
    """All that masks depend on besides image and model.

    Attributes:
        classes: names; None for the whole table.
        post_processing: of the masks. Where overlaps are kept there are only binary masks, and no label map.
        masks: whether to write a binary mask per class as well.
        accurate: whether windows overlap by a half at least.
        roi: whether a coarse pass comes first, and classes are then predicted only around its places.
        pick: the part to take of files that hold several images.
        also: keys of further formats to export the masks in.
    """

    classes: tuple[str, ...] | None = None
    post_processing: PostProcessing = field(default_factory=PostProcessing)
    masks: bool = False
    accurate: bool = False
    roi: bool = False
    pick: Pick = field(default=Pick())
    also: tuple[str, ...] = ()

    def applied_to(self, model: Model) -> Model:
        """The model with its settings of predicting as these options want them."""
        if not self.accurate:
            return model
        return replace(model, inference=replace(model.inference, overlap=max(model.inference.overlap, _ACCURATE)))
