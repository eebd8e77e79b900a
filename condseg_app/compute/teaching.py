"""Teaching from files to a file: what `condseg teach` does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from condseg_app.data import DataSet, TrainingProgress
from condseg_app.errors import ModelError, ReadError
from condseg_app.io import file_hash, find_model, read_case, read_data_set, read_model, write_model


@dataclass(frozen=True)
class TeachingPlan:
    """What to teach which model.

    Attributes:
        class_name: the class, new to the model or not.
        model: a model's name or file; it stays as it is.
        data: folder of a data set that labels the class.
        output: the model file to write.
        steps: training steps.
        device: 'auto', 'cpu', 'cuda', ...
    """

    class_name: str
    model: str
    data: Path
    output: Path
    steps: int = 200
    device: str = "auto"


def teach(plan: TeachingPlan, seconds: float = 2.0) -> Iterator[TrainingProgress]:
    """Teach, and write the new model at the end.

    Classes of the data set that the model knows as well are held to their labels, the model's other classes to
    its own answers.
    """
    from condseg_app.engine.teach import start_teaching_from

    path = find_model(plan.model)
    if plan.output.exists() and plan.output.samefile(path):
        raise ModelError("the output is the model that is taught; choose another file", path=plan.output)
    model = read_model(path)
    data = _labelled(read_data_set(plan.data).part("train"), plan.class_name)
    known = plan.class_name in model.classes
    entry = model.classes[plan.class_name] if known else model.classes.propose(plan.class_name)
    of_interest = {plan.class_name, *model.classes.names}
    cases = (replace(case, labelled=case.labelled & of_interest) for case in data.cases)
    shown = (read_case(case, data.classes) for case in cases)
    trainer = start_teaching_from(model, entry, shown, plan.steps, plan.device)
    while not trainer.progress.finished:
        yield trainer.advance(seconds)
    write_model(plan.output, replace(trainer.model(), name=plan.output.stem, parent=file_hash(path)))


def _labelled(data: DataSet, class_name: str) -> DataSet:
    data.classes.row(class_name)
    cases = tuple(case for case in data.cases if class_name in case.labelled)
    if not cases:
        raise ReadError(f"no training case labels '{class_name}'; choose another data set", path=data.root)
    return replace(data, cases=cases)
