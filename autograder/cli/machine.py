"""``autograder doctor``: what an instructor asks of the machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from autograder.cli.request import labs_here, say

machine_app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for another program.")]


@machine_app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say how well submissions are walled off on this machine, and what would improve it.

    Exit code 0 when marks from here can be official (T1 and better), 1 when not.
    """
    from autograder.doctor import GAINS, examine, versions

    lab = next(iter(labs_here().values()))
    found, about = examine(lab), dict(versions(lab))
    best = next(one.tier for one in found if one.works)
    if as_json:
        tried = [asdict(one) for one in found]
        typer.echo(json.dumps({"tier": best, "tiers": tried, "versions": about}, indent=1))
        raise typer.Exit(int(best == "T0"))
    for one in found:
        say(f"{one.tier}  {'works' if one.works else 'no   '}  {GAINS[one.tier]}")
        for line in filter(None, (one.why, one.remedy and f"try: {one.remedy}")):
            say(f"           {line}")
    say(f"\nSubmissions will be graded in {best}.")
    say("".join(f"\n{name:<8} {version}" for name, version in about.items()).lstrip("\n"))
    raise typer.Exit(int(best == "T0"))
