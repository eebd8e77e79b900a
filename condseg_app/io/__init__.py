"""Files to values and back: one file a format. Knows neither torch nor a window."""

from condseg_app.io.atomic import atomic_write
from condseg_app.io.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from condseg_app.io.contents import SUFFIXES, can_read, is_image
from condseg_app.io.data_sets import read_case, read_data_set
from condseg_app.io.describe import FileDescription, describe
from condseg_app.io.export_formats import EXPORT_FORMATS, ExportFormat, export_files
from condseg_app.io.images import read_image
from condseg_app.io.label_maps import read_binary_mask, read_label_map
from condseg_app.io.label_parts import LabelParts, label_map_by_parts
from condseg_app.io.label_writers import write_binary_masks, write_label_map, write_overlapping_masks
from condseg_app.io.model_file import file_hash, read_model, read_model_description, write_model
from condseg_app.io.zoo import ModelFile, find_model, models_available, user_models_folder

__all__ = [
    "EXPORT_FORMATS",
    "SUFFIXES",
    "Checkpoint",
    "ExportFormat",
    "FileDescription",
    "LabelParts",
    "ModelFile",
    "atomic_write",
    "can_read",
    "describe",
    "export_files",
    "file_hash",
    "find_model",
    "is_image",
    "label_map_by_parts",
    "models_available",
    "read_binary_mask",
    "read_case",
    "read_checkpoint",
    "read_data_set",
    "read_image",
    "read_label_map",
    "read_model",
    "read_model_description",
    "user_models_folder",
    "write_binary_masks",
    "write_checkpoint",
    "write_label_map",
    "write_model",
    "write_overlapping_masks",
]
