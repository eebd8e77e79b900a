"""Export of masks as a DICOM segmentation."""

from pathlib import Path

from condseg_app.io.dicom.seg_writer import write_dicom_seg
from condseg_app.io.dicom.series import source_slices
from condseg_app.io.exports.formats import ExportFormat
from condseg_app.io.exports.write import Export


def export_to(form: ExportFormat, target: Path, export: Export) -> tuple[Path, ...]:
    """Write an export's masks, which refer to the image's own slices where the format does."""
    image, registry = export.image, export.registry
    source = source_slices(image.source, image.pick) if image.source is not None and form.is_for(image) else None
    write_dicom_seg(target, export.masks, image.geometry, registry.classes, source, registry.extra())
    return (target,)
