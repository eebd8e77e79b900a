"""Voxels of the old classes that a lesson in the mode `exact` changes, over all test volumes.

A shipped model is taught a new class, from nine slices in three volumes; then every old class of the model before and
of the model after is predicted on every test volume, and every probability of every voxel is compared.

    make bench ONLY=teach_exact_changed
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from harness.report import DATA, report

from condseg_app.engine.predict.whole import predict_whole
from condseg_app.io import find_model, read_case, read_data_set, read_model
from condseg_app.tasks.teach import TeachingPlan, TeachingResult, teach


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    model: Annotated[str, typer.Option()] = "phantom_ct",
    name: Annotated[str, typer.Option()] = "aorta",
    steps: Annotated[int, typer.Option()] = 100,
) -> None:
    """Teach, then compare."""
    plan = TeachingPlan(name, model, data, Path("taught.safetensors"), slices=9, cases=3, steps=steps)
    *_, result = teach(plan)
    assert isinstance(result, TeachingResult)
    before = read_model(find_model(model))
    names, changed, compared = before.classes.names, 0, 0
    data_set = read_data_set(data)
    cases = data_set.part("test").cases
    for case in cases:
        image, _ = read_case(case, data_set.classes)
        old, new = predict_whole(before, image, names), predict_whole(result.model, image, names)
        for old_name in names:
            changed += int(np.count_nonzero(old.probabilities[old_name] != new.probabilities[old_name]))
            compared += int(np.prod(image.geometry.shape))
    proof = result.certificate
    report(
        "teach_exact_changed",
        changed,
        "voxels",
        "0",
        compared=compared,
        volumes=len(cases),
        old_classes=len(names),
        certificate_holds=proof is not None and proof.holds,
        held_out_dice=result.held_out,
    )


if __name__ == "__main__":
    typer.run(main)
