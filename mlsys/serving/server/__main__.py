"""The command ``python -m mlsys.serving.server``: a model, or several, behind HTTP.

python -m mlsys.serving.server --model models.py:digits
curl localhost:8000/v2/models/digits
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    model: Annotated[
        list[str], typer.Option(help="[NAME=]MODULE:OBJECT or [NAME=]FILE.py:OBJECT.")
    ],
    host: Annotated[str, typer.Option(help="Address; 0.0.0.0 for all networks.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes with the model.")] = 1,
    policy: Annotated[str, typer.Option(help="Batches: greedy, none, fixed or aimd.")] = "greedy",
    most: Annotated[int, typer.Option(min=1, help="Requests in a batch.")] = 64,
    objective: Annotated[float, typer.Option(help="Seconds that a batch may take (aimd).")] = 0.02,
    wait: Annotated[float, typer.Option(help="Seconds to wait for company (fixed).")] = 0.002,
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait.")] = 1024,
    cache: Annotated[int, typer.Option(min=0, help="Answers that are kept.")] = 0,
    body: Annotated[int, typer.Option(min=1, help="Bytes that a request may have.")] = 2**26,
    token: Annotated[
        str, typer.Option(envvar="SERVING_TOKEN", help="That requests must bear; none by default.")
    ] = "",
    control: Annotated[
        str,
        typer.Option(
            envvar="SERVING_CONTROL",
            help="Token of those who may load models over HTTP, which is running code here.",
        ),
    ] = "",
    warm_up: Annotated[bool, typer.Option(help="Ask each model once before it is ready.")] = True,
    log: Annotated[str, typer.Option(help="File for the log; - for the standard error.")] = "-",
    quiet: Annotated[bool, typer.Option(help="Log faults only, and no requests.")] = False,
) -> None:
    """Serve models until SIGTERM or ctrl-C; what is under way is answered first."""
    from mlsys.serving.server.access import JsonLines, faults_only
    from mlsys.serving.server.limits import Limits
    from mlsys.serving.server.run import Settings
    from mlsys.serving.server.run import serve as run

    limits = Limits(body, token=token)
    settings = Settings(
        host,
        port,
        workers,
        policy,
        most,
        objective,
        wait,
        queue,
        cache,
        warm_up=warm_up,
        control=control,
        limits=limits,
    )
    settings.make_policy()
    with open(2 if log == "-" else log, "ab", buffering=0, closefd=log != "-") as file:
        lines = JsonLines(file)
        entries = faults_only(lines) if quiet else lines
        _loop()(run(model, settings, entries, partial(print, file=sys.stderr, flush=True)))


def _loop() -> Any:
    """The quicker event loop, where there is one."""
    try:
        import uvloop
    except ImportError:
        import asyncio

        return asyncio.run
    return uvloop.run


def main() -> None:
    """Mistakes are said in a line, without a traceback; the code is 1."""
    from mlsys.serving.server.models import ModelError

    try:
        app(prog_name="python -m mlsys.serving.server")
    except ImportError as error:
        print(f"error: {error}: pip install 'mlsys[serving]'", file=sys.stderr)
    except (ModelError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    else:
        return
    raise SystemExit(1)


if __name__ == "__main__":
    main()
