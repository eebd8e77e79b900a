"""The label table that Caret and TotalSegmentator put into a NIfTI header's extension."""

import re
from pathlib import Path
from xml.etree import ElementTree

from condseg_app.data import ClassTable, as_class_name
from condseg_app.io.nifti.header import extensions_of

_CARET = re.compile(rb"<CaretExtension>.*?</CaretExtension>", re.DOTALL)


def classes_in_nifti(path: Path) -> ClassTable | None:
    """The class table of a NIfTI file, None if missing.

    Raises:
        ReadError, ClassTableError, ValueError: the table cannot be read or used.
    """
    caret = _CARET.search(extensions_of(path))
    if caret is None:
        return None
    xml = caret.group()
    if b"<!" in xml.replace(b"<![CDATA[", b""):
        raise ValueError("it declares XML entities")
    try:
        labels = list(ElementTree.fromstring(xml).iter("Label"))
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error
    table = ClassTable()
    for label in labels:
        value, name = int(label.attrib["Key"]), as_class_name(label.text or "")
        red, green, blue = (round(255 * float(label.attrib.get(key, "0"))) for key in ("Red", "Green", "Blue"))
        if value:
            table = table.adding(table.propose(name, (red, green, blue), value))
    return table
