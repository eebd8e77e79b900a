"""The session: state and commands that every host shares. No Qt, no torch."""

from condseg_app.data import Measure
from condseg_app.session.advice import JudgedModel
from condseg_app.session.proposals import ImageProposal, Proposal
from condseg_app.session.reading import Choice, LabelsFound
from condseg_app.session.session import Session
from condseg_app.session.state import ClassState, LessonResult

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
