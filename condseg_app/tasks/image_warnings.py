"""Warnings about images of data sets, each logged once, however often an image is read."""

import logging
import threading

from condseg_app.data import Annotation, Case, ClassTable, Image
from condseg_app.io import read_case

_log = logging.getLogger(__name__)


class ImageWarnings:
    """Logs each warning of each image once; several threads may read."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def tell(self, data_set: str, name: str, image: Image) -> None:
        """Log the warnings of an image of a data set."""
        for warning in image.warnings:
            self.tell_sentence(f"{data_set}, {name}: {warning}")

    def tell_sentence(self, sentence: str) -> None:
        """Log a sentence, unless logged before."""
        with self._one_at_a_time:
            new = sentence not in self._told
            self._told.add(sentence)
        if new:
            _log.warning("%s", sentence)


class CaseReader:
    """Reads the cases of a data set, and logs the warnings of their images and labels."""

    def __init__(self, data_set: str, warnings: ImageWarnings | None = None) -> None:
        self._data_set, self._warnings = data_set, warnings or ImageWarnings()

    def __call__(self, case: Case, classes: ClassTable) -> tuple[Image, tuple[Annotation, ...]]:
        """As `read_case`."""
        image, annotations = read_case(case, classes)
        self._warnings.tell(self._data_set, case.name, image)
        return image, annotations
