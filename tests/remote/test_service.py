"""`condseg engine` as a service: who may use it, what it tells those who may not, and when it ends."""

import datetime
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from condseg_app import __version__, io
from condseg_app.cli import main
from condseg_app.data import ClassTable, Geometry, Image, Preprocessing
from condseg_app.engine.networks import new_model
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.errors import CondsegError, EngineLost, ReadError, WriteError
from condseg_app.remote import Engine
from condseg_app.remote.certificate import make_certificate, read_certificate, write_certificate
from condseg_app.remote.devices import environment, pick_devices
from condseg_app.remote.service import serve
from tests.remote.handshake import answers

COMMAND = (sys.executable, "-m", "condseg_app", "engine", "--devices", "cpu")
SMALL = {"width": 16, "growth": (16, 16), "layers": (1, 1)}


@dataclass(frozen=True)
class Service:
    process: "subprocess.Popen[str]"
    address: str
    certificate: Path

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


@contextmanager
def running(certificate: Path, *options: str, command: Sequence[str] = COMMAND) -> Iterator[Service]:
    arguments = [*command, "--certificate", str(certificate), *options]
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal
    ) as process:
        try:
            assert process.stdout is not None
            yield Service(process, process.stdout.readline().strip(), certificate)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service") / "deep" / "engine.pem") as made:
        yield made


@pytest.fixture
def connected(service: Service) -> Iterator[Engine]:
    engine = Engine(address=service.address, certificate=service.certificate)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    classes = ClassTable.from_names(["leaf", "stone"])
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    io.write_model(path, new_model("tiny", "dense-2d", classes, Preprocessing("2D", (32, 32, 1)), SMALL))
    return path


def refusal(address: str, certificate: Path) -> CondsegError:
    """Why an engine cannot be used, told within a few seconds."""
    began = time.monotonic()
    with pytest.raises(CondsegError) as caught:
        Engine(address=address, certificate=certificate).device()
    assert time.monotonic() - began < 8
    return caught.value


def strange_certificate(path: Path) -> Path:
    write_certificate(path, make_certificate())
    return path


def test_an_engine_elsewhere_is_sent_all_it_needs(
    service: Service, connected: Engine, model_path: Path, tmp_path: Path
) -> None:
    assert service.certificate.stat().st_mode & 0o777 == 0o600
    voxels = np.random.default_rng(0).integers(0, 255, (1, 70, 50, 1)).astype(np.uint8)
    picture = Image(voxels, Geometry.of_picture(70, 50), "picture", source=tmp_path / "only-here.png")
    expected = Predictor(io.read_model(model_path), picture).segment(1, ["leaf"])
    block = connected.predictor(model_path, picture).segment(1, ["leaf"])
    np.testing.assert_array_equal(block.probabilities["leaf"], expected.probabilities["leaf"])
    assert connected.device().kind == "cpu"
    connected.close()
    assert service.process.poll() is None, "an engine elsewhere is not ours to end"


def test_an_address_is_understood_with_and_without_its_protocol(service: Service) -> None:
    engine = Engine(address=f"127.0.0.1:{service.port}", certificate=service.certificate)
    assert engine.place is not None
    assert engine.place.host == "127.0.0.1"
    assert engine.device().kind == "cpu"
    engine.close()


def test_none_of_its_ports_answers_without_its_certificate(service: Service) -> None:
    family = [psutil.Process(service.process.pid)]
    family += family[0].children(recursive=True)
    ports = {c.laddr.port for p in family for c in p.net_connections() if c.status == psutil.CONN_LISTEN}
    assert len(ports) >= 3, "scheduler, nanny and worker"
    for port in ports:
        assert not answers(port, None), "it speaks without a certificate"
        assert not answers(port, make_certificate()), "it accepts a strange certificate"
        assert answers(port, read_certificate(service.certificate))


def test_another_certificate_is_refused_with_a_sentence(service: Service, tmp_path: Path) -> None:
    told = refusal(service.address, strange_certificate(tmp_path / "other.pem"))
    assert "has another certificate; copy the file" in told.message
    assert told.path == tmp_path / "other.pem"


@pytest.mark.parametrize("content", [None, "nonsense", "half", "mixed"])
def test_a_certificate_that_is_none_is_refused_with_a_sentence(
    service: Service, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "engine.pem"
    if content is not None:
        text = service.certificate.read_text()
        public = text[text.index("-----BEGIN CERT") :]
        strange = make_certificate()
        mixed = strange[: strange.index("-----BEGIN CERT")] + public
        path.write_text({"half": public, "mixed": mixed}.get(content, content))
    told = refusal(service.address, path)
    assert isinstance(told, ReadError)
    assert "file that the engine was started with" in told.message


def test_an_expired_certificate_is_told_as_expired_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("condseg_app.remote.certificate._VALID", datetime.timedelta(hours=-1))
    path = strange_certificate(tmp_path / "old.pem")
    assert "expired on 20" in refusal("127.0.0.1:9", path).message
    assert main(["engine", "--certificate", str(path)]) == 2
    assert "remove the file, start the engine" in " ".join(capsys.readouterr().err.split())


def test_a_wrong_address_is_told_at_once(tmp_path: Path) -> None:
    path = strange_certificate(tmp_path / "engine.pem")
    assert "no engine answers at 127.0.0.1:9;" in refusal("tls://127.0.0.1:9", path).message
    assert "no engine answers at nowhere.invalid:8786;" in refusal("nowhere.invalid:8786", path).message
    assert "write HOST:PORT" in refusal("workstation", path).message


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_else_at_the_address_is_told_within_seconds(tmp_path: Path, says: bytes) -> None:
    def answer() -> None:
        call, _ = other.accept()
        with call:
            call.sendall(says)
            with suppress(ConnectionResetError):
                while call.recv(10_000):  # what we say, until we have gone
                    pass

    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=answer, daemon=True).start()
        told = refusal(f"127.0.0.1:{other.getsockname()[1]}", strange_certificate(tmp_path / "engine.pem"))
    assert "no engine answers" in told.message


def test_another_version_is_refused_with_both_named(tmp_path: Path) -> None:
    script = tmp_path / "newer.py"
    script.write_text(
        textwrap.dedent("""
            import sys
            import condseg_app
            condseg_app.__version__ = "99.0"
            if __name__ == "__main__":
                from condseg_app.__main__ import main
                sys.exit(main())
        """)
    )
    command = [sys.executable, str(script), "engine", "--devices", "cpu"]
    with running(tmp_path / "engine.pem", command=command) as newer:
        told = refusal_of_version(newer)
    assert isinstance(told, EngineLost)
    assert f"is CondSeg 99.0 and this is CondSeg {__version__}; install the same" in told.message


def refusal_of_version(service: Service) -> CondsegError:
    """An answer has to be waited for, which a busy computer may take its time for."""
    with pytest.raises(CondsegError) as caught:
        Engine(address=service.address, certificate=service.certificate).device()
    return caught.value


def test_a_dead_worker_fails_its_job_and_is_replaced(connected: Engine, service: Service, model_path: Path) -> None:
    picture = Image(np.zeros((1, 70, 50, 1), np.uint8), Geometry.of_picture(70, 50), "picture")
    predictor = connected.predictor(model_path, picture)
    workers = [p for p in psutil.Process(service.process.pid).children(recursive=True) if p.net_connections()]
    assert len(workers) == 1
    workers[0].kill()
    began = time.monotonic()
    with pytest.raises(EngineLost, match="no longer answers; nothing of yours is lost"):
        predictor.segment(0, ["leaf"])
    assert time.monotonic() - began < 30
    assert connected.predictor(model_path, picture).segment(0, ["leaf"]).probabilities


def test_a_service_that_ends_fails_the_job_with_a_sentence(model_path: Path, tmp_path: Path) -> None:
    picture = Image(np.zeros((1, 70, 50, 1), np.uint8), Geometry.of_picture(70, 50), "picture")
    with running(tmp_path / "engine.pem") as made:
        engine = Engine(address=made.address, certificate=made.certificate)
        predictor = engine.predictor(model_path, picture)
        made.process.kill()
        with pytest.raises(EngineLost, match="no longer answers; nothing of yours is lost"):
            predictor.segment(0, ["leaf"])
        with pytest.raises(EngineLost, match="no engine answers"):
            engine.device()
        engine.close()


def test_each_device_has_a_worker_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "one_gpu.py"  # a GPU that is only said to be there: its worker falls back to the CPU
    script.write_text(
        textwrap.dedent("""
            import sys
            if __name__ == "__main__":
                import torch
                torch.cuda.device_count = lambda: 1
                from condseg_app.__main__ import main
                sys.exit(main())
        """)
    )
    command = [sys.executable, str(script), "engine", "--devices", "cuda:0,cpu"]
    with running(tmp_path / "engine.pem", command=command) as both:
        engine = Engine(address=both.address, certificate=both.certificate)
        end = time.monotonic() + 60  # on a busy machine the scheduler may take a worker for lost, and have it again
        while not (name := engine.device().name).endswith(" and 1 more") and time.monotonic() < end:
            time.sleep(0.5)
        assert name.endswith(" and 1 more")
        engine.close()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_computes_where_it_is_asked_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "condseg_app", "engine"]
    for devices, kind in (("cuda:0", "cuda"), ("cpu", "cpu"), ("auto", "cuda")):
        with running(tmp_path / f"{devices}.pem", "--devices", devices, command=command) as made:
            engine = Engine(address=made.address, certificate=made.certificate)
            assert engine.device().kind == kind
            engine.close()


def test_it_ends_itself_when_nobody_has_needed_it_for_so_long(tmp_path: Path) -> None:
    with running(tmp_path / "engine.pem", "--idle", "0.03") as lonely:
        engine = Engine(address=lonely.address, certificate=lonely.certificate)
        engine.device()
        time.sleep(4)
        assert lonely.process.poll() is None, "somebody is connected"
        engine.close()
        assert lonely.process.wait(30) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_one_leaves_nothing_behind(tmp_path: Path, how: signal.Signals) -> None:
    with running(tmp_path / "engine.pem") as made:
        children = psutil.Process(made.process.pid).children(recursive=True)
        made.process.send_signal(how)
        assert made.process.wait(20) == 130
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []


def test_devices_are_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert pick_devices("auto") == ("cpu",)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert pick_devices("auto") == ("cuda:0", "cuda:1")
    assert pick_devices("cuda:1, cpu") == ("cuda:1", "cpu")
    assert pick_devices("cuda") == ("cuda:0",)
    for wrong in ("cuda:2", "gpu", "", "cpu,"):
        with pytest.raises(CondsegError, match="--devices takes cpu, cuda:0, cuda:1"):
            pick_devices(wrong)
    with pytest.raises(CondsegError, match="names a device twice"):
        pick_devices("cuda,cuda:0")


def test_a_worker_sees_its_own_device_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert environment("cpu") == {"CUDA_VISIBLE_DEVICES": ""}
    assert environment("cuda:1") == {"CUDA_VISIBLE_DEVICES": "1"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert environment("cuda:1") == {"CUDA_VISIBLE_DEVICES": "7"}, "numbers count what may be seen at all"


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1", ":8786", "127.0.0.1:99999", "127.0.0.1:x"])
def test_an_address_to_listen_at_is_checked(listen: str) -> None:
    with pytest.raises(CondsegError, match="HOST:PORT"):
        serve(listen)


def test_a_port_in_use_is_a_sentence(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["engine", "--listen", f"127.0.0.1:{service.port}", "--certificate", str(service.certificate)]
    assert main(arguments) == 2
    assert "choose another address" in " ".join(capsys.readouterr().err.split())


def test_certificates_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "engine.pem"
    path.write_text("nonsense")
    with pytest.raises(WriteError):
        write_certificate(path, make_certificate())
    assert path.read_text() == "nonsense"
