"""The session: state and commands that every host shares. No Qt, no torch."""

from condseg_app.data import Measure
from condseg_app.session.advice import JudgedModel
from condseg_app.session.lesson_record import LessonResult
from condseg_app.session.proposals import ImageProposal, Proposal
from condseg_app.session.requests import Choice, LabelsFound
from condseg_app.session.session import Session
from condseg_app.session.state import ClassState

__all__ = [
    "Choice",
    "ClassState",
    "ImageProposal",
    "JudgedModel",
    "LabelsFound",
    "LessonResult",
    "Measure",
    "Proposal",
    "Session",
]
