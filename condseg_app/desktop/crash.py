"""Unexpected errors: details to the log, a sentence to the user."""

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from psygnal import EmitLoopError

from condseg_app.errors import CondsegError
from condseg_app.log import log_path

_logger = logging.getLogger(__name__)


def catch_all(show: Callable[[CondsegError], None]) -> None:
    """Handle every uncaught error of this process; errors of other threads are only logged."""

    def handle(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _logger.error("uncaught", exc_info=(kind, error, trace))
        show(explained(error))

    def handle_in_thread(args: threading.ExceptHookArgs) -> None:
        _logger.error("uncaught in %s", args.thread, exc_info=args.exc_value)

    sys.excepthook = handle
    threading.excepthook = handle_in_thread


def explained(error: BaseException) -> CondsegError:
    """The error itself if made for users, else a sentence that names the place of the details."""
    cause = error.__cause__ if isinstance(error, EmitLoopError) and error.__cause__ is not None else error
    if isinstance(cause, CondsegError):
        return cause
    return CondsegError(
        f"something went wrong in the window ({type(cause).__name__}); what is open is still there, and the log "
        f"{log_path()} has the details"
    )
