"""The whole way from a CT's file to a label map, against a plain pipeline with the same weights.

Whole real CTs, the data set's test part, and a model trained on the set's thirteen organs (see
`k_class_speedup_gated`; decision 13 gives the model's quality). Ours is the way of `condseg predict --roi`; without
`--roi`, see the details. The plain pipeline reads and prepares the image by the same code, then asks for each class
separately: MONAI's sliding windows that overlap by a half, weighted by a Gaussian, the whole network in float32 on
batches of slices with their neighbours; each class's map is brought onto the image's grid by scipy and kept in float32;
the largest probability decides where at least 0.5.

Each run is a separate process; seconds and memory count from the end of imports and of loading the model. The ways
take turns, and ratios are medians of the volumes'. Dice is with the labels, mean of all volumes and classes.

    make bench ONLY=pipeline_ratio
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import typer
from harness.models import thirteen
from harness.report import DATA, report
from monai.inferers import sliding_window_inference
from scipy.ndimage import zoom

from condseg_app.data import LabelMap, Model, PredictionOptions, dice
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.networks import build_network, condition_for
from condseg_app.engine.predict import whole as _predict  # noqa: F401 - what `segment` imports, before it counts
from condseg_app.engine.preprocess import WorkingGrid, prepare
from condseg_app.io import read_case, read_data_set, read_image, write_label_map
from condseg_app.tasks.predict_image import Request, segment

Way = Literal["ours", "ours_without_roi", "plain"]
WAYS: tuple[Way, ...] = ("ours", "ours_without_roi", "plain")
SLICES_AT_ONCE = 8


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    child: Annotated[str, typer.Option(help="predict once in this way and print what it took")] = "",
    volume: Annotated[int, typer.Option(help="which test volume")] = 0,
) -> None:
    """Measure on all test volumes."""
    if child:
        sys.stdout.write(json.dumps(measured(child, data, volume)) + "\n")
        return
    thirteen(data)
    volumes = range(len(read_data_set(data).part("test").cases))
    runs: dict[Way, list[dict[str, float]]] = {way: [] for way in WAYS}
    for volume in volumes:
        for way in WAYS if volume % 2 == 0 else reversed(WAYS):
            command = [sys.executable, __file__, "--child", way, "--data", str(data), "--volume", str(volume)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            runs[way].append(json.loads(done.stdout.splitlines()[-1]))

    def ratios(one: Way, other: Way, key: str) -> list[float]:
        return [first[key] / second[key] for first, second in zip(runs[one], runs[other], strict=True)]

    speed = ratios("plain", "ours", "seconds")
    means = {way: {key: statistics.mean(run[key] for run in runs[way]) for key in runs[way][0]} for way in WAYS}
    report(
        "pipeline_ratio",
        statistics.median(speed),
        "times",
        ">= 8",
        volumes=[round(ratio, 2) for ratio in speed],
        without_roi=round(statistics.median(ratios("plain", "ours_without_roi", "seconds")), 2),
        memory_ratio=round(statistics.median(ratios("ours", "plain", "peak_mb")), 3),
        memory_goal="<= 0.333",
        **{f"{key}_{way}": round(values[key], 5) for way, values in means.items() for key in values},
    )


def measured(way: str, data: Path, volume: int) -> dict[str, float]:
    """Seconds, megabytes and Dice of a run."""
    data_set = read_data_set(data)
    case = data_set.part("test").cases[volume]
    model = thirteen(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    labels = plain(case.image, model) if way == "plain" else ours(case.image, model, roi=way == "ours")
    with tempfile.TemporaryDirectory() as folder:
        write_label_map(Path(folder) / "labels.nii.gz", labels)
    seconds = time.perf_counter() - start
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    _, annotations = read_case(case, data_set.classes)
    scores = [dice(labels.mask(known.class_name), known.mask) for known in annotations]
    return {"seconds": seconds, "peak_mb": peak, "dice": statistics.mean(scores)}


def ours(path: Path, model: Model, *, roi: bool) -> LabelMap:
    """Predict as `condseg predict` does."""
    *_, (_, found) = segment(path, Request(model, PredictionOptions(roi=roi), "cpu"))
    if found is None or found.labels is None:
        raise RuntimeError("no label map came back")
    return found.labels


@torch.inference_mode()
def plain(path: Path, model: Model) -> LabelMap:
    """Class by class, and all of their maps in memory."""
    image, plan = read_image(path), model.preprocessing
    grid = WorkingGrid.of(image.geometry, plan)
    prepared = prepare(image, IntensityMap.of(image, plan), grid)[0]  # (I, J, K)
    beside = torch.arange(-plan.neighbours, plan.neighbours + 1)
    shown = prepared[..., (torch.arange(grid.shape[2])[:, None] + beside).clamp(0, grid.shape[2] - 1)]
    slices = shown.permute(2, 3, 0, 1).contiguous()  # (K, channels, I, J)
    network = build_network(model, torch.device("cpu"))
    factors = [n / w for n, w in zip(grid.turned, grid.shape, strict=True)]
    maps = np.empty((len(model.classes), *image.geometry.shape), np.float32)
    for row, name in enumerate(model.classes.names):

        def probability(x: torch.Tensor, name: str = name) -> torch.Tensor:
            condition = condition_for(model.classes, [name] * len(x), torch.device("cpu"))
            return network.decode(network.encode(x), condition).sigmoid()

        settings: dict[str, Any] = {"overlap": 0.5, "mode": "gaussian", "padding_mode": "replicate"}
        batches: list[Any] = [
            sliding_window_inference(some, plan.window[:2], SLICES_AT_ONCE, probability, **settings)
            for some in slices.split(SLICES_AT_ONCE)
        ]
        working = torch.cat(batches)[:, 0].permute(1, 2, 0).numpy()
        maps[row] = grid.axes.undo(zoom(working, factors, order=1, mode="nearest", grid_mode=True))
    values = np.array([entry.value for entry in model.classes], model.classes.value_type)
    labels = np.where(maps.max(axis=0) >= 0.5, values[maps.argmax(axis=0)], 0).astype(values.dtype)
    return LabelMap(labels, image.geometry, model.classes)


if __name__ == "__main__":
    typer.run(main)
