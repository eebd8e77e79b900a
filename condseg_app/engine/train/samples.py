"""Training samples: windows of images, each with the targets of some classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from condseg_app.data import Annotation, Case, ClassTable, DataSet, Image, Preprocessing, Shape
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.predict.windows import cut, first_voxel, network_window, show
from condseg_app.engine.preprocess import WorkingGrid, prepare
from condseg_app.engine.train.augmentation import Sample
from condseg_app.errors import CondsegError

ReadCase = Callable[[Case, ClassTable], tuple[Image, tuple[Annotation, ...]]]
Augment = Callable[[Sample, np.random.Generator], Sample]


@dataclass(frozen=True)
class TrainingSample:
    """A window of an image, asked for one or several classes.

    Attributes:
        image: (C, *spatial).
        target: (classes asked, *spatial), 0 to 1.
        supervised: (classes asked, *spatial), 1 where the target is known.
        classes: the names of the classes asked.
    """

    image: Tensor
    target: Tensor
    supervised: Tensor
    classes: tuple[str, ...]


class SampleSource(Protocol):
    """A source of samples."""

    @property
    def name(self) -> str:
        """The source's name in messages."""
        ...

    @property
    def size(self) -> int:
        """Number of images, on which the sampling may depend."""
        ...

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """A random sample; the same generator state gives the same sample."""
        ...


@dataclass(frozen=True)
class Cropping:
    """Settings by which windows are cut for training.

    Attributes:
        preprocessing: the model's.
        stride: the network's.
        augment: varies a sample.
        centred: part of the windows that lie about a voxel of their class; pure chance would rarely meet a
            small organ, and Dice learns nothing where the class is absent.
        asked: number of labelled classes that a sample asks for: its own class, and others, with the probability
            `centred` from those in the window; None for all.
    """

    preprocessing: Preprocessing
    stride: int
    augment: Augment
    centred: float = 0.6
    asked: int | None = 1

    @property
    def window(self) -> Shape:
        """Voxels of a window."""
        return network_window(self.preprocessing, self.stride)


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """An image on its working grid, with its masks; kept small, for a whole data set stays in memory.

    Attributes:
        image: (C, I, J, K) float16.
        masks: class name -> (I, J, K) uint8, 255 inside.
        supervised: class name -> (I, J, K) bool, or None for everywhere.
        inside: class name -> (n, 3) voxels of the class, a few thousand at most.
        known: class name -> (n, 3) supervised voxels, likewise; none where all voxels are supervised.
    """

    image: Tensor
    masks: dict[str, Tensor]
    supervised: dict[str, Tensor | None]
    inside: dict[str, Tensor]
    known: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """An image on its working grid, to which annotations may be brought again and again.

    Attributes:
        grid: the working grid.
        voxels: (C, I, J, K) float16.
    """

    grid: WorkingGrid
    voxels: Tensor

    @classmethod
    def of(cls, image: Image, preprocessing: Preprocessing) -> "PreparedImage":
        """Bring an image to the working grid."""
        grid = WorkingGrid.of_image(image, preprocessing)
        return cls(grid, prepare(image, IntensityMap.of(image, preprocessing, grid.source_box), grid).half())

    def with_masks(self, annotations: Sequence[Annotation]) -> PreparedCase:
        """Bring the image's annotations to the working grid."""
        masks, inside, somewhere = {}, {}, {}
        supervised: dict[str, Tensor | None] = {}
        for annotation in annotations:
            known = annotation.supervised
            if known.all():
                mask, supervised[annotation.class_name] = self.grid.to_working(annotation.mask), None
            else:
                # The mean over supervised voxels: those beside a single annotated slice say nothing of the class.
                # A single annotated slice may be thinner than a working voxel, and supervise less than half of each.
                part = self.grid.to_working(known)
                decided = self.grid.holding_any(known) & (part > 0)
                supervised[annotation.class_name] = decided
                mask = torch.where(decided, self.grid.to_working(annotation.mask & known) / part, 0.0).clamp(max=1.0)
            masks[annotation.class_name] = (mask * 255).round().to(torch.uint8)
            inside[annotation.class_name] = _some_voxels(mask > 0.5)
            where = supervised[annotation.class_name]
            somewhere[annotation.class_name] = torch.empty(0, 3) if where is None else _some_voxels(where)
        return PreparedCase(self.voxels, masks, supervised, inside, somewhere)


def prepare_case(image: Image, annotations: Sequence[Annotation], preprocessing: Preprocessing) -> PreparedCase:
    """Bring an image and its annotations to the working grid."""
    return PreparedImage.of(image, preprocessing).with_masks(annotations)


def crop(case: PreparedCase, class_name: str, cropping: Cropping, rng: np.random.Generator) -> TrainingSample:
    """A random, varied window of a case about a class."""
    shape = (case.image.shape[1], case.image.shape[2], case.image.shape[3])
    window = cropping.window
    # Of a few marked slices, most windows anywhere would see nothing that is known.
    about = case.inside[class_name] if rng.random() < cropping.centred else case.known[class_name]
    start = _start(shape, window, about, rng)
    classes = _asked(case, class_name, cropping, start, rng)
    target = torch.cat([cut(case.masks[name][None], start, window) for name in classes]).float() / 255
    supervised = torch.cat([_known(case.supervised[name], start, window) for name in classes])
    if cropping.preprocessing.dimensions != "3D":
        target, supervised = target[..., 0], supervised[..., 0]
    image = show(case.image, start, window, cropping.preprocessing).float()
    varied = cropping.augment({"image": image, "target": target, "supervised": supervised}, rng)
    return TrainingSample(varied["image"], varied["target"], varied["supervised"], classes)


def _asked(
    case: PreparedCase, class_name: str, cropping: Cropping, start: Shape, rng: np.random.Generator
) -> tuple[str, ...]:
    """The class that a window is about, and other labelled classes of the case."""
    if cropping.asked is None:
        return tuple(sorted(case.masks))
    if cropping.asked == 1:
        return (class_name,)
    others = [name for name in sorted(case.masks) if name != class_name]
    rng.shuffle(others)
    if rng.random() < cropping.centred:
        others.sort(key=lambda name: not cut(case.masks[name][None], start, cropping.window).any())
    return (class_name, *others)[: cropping.asked]


def crop_anywhere(case: PreparedCase, cropping: Cropping, rng: np.random.Generator) -> Tensor:
    """A random, varied window of a case's image, (C, *spatial), of which nothing needs to be known."""
    i, j, k = case.image.shape[1:]
    start = _start((i, j, k), cropping.window, torch.empty(0, 3), rng)
    image = show(case.image, start, cropping.window, cropping.preprocessing).float()
    nothing = torch.zeros(1, *image.shape[1:])
    return cropping.augment({"image": image, "target": nothing, "supervised": nothing}, rng)["image"]


def _known(supervised: Tensor | None, start: Shape, window: Shape) -> Tensor:
    """(1, I, J, K), 1 where a class's target is known; None says everywhere."""
    return torch.ones(1, *window) if supervised is None else cut(supervised[None], start, window).float()


@dataclass(eq=False)
class DataSetSource:
    """Samples of a data set: its cases equally often, and of each case its labelled classes equally often.

    Cases are read when they are first drawn and stay in memory, prepared.
    """

    data: DataSet
    read: ReadCase
    cropping: Cropping
    _prepared: dict[str, PreparedCase] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not any(case.labelled for case in self.data.cases):
            raise CondsegError(
                f"data set '{self.data.name}' labels no class in its cases; nothing can be learnt from it"
            )

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.data.name

    @property
    def size(self) -> int:
        """Cases that label something."""
        return sum(bool(case.labelled) for case in self.data.cases)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """A window of a random case, for a random labelled class of the case."""
        usable = [case for case in self.data.cases if case.labelled]
        case = usable[rng.integers(len(usable))]
        labelled = sorted(case.labelled)
        class_name = labelled[rng.integers(len(labelled))]
        return crop(self._get(case), class_name, self.cropping, rng)

    def _get(self, case: Case) -> PreparedCase:
        if case.name not in self._prepared:
            image, annotations = self.read(case, self.data.classes)
            self._prepared[case.name] = prepare_case(image, annotations, self.cropping.preprocessing)
        return self._prepared[case.name]


def _start(shape: Shape, window: Shape, voxels: Tensor, rng: np.random.Generator) -> tuple[int, int, int]:
    """First voxel of a window about a random voxel of some, anywhere if none; negative where the image is smaller."""
    centre = voxels[rng.integers(len(voxels))].int().tolist() if len(voxels) else None
    starts = []
    for axis, (n, w) in enumerate(zip(shape, window, strict=True)):
        if n <= w:
            starts.append(first_voxel(n, w))
        elif centre is None:
            starts.append(int(rng.integers(n - w + 1)))
        else:
            first = centre[axis] - int(rng.integers(w // 4, w - w // 4)) if w > 1 else centre[axis]
            starts.append(min(max(first, 0), n - w))
    return starts[0], starts[1], starts[2]


def _some_voxels(mask: Tensor, most: int = 4096) -> Tensor:
    voxels = torch.nonzero(mask).to(torch.int32)
    return voxels if len(voxels) <= most else voxels[:: len(voxels) // most][:most]
