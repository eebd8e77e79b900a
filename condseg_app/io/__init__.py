"""Files to values and back, a module for each format. Imports neither torch nor a window."""

from condseg_app.io.atomic import atomic_write
from condseg_app.io.contents import SUFFIXES, can_read, is_image
from condseg_app.io.data_sets.folders import read_case, read_data_set
from condseg_app.io.describe import FileDescription, describe
from condseg_app.io.exports.formats import EXPORT_FORMATS, ExportFormat, export_files, export_format
from condseg_app.io.exports.provenance import Registry, merge_rule, read_registry
from condseg_app.io.exports.write import Export, write_export
from condseg_app.io.images import read_image
from condseg_app.io.labels.parts import LabelParts, label_map_by_parts
from condseg_app.io.labels.reader import read_binary_mask, read_label_map
from condseg_app.io.labels.writer import usual_suffix, write_binary_masks, write_label_map, write_overlapping_masks
from condseg_app.io.models.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from condseg_app.io.models.model_file import file_hash, read_model, read_model_description, write_model
from condseg_app.io.models.zoo import ModelFile, find_model, models_available, user_models_folder

__all__ = [
    "EXPORT_FORMATS",
    "SUFFIXES",
    "Checkpoint",
    "Export",
    "ExportFormat",
    "FileDescription",
    "LabelParts",
    "ModelFile",
    "Registry",
    "atomic_write",
    "can_read",
    "describe",
    "export_files",
    "export_format",
    "file_hash",
    "find_model",
    "is_image",
    "label_map_by_parts",
    "merge_rule",
    "models_available",
    "read_binary_mask",
    "read_case",
    "read_checkpoint",
    "read_data_set",
    "read_image",
    "read_label_map",
    "read_model",
    "read_model_description",
    "read_registry",
    "user_models_folder",
    "usual_suffix",
    "write_binary_masks",
    "write_checkpoint",
    "write_export",
    "write_label_map",
    "write_model",
    "write_overlapping_masks",
]
