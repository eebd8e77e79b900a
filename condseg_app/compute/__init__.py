"""Where work runs: in a thread step by step, and in an engine process. No torch is imported in the caller's process."""

from condseg_app.compute.engine import Engine, LocalEngine
from condseg_app.compute.engine_process import EngineProcess
from condseg_app.compute.jobs import Job, JobEnd, JobState, Progress, Step, Steps
from condseg_app.compute.log import log_path, start_log
from condseg_app.compute.place import Place, own_certificate
from condseg_app.compute.protocols import EngineLike, PredictorLike, TeacherLike, Toolbox, TrainerLike
from condseg_app.compute.service import serve

__all__ = [
    "Engine",
    "EngineLike",
    "EngineProcess",
    "Job",
    "JobEnd",
    "JobState",
    "LocalEngine",
    "Place",
    "PredictorLike",
    "Progress",
    "Step",
    "Steps",
    "TeacherLike",
    "Toolbox",
    "TrainerLike",
    "log_path",
    "own_certificate",
    "serve",
    "start_log",
]
