"""``anodeflow new``: writes a first campaign file, with comments, that passes ``anodeflow check``."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Annotated, TypeVar

import typer

from anodeflow.campaign.start import Start, anode_metal, campaign_text, kinds
from anodeflow.cli import app, completion
from anodeflow.core.errors import InputError
from anodeflow.core.inputs import PATTERN_WORDS, PLAIN_NAME

T = TypeVar("T")
_CRYSTALS = {"surface": "Li", "interface": "Li3Mg7", "sei": "LiH", "alloy": "Li3Mg7"}
"""Kind -> what its question about the crystal proposes."""


@app.command()
def new(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="surface, interface, sei or alloy; none: it is asked for.")
    ] = None,
    structure: Annotated[
        str | None,
        typer.Option(
            "--structure",
            "-s",
            help="Crystal: a name in the catalogue, or a file (CIF, POSCAR).",
            autocompletion=completion.crystals,
        ),
    ] = None,
    metal: Annotated[
        str | None,
        typer.Option(
            "--metal",
            "-m",
            help="Metal that is plated; default: found in the crystal.",
            autocompletion=completion.crystals,
        ),
    ] = None,
    miller: Annotated[
        tuple[int, int, int] | None, typer.Option(metavar="H K L", help="Face of the crystal; default: 0 0 1.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            "-b",
            help=f"Name of a backend, or a YAML file; default: {Start.backend}.",
            autocompletion=completion.backends,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Name of the campaign; default: made of kind and crystal.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; default: the campaign's name.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a first campaign file, with comments, and check it. On a terminal it asks for what was not said.

    surface: an adatom on a metal. interface: an alloy and a metal. sei: an adatom on an insulator of the
    solid-electrolyte interphase. alloy: a crystal of your own beside the metal that is plated on it.

    The code that computes need not be on this machine.

    Example: [bold]anodeflow new alloy --structure mine.cif --metal Na -o mine.yaml[/bold]
    """
    from anodeflow.backends.trust import only_looking
    from anodeflow.campaign.model import Campaign

    asks = sys.stdin.isatty()
    if kind is None and not asks:
        raise InputError(f"which kind of campaign? Take one of {', '.join(kinds())}: anodeflow new surface.")
    kind = _known_kind(kind or _asked(f"Kind of campaign ({', '.join(kinds())})", "surface", _known_kind))
    proposed = _CRYSTALS.get(kind, "Li")
    structure = structure or (_asked("Crystal (catalogue name or file)", proposed, _readable) if asks else proposed)
    if asks:
        metal = metal or _asked("Metal that is plated (catalogue name)", _metal_in(structure), _readable)
        miller = miller or _asked("Face of the crystal, Miller indices", "0 0 1", _indices)
        backend = backend or _asked("Backend (its name or file; emt and mlip take seconds)", Start.backend, _backend)
    start = Start(kind, structure, metal, miller or Start.miller, backend or Start.backend, name)
    _check_name(start.campaign)
    file = output or Path(f"{start.campaign}.yaml")
    if file.exists() and not force:
        raise InputError(f"{file} exists already: choose another name with -o, or replace it with --force.")
    text = campaign_text(start, file)
    before = file.read_bytes() if file.exists() else None
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {file} ({error.strerror}): choose another place with -o.") from error
    try:
        with only_looking():
            campaign = Campaign.from_file(file)
            campaign.plan(elsewhere=True)
    except InputError as error:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)
        # Lines of a file that is not there help nobody.
        sentences = re.sub(rf"^{re.escape(str(file))}(, line \d+)?: ", "", str(error), flags=re.MULTILINE)
        raise InputError("\n".join(dict.fromkeys(sentences.splitlines()))) from error
    for note in campaign.notes:
        typer.echo(f"anodeflow: note: {note}", err=True)
    typer.echo(f"Wrote {file}. Next: anodeflow check {quote(str(file))}")


def _asked(question: str, proposed: str | None, read: Callable[[str], T]) -> T:
    """Ask on the terminal until the answer can be read."""

    def value(text: str) -> T:
        try:
            return read(text)
        except InputError as error:
            raise typer.BadParameter(str(error)) from error

    return typer.prompt(question, default=proposed, value_proc=value)


def _known_kind(kind: str) -> str:
    if kind not in kinds():
        raise InputError(f"there is no kind of campaign {kind!r}: take one of {', '.join(kinds())}.")
    return kind


def _readable(structure: str) -> str:
    from anodeflow.structures.bulk.catalogue import load_crystal

    load_crystal(structure)
    return structure


def _metal_in(structure: str) -> str | None:
    """Return the metal that a crystal names itself; none if it holds no usual one."""
    from anodeflow.structures.bulk.catalogue import load_crystal

    try:
        return anode_metal(load_crystal(structure)[0], structure)
    except InputError:
        return None


def _indices(text: str) -> tuple[int, int, int]:
    try:
        h, k, l = (int(word) for word in text.replace(",", " ").split())  # noqa: E741
    except ValueError as error:
        raise InputError(f"{text!r} are no Miller indices: write three whole numbers, like 1 1 0.") from error
    return h, k, l


def _backend(name: str) -> str:
    from anodeflow.backends.registry import load_backend
    from anodeflow.backends.trust import only_looking

    with only_looking():
        load_backend(name)
    return name


def _check_name(name: str) -> None:
    """Raise InputError for what is no name of a campaign, before it becomes that of a file."""
    if not re.fullmatch(PLAIN_NAME, name):
        raise InputError(f"--name: {PATTERN_WORDS[PLAIN_NAME]} (given: {name!r}).")
