"""Commands that report errors instead of raising them."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from condseg_app.errors import CondsegError
from condseg_app.session.store import Store

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Part(Protocol):
    """A part of the session, on the store that all parts share."""

    _store: Store


_S = TypeVar("_S", bound=Part)


def command(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R | None]:
    """Make a method emit `failed` for an error that the user can act on, and return None.

    Anything else is a mistake in the program and goes to the host's handler of uncaught errors.
    """

    @wraps(method)
    def run(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R | None:
        try:
            return method(self, *args, **kwargs)
        except CondsegError as error:
            self._store.failed.emit(error)
            return None

    return run
