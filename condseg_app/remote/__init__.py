"""The engine in another process or machine. The caller's process imports no torch."""

from condseg_app.remote.endpoint import Endpoint, own_certificate
from condseg_app.remote.engine import Engine
from condseg_app.remote.protocols import EngineLike, PredictorLike, TeacherLike

__all__ = [
    "Endpoint",
    "Engine",
    "EngineLike",
    "PredictorLike",
    "TeacherLike",
    "own_certificate",
]
