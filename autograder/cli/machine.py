"""``autograder doctor`` and ``autograder attack``: what an instructor asks of the machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.cli.request import labs_here, say
from autograder.lab import LabError
from autograder.printable import printable
from autograder.show import console

if TYPE_CHECKING:
    from autograder.attack import Outcome

machine_app = typer.Typer()
Tier = StrEnum("Tier", {"T3": "T3", "T2": "T2", "T1": "T1", "T0": "T0"})

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


@machine_app.command()
def attack(
    only: Annotated[str, typer.Option(metavar="NAME", help="This attack alone.")] = "",
    tier: Annotated[Tier | None, typer.Option(help="Default: the best that works here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Attack the grader of this machine in a hundred ways, and say what held.

    Exit code 1 when an attack that the tier should stop gained a point, brought out a secret, did
    harm to others, outlived its check or took too long.
    """
    from rich.progress import track

    from autograder.attack import open_range
    from autograder.sample import find_attacks
    from autograder.sandbox import SandboxError

    attacks, to = [one for one in find_attacks() if only in ("", one.name)], console(stderr=True)
    if not attacks:
        raise LabError(f"there is no attack {only!r}: each is a file of tests/autograder/attacks")
    try:
        with open_range(tier) as place:
            best, tried = place.sandbox.tier, track(attacks, "attacking", console=to)
            outcomes = [place.try_out(one) for one in tried]
    except SandboxError as error:
        raise LabError(str(error)) from None
    if as_json:
        rows = [{**asdict(one), "attack": one.attack.name} for one in outcomes]
        typer.echo(json.dumps({"tier": best, "attacks": rows}, indent=1))
    else:
        _show(outcomes, best)
    raise typer.Exit(int(any(one.broke for one in outcomes)))


def _show(outcomes: list[Outcome], tier: str) -> None:
    """A row for each attack, what the successful ones did, and the sum."""
    from rich.table import Table

    bars = ("points", "leaks", "harm", "survivors", "hangs")
    table = Table("attack", "to", *bars, "", box=None, padding=(0, 1, 0, 0))
    for one in outcomes:
        counts = [str(len(one.missed[bar])) if one.missed else "-" for bar in bars]
        verdict = "BROKE" if one.broke else "held" if one.missed else "not tried"
        table.add_row(one.attack.name, one.attack.says("goal"), *counts, verdict)
    console().print(table)
    for one in (one for one in outcomes if one.broke):
        told = "; ".join(
            f"{bar}: {', '.join(seen)}" for bar, seen in (one.missed or {}).items() if seen
        )
        say(f"{one.attack.name} {printable(told, characters=500)}")
    tried, broke = [one for one in outcomes if one.missed], sum(one.broke for one in outcomes)
    say(f"{tier}: {len(tried) - broke} of {len(tried)} attacks held off")
    if others := len(outcomes) - len(tried):
        say(f"{others} were not tried: only a better tier stops them (autograder doctor says how)")
