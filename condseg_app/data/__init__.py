"""Values of the whole program: frozen, numpy only, without files and networks."""

from condseg_app.data.annotation import Annotation
from condseg_app.data.chunked_annotation import ChunkedAnnotation
from condseg_app.data.classes import (
    LONGEST_NAME,
    ClassEntry,
    ClassId,
    ClassTable,
    as_class_name,
    listed,
    spread_code,
    why_no_class_name,
)
from condseg_app.data.colors import PALETTE, Color
from condseg_app.data.dataset import Case, DataSet, LabelCoding, Split
from condseg_app.data.fingerprint import Fingerprint, Span, intensity_range
from condseg_app.data.geometry import Affine, AxisMap, Geometry, Shape
from condseg_app.data.image import Image, LazyArray, Pick
from condseg_app.data.labels import LabelMap, values_present
from condseg_app.data.lesson import (
    TEACHING_STEPS,
    ClassChange,
    DeviceInfo,
    LearntState,
    Lesson,
    Shown,
    TeachingMode,
    TrainingProgress,
)
from condseg_app.data.levels import ClassLevels, Levels, extent_of, level_counts
from condseg_app.data.measure import Measure, measure, voxel_size
from condseg_app.data.model import Inference, Model
from condseg_app.data.on_demand import OnDemand
from condseg_app.data.post_processing import Overlap, PostProcessing
from condseg_app.data.prediction import Block, Fusion, Prediction, as_level, dice, fuse, in_order
from condseg_app.data.prediction_options import PredictionOptions
from condseg_app.data.preprocessing import (
    CropToForeground,
    CtNormalisation,
    Dimensions,
    IntensityStep,
    Percentile,
    Preprocessing,
    Reorient,
    Spacing,
    Transpose,
    Unchanged,
    UnitRange,
    Window,
    ZScore,
    intensity_step,
)
from condseg_app.data.project import Display, FileReference, Project, ProjectImage
from condseg_app.data.regions import EVERYWHERE, Region
from condseg_app.data.taught_class import Certificate, ImageProof, TaughtClass
from condseg_app.data.uncertainty import uncertainty_by_slice
from condseg_app.data.units import CommonUnit, Unit, common_unit, millimetres

__all__ = [
    "EVERYWHERE",
    "LONGEST_NAME",
    "PALETTE",
    "TEACHING_STEPS",
    "Affine",
    "Annotation",
    "AxisMap",
    "Block",
    "Case",
    "Certificate",
    "ChunkedAnnotation",
    "ClassChange",
    "ClassEntry",
    "ClassId",
    "ClassLevels",
    "ClassTable",
    "Color",
    "CommonUnit",
    "CropToForeground",
    "CtNormalisation",
    "DataSet",
    "DeviceInfo",
    "Dimensions",
    "Display",
    "FileReference",
    "Fingerprint",
    "Fusion",
    "Geometry",
    "Image",
    "ImageProof",
    "Inference",
    "IntensityStep",
    "LabelCoding",
    "LabelMap",
    "LazyArray",
    "LearntState",
    "Lesson",
    "Levels",
    "Measure",
    "Model",
    "OnDemand",
    "Overlap",
    "Percentile",
    "Pick",
    "PostProcessing",
    "Prediction",
    "PredictionOptions",
    "Preprocessing",
    "Project",
    "ProjectImage",
    "Region",
    "Reorient",
    "Shape",
    "Shown",
    "Spacing",
    "Span",
    "Split",
    "TaughtClass",
    "TeachingMode",
    "TrainingProgress",
    "Transpose",
    "Unchanged",
    "Unit",
    "UnitRange",
    "Window",
    "ZScore",
    "as_class_name",
    "as_level",
    "common_unit",
    "dice",
    "extent_of",
    "fuse",
    "in_order",
    "intensity_range",
    "intensity_step",
    "level_counts",
    "listed",
    "measure",
    "millimetres",
    "spread_code",
    "uncertainty_by_slice",
    "values_present",
    "voxel_size",
    "why_no_class_name",
]
