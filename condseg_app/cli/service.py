"""The process in which networks compute: `engine`."""

from pathlib import Path
from typing import Annotated

import typer


def engine(
    listen: Annotated[str, typer.Option(help="host:port; this computer only by default")] = "127.0.0.1:0",
    certificate: Annotated[
        Path | None, typer.Option(help="the file that callers must hold too; made if it does not exist")
    ] = None,
) -> None:
    """Run the process in which networks compute; the window starts one for itself."""
    from condseg_app.compute.engine_process import serve

    serve(listen, certificate)
