"""`smolkit serve`: an exported page on this machine, with the headers that it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `smolkit export --page` wrote.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to serve; 0 takes any free port.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
) -> None:
    """Serve an exported page on this machine until Ctrl-C."""
    from smolkit.serve import address, open_server

    server = open_server(directory, host=host, port=port)
    print(f"{directory} answers at {address(server)} until Ctrl-C.", flush=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()
