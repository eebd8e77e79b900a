"""Predictions from files to files: what `condseg predict` does."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from condseg_app.data import Model, PostProcessing, Prediction, fuse
from condseg_app.errors import ReadError
from condseg_app.io import (
    can_read,
    file_hash,
    find_model,
    read_image,
    read_model,
    write_binary_masks,
    write_label_map,
)


@dataclass(frozen=True)
class PredictionPlan:
    """What to predict.

    Attributes:
        model: a model's name or file.
        output: folder for the label maps.
        classes: names; None for the whole table.
        post_processing: of the masks. Where overlaps are kept there are only binary masks, and no label map.
        masks: whether to write one binary mask a class as well.
        device: 'auto', 'cpu', 'cuda', ...
    """

    model: str
    output: Path
    classes: tuple[str, ...] | None = None
    post_processing: PostProcessing = field(default_factory=PostProcessing)
    masks: bool = False
    device: str = "auto"


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The images of some paths: files as they are, folders by what in them can be read.

    Raises:
        ReadError: a path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ReadError("there is no such file or folder; check the path", path=path)
        inside = sorted(f for f in path.iterdir() if f.is_file() and can_read(f)) if path.is_dir() else [path]
        if not inside:
            raise ReadError("the folder holds no image that can be read", path=path)
        found.extend(inside)
    return found


def predict_files(files: Sequence[Path], plan: PredictionPlan) -> Iterator[tuple[float, Path, tuple[Path, ...]]]:
    """Predict image by image; yields images done (with the part of the one in work), the image, files written."""
    from condseg_app.engine.predict import predict

    path = find_model(plan.model)
    model = read_model(path)
    names = model.classes.keeping(plan.classes).names if plan.classes is not None else model.classes.names
    for count, file in enumerate(files):
        image = read_image(file)
        prediction = Prediction(image.geometry)
        for part, so_far in predict(model, image, names, plan.device):
            prediction = so_far
            yield count + part, file, ()
        yield count + 1, file, _write(file, prediction, model, path, plan)


def _write(
    file: Path, prediction: Prediction, model: Model, model_path: Path, plan: PredictionPlan
) -> tuple[Path, ...]:
    from condseg_app.engine.post_process import final_masks, post_process

    settings = plan.post_processing
    classes = model.classes.keeping(prediction.probabilities)
    suffix = ".png" if prediction.geometry.unit == "pixel" else ".nii.gz"
    stem = file.name.split(".")[0]
    plan.output.mkdir(parents=True, exist_ok=True)
    written: tuple[Path, ...] = ()
    if settings.overlap != "keep":
        thresholds = dict.fromkeys(classes.names, settings.threshold)
        order = settings.priority if settings.overlap == "priority" else None
        labels = fuse(post_process(prediction, classes, settings), classes, thresholds, priority=order)
        extra = {
            "image": file.name,
            "model": model.name,
            "model_sha256": file_hash(model_path),
            "post_processing": asdict(settings),
        }
        written = write_label_map(plan.output / f"{stem}_labels{suffix}", labels, extra=extra)
    if plan.masks or settings.overlap == "keep":
        masks = final_masks(prediction, classes, settings)
        folder = plan.output / f"{stem}_masks"
        written = (*written, *write_binary_masks(folder, masks, prediction.geometry, classes, suffix))
    return written
