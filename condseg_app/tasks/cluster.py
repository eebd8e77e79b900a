"""Many images over the workers of an engine, each image a task.

A worker may die at any time. dask would restart its tasks elsewhere, several times over, even a task that fills each
worker's memory until the system kills the worker. So each task is bound to a worker, and retries are decided here.
"""

import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from types import FrameType, TracebackType
from typing import Any, Self, cast

from condseg_app import __version__
from condseg_app.data import Image
from condseg_app.errors import CondsegError, EngineLost, ReadError
from condseg_app.io import read_image
from condseg_app.log import engine_log_path, explain
from condseg_app.remote.connection import LOST, connect, reach
from condseg_app.remote.endpoint import Endpoint
from condseg_app.remote.wire import Reply, with_voxels
from condseg_app.tasks.predict_folder import Outcome, Stage
from condseg_app.tasks.predict_image import Request, Segmentation, segment
from condseg_app.tasks.prediction_report import Stamp, stamp_of

_LOOK_EVERY = 1.0  # seconds
_WORKERS_MAY_BE_GONE = 60.0  # until a dead worker has been restarted
_LOSSES = 2  # of an image's workers; a third worker would likely die as well


class Cluster:
    """A connection to the workers of an engine that runs already, for as long as the block lasts.

    Args:
        address: of the engine ('workstation:8786').
        certificate: the file that the engine was started with.

    Raises:
        CondsegError: this is no address.
        EngineLost: the engine cannot be reached, has no worker, or is of another version.
        ReadError: this is no certificate.
    """

    def __init__(self, address: str, certificate: Path) -> None:
        self._address = address
        self._client = connect(*reach(Endpoint(address, certificate)))
        self._seen = monotonic()
        try:
            self._check_versions()
        except BaseException:
            self._client.close(timeout=1)  # type: ignore[no-untyped-call]
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close(timeout=1)  # type: ignore[no-untyped-call]

    def segment_all(self, files: Sequence[Path], request: Request) -> Iterator[Stage]:
        """Segment images on the workers; outcomes come in the order of finishing.

        Raises:
            EngineLost: the engine is gone, or all its workers are for a minute.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        run = _Run(self._client, self._workers, files, request)
        with _ctrl_c_noted() as pressed:
            try:
                while run.goes_on:
                    if pressed.is_set():
                        raise KeyboardInterrupt
                    yield from run.hand_out()
                    yield Stage(run.in_work)
                    yield from run.collect()
            finally:
                run.stop()

    def _workers(self) -> Mapping[str, int]:
        """The present workers: address -> number of tasks at a time."""
        try:
            threads = cast("Mapping[str, int]", self._client.nthreads())  # type: ignore[no-untyped-call]
        except LOST as error:
            raise self._lost("no longer answers") from error
        if self._client.status != "running":
            raise self._lost("no longer answers")
        if threads:
            self._seen = monotonic()
        elif monotonic() - self._seen > _WORKERS_MAY_BE_GONE:
            raise self._lost("has no workers any more")
        return threads

    def _check_versions(self) -> None:
        try:
            versions = self._client.run(_version)
        except Exception as error:
            raise EngineLost(
                f"the engine at {self._address} cannot run CondSeg {__version__}; install it there"
            ) from error
        if not versions:
            raise EngineLost(f"the engine at {self._address} has no workers; start some")
        for version in set(versions.values()) - {__version__}:
            raise EngineLost(
                f"the engine at {self._address} runs CondSeg {version}, this is {__version__}; "
                "install the same on both sides"
            )

    def _lost(self, how: str) -> EngineLost:
        return EngineLost(f"the engine at {self._address} {how}; start it and run this again: what is finished stays")


@dataclass(frozen=True)
class _SharedFile:
    """An image by its path, as text, for a worker may run another operating system."""

    path: str
    stamp: Stamp

    def is_here(self) -> bool:
        """Whether this computer sees the same file under that path."""
        try:
            return stamp_of(Path(self.path)) == self.stamp
        except ReadError:
            return False


@dataclass(eq=False)
class _Task:
    """An image on its way.

    Attributes:
        file: the image.
        stamp: of the file before it was read.
        voxels_are_sent: because the worker cannot see the file.
        losses: number of workers lost with the image.
        worker: address of the present worker.
        future: dask's, of a `Reply`.
    """

    file: Path
    stamp: Stamp | None = None
    voxels_are_sent: bool = False
    losses: int = 0
    worker: str = ""
    future: Any = None


class _Run:
    """Waiting images, and images in work.

    Args:
        client: dask's.
        workers: gives the present workers: address -> number of tasks at a time.
        files: the images.
        request: for each image.
    """

    def __init__(
        self, client: Any, workers: Callable[[], Mapping[str, int]], files: Sequence[Path], request: Request
    ) -> None:
        self._client, self._workers, self._request = client, workers, request
        self._sent_request: Any = None
        self._waiting = deque(_Task(file) for file in files)
        self._running: list[_Task] = []
        self._news = threading.Event()

    @property
    def goes_on(self) -> bool:
        """Whether an image is still unfinished."""
        return bool(self._waiting or self._running)

    @property
    def in_work(self) -> tuple[Path, ...]:
        """The images that workers have."""
        return tuple(task.file for task in self._running)

    def hand_out(self) -> Iterator[Stage]:
        """Give images to workers that have too few; yields those that cannot be read."""
        threads = self._workers()
        # A worker may have gone since the listing: then the scheduler's table lacks the address.
        unreachable: tuple[type[BaseException], ...] = (*LOST, KeyError)
        # With a spare task a worker goes on while its answer is fetched; but no task is to wait for a busy
        # worker while others are idle.
        spare = 1 if len(self._waiting) > sum(threads.values()) else 0
        while self._waiting and threads:
            load = Counter(task.worker for task in self._running)
            worker = min(threads, key=lambda address: load[address] / threads[address])
            if load[worker] >= threads[worker] + spare:
                return
            task = self._waiting.popleft()
            task.worker = worker
            try:
                self._submit(task)
            except CondsegError as error:
                yield self._end(task, error)
            except unreachable:
                yield from self._lose(task)
                return
            else:
                self._running.append(task)

    def collect(self) -> Iterator[Stage]:
        """Wait a moment for an answer; an image whose worker was lost, or could not see the file, is tried again."""
        there = self._workers()
        ended = (task for task in self._running if task.future.done() or task.worker not in there)
        task = next(ended, None)
        if task is None:
            self._news.wait(_LOOK_EVERY)
            self._news.clear()
            return
        reply = self._fetch(task)
        self._running.remove(task)
        if reply is None:
            yield from self._lose(task)
        elif reply.error is not None:
            yield self._end(task, reply.error)
        elif reply.value is None:
            task.voxels_are_sent = True
            self._waiting.appendleft(task)
        else:
            yield self._end(task, cast("Segmentation", reply.value))

    def stop(self) -> None:
        """Cancel unfinished tasks; a worker still finishes a begun task, and the result is dropped."""
        with suppress(*LOST):
            self._client.cancel([task.future for task in self._running])

    def _submit(self, task: _Task) -> None:
        task.stamp = stamp_of(task.file)
        if task.voxels_are_sent:
            image = replace(with_voxels(read_image(task.file, self._request.options.pick)), source=None)
            sent = self._client.scatter(image, workers=[task.worker], hash=False)
        else:
            sent = _SharedFile(str(task.file.resolve()), task.stamp)
        if self._sent_request is None or self._sent_request.status != "finished":  # lost with all workers
            self._sent_request = self._client.scatter(self._request, broadcast=True, hash=False)
        task.future = self._client.submit(
            _segment_there, sent, self._sent_request, workers=[task.worker], allow_other_workers=False, pure=False
        )
        task.future.add_done_callback(lambda _future: self._news.set())

    def _fetch(self, task: _Task) -> Reply | None:
        """A task's reply; None if the worker is lost, also while the reply is fetched."""
        pool = ThreadPoolExecutor(1)  # for dask would wait for ever
        try:
            fetched = pool.submit(task.future.result)
            while not wait([fetched], timeout=_LOOK_EVERY).done:
                if task.worker not in self._workers():
                    task.future.cancel()
            return cast("Reply", fetched.result())
        except LOST:
            return None
        except Exception as error:  # noqa: BLE001 - an error of dask itself with this image
            return Reply(error=explain(error, "Predicting", engine_log_path()))
        finally:
            pool.shutdown(wait=False)

    def _lose(self, task: _Task) -> Iterator[Stage]:
        task.losses += 1
        if task.losses < _LOSSES:
            self._waiting.appendleft(task)
        else:
            yield self._end(
                task,
                EngineLost("the worker that predicted it was lost, twice; look whether its memory is too small for it"),
            )

    def _end(self, task: _Task, answer: Segmentation | CondsegError) -> Stage:
        return Stage(self.in_work, outcome=Outcome(task.file, task.stamp, answer, task.worker))


@contextmanager
def _ctrl_c_noted() -> Iterator[threading.Event]:
    """Note Ctrl-C, to stop at a safe point; a second Ctrl-C stops at once.

    As an exception Ctrl-C may come up anywhere, also where Python drops exceptions: at the end of a dask future.
    """
    pressed = threading.Event()
    usual = signal.getsignal(signal.SIGINT)

    def note(_number: int, _frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, usual)

    # Other threads may not do so, and a job in the background ignores Ctrl-C.
    if threading.current_thread() is not threading.main_thread() or usual is not signal.default_int_handler:
        yield pressed
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, usual)


def _segment_there(sent: _SharedFile | Image, request: Request) -> Reply:
    """Segment an image on a worker; the reply is empty if the worker cannot see the file."""
    if isinstance(sent, _SharedFile) and not sent.is_here():
        return Reply()
    source = Path(sent.path) if isinstance(sent, _SharedFile) else sent
    return Reply.of("Predicting", lambda: _last(segment(source, request, travels=True)))


def _last(parts: Iterator[tuple[float, Segmentation | None]]) -> Segmentation | None:
    *_, (_part, found) = parts
    return found


def _version() -> str:
    return __version__
