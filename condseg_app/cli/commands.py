"""The commands without a window.

Exit code 0; 2 for bad input; 3 where the only file to read holds several images to choose from; 130 when
interrupted; 1 where CondSeg itself failed. With 1, 2 and 3 a sentence says what happened.
"""

import typer

from condseg_app.cli.classes import class_app
from condseg_app.cli.comparing import compare
from condseg_app.cli.console import complain, set_up_streams, warnings_told
from condseg_app.cli.data import complete_labels, phantom
from condseg_app.cli.doctor import doctor
from condseg_app.cli.predicting import evaluate, predict
from condseg_app.cli.service import engine
from condseg_app.cli.show import classes, info, models, networks
from condseg_app.cli.training import teach, train
from condseg_app.errors import CondsegError

app = typer.Typer(
    help="Class-conditioned segmentation: one network, told which class to look for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    info,
    models,
    networks,
    classes,
    predict,
    train,
    evaluate,
    teach,
    complete_labels,
    compare,
    phantom,
    engine,
    doctor,
):
    app.command()(command)
app.add_typer(class_app, name="class")
_INTERRUPTED = 130
_BAD_INPUT = 2
_FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Run a command; an error becomes a single line on standard error."""
    set_up_streams()
    try:
        with warnings_told():
            code = app(args=arguments, standalone_mode=False)
    except SystemExit:  # click and rich end so when nobody reads the output any more
        return 0
    except Exception as error:  # noqa: BLE001 - told in a sentence, and logged
        return _told(error)
    # Commands return nothing; a value here is click's own code, 130 for Ctrl-C.
    if code == _INTERRUPTED:
        complain("condseg: interrupted")
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> int:
    """Print the error; returns the exit code."""
    from condseg_app.io.choices import CHOICE_NEEDED, ChoiceNeeded  # the start stays quick

    if isinstance(error, CondsegError):
        complain(f"condseg: {error}")
        return CHOICE_NEEDED if isinstance(error, ChoiceNeeded) else _BAD_INPUT
    if hasattr(error, "format_message"):  # click's usage errors
        complain(f"condseg: {error.format_message()}")
        return _BAD_INPUT
    from condseg_app.log import explain, start_log

    start_log()
    complain(f"condseg: {explain(error, 'The command')}")
    return _FAILED
