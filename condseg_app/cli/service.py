"""The process in which networks compute: `engine`."""

from pathlib import Path
from typing import Annotated

import typer


def engine(
    listen: Annotated[str, typer.Option(help="host:port; this computer only by default")] = "127.0.0.1:0",
    certificate: Annotated[
        Path | None, typer.Option(help="the file that callers must hold too; made if it does not exist")
    ] = None,
    idle: Annotated[
        float | None, typer.Option(min=0.01, help="end after so many minutes without client and work; never by default")
    ] = None,
    devices: Annotated[
        str, typer.Option(help="cuda:0,cuda:1 or cpu, a worker for each; auto: all CUDA devices, else the CPU")
    ] = "auto",
) -> None:
    """Run the process in which networks compute; the window starts one for itself."""
    from condseg_app.remote.service import serve  # dask

    serve(listen, certificate, idle, devices)
