"""The commands without a window.

Exit code 0; 2 with one sentence for bad input; 3 with one where the single file that is read holds several images to
choose from; 130 when interrupted.
"""

import logging

import typer

from condseg_app.cli.classes import class_app
from condseg_app.cli.comparing import compare
from condseg_app.cli.data import complete_labels, phantom
from condseg_app.cli.predicting import evaluate, predict
from condseg_app.cli.service import engine
from condseg_app.cli.shared import ERRORS
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
):
    app.command()(command)
app.add_typer(class_app, name="class")
_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run a command; errors become one line on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        code = app(args=arguments, standalone_mode=False)
    except CondsegError as error:
        from condseg_app.io.choices import CHOICE_NEEDED, ChoiceNeeded  # the start stays quick

        ERRORS.print(f"condseg: {error}", highlight=False, soft_wrap=True, markup=False)
        return CHOICE_NEEDED if isinstance(error, ChoiceNeeded) else 2
    except Exception as error:
        if hasattr(error, "format_message"):  # click's usage errors
            ERRORS.print(f"condseg: {error.format_message()}", highlight=False, soft_wrap=True, markup=False)
            return 2
        raise
    # Commands return nothing; what arrives here is click's own code, 130 for Ctrl-C.
    if code == _INTERRUPTED:
        ERRORS.print("condseg: interrupted")
    return code if isinstance(code, int) else 0
