"""Groups of options: dataclasses whose fields become options of a command, with their help texts."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, cast, get_args

import typer

from condseg_app.cli.shared import names_in, numbers_by_name
from condseg_app.data import Overlap, Pick, PostProcessing
from condseg_app.errors import CondsegError


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """A command for Typer, in which every parameter that is a dataclass has become the dataclass's fields."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        n: each.annotation for n, each in signature.parameters.items() if is_dataclass(each.annotation)
    }

    def expanded() -> Iterator[inspect.Parameter]:
        for name, parameter in signature.parameters.items():
            yield from inspect.signature(groups[name]).parameters.values() if name in groups else (parameter,)

    @wraps(command)
    def run(**options: object) -> None:
        made = {name: group(**{f.name: options.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        command(**options, **made)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in expanded()]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


@dataclass(frozen=True)
class PickOptions:
    """The image of a file or folder that holds several."""

    series: Annotated[str | None, typer.Option(help="of a folder or file with several series: which")] = None
    frame: Annotated[int | None, typer.Option(min=0, help="of a file with several points in time: which, from 0")] = (
        None
    )
    channel: Annotated[str | None, typer.Option(help="of a file with several channels: the name of one")] = None

    @property
    def pick(self) -> Pick:
        """The options as a value."""
        return Pick(self.series, self.frame, self.channel)


@dataclass(frozen=True)
class MaskOptions:
    """The way from probabilities to masks."""

    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="probability from which a voxel counts")] = 0.5
    keep_largest: Annotated[
        str | None, typer.Option(help="only so many of a class's largest components: liver=1,kidneys=2")
    ] = None
    smallest: Annotated[str | None, typer.Option(help="without components below so many ml (pixels): tumour=0.05")] = (
        None
    )
    inside_whole: Annotated[
        bool, typer.Option("--inside-whole", help="parts only inside their wholes, such as tumours")
    ] = False
    overlap: Annotated[str, typer.Option("--overlap", help="probability, priority or keep")] = "probability"
    priority: Annotated[str | None, typer.Option(help="for --overlap priority: classes, the first one wins")] = None

    def post_processing(self) -> PostProcessing:
        """The options as a value.

        Raises:
            CondsegError: an option is invalid.
        """
        if self.overlap not in get_args(Overlap):
            raise CondsegError(f"--overlap takes {', '.join(get_args(Overlap))}, not '{self.overlap}'")
        if (self.overlap == "priority") != (self.priority is not None):
            raise CondsegError("--overlap priority needs --priority with the classes in order, and only it")
        return PostProcessing(
            self.threshold,
            {name: int(count) for name, count in numbers_by_name("--keep-largest", self.keep_largest, int).items()},
            numbers_by_name("--smallest", self.smallest),
            self.inside_whole,
            cast("Overlap", self.overlap),
            tuple(names_in(self.priority or "")),
        )
