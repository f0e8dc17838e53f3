"""``anodeflow check``: validates a campaign and shows what it would compute."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from anodeflow.cli import app, completion

if TYPE_CHECKING:
    from anodeflow.campaign.model import Campaign
    from anodeflow.execution.cost.estimate import CampaignCost
    from anodeflow.studies.plan import PlannedCalculation


_MANY, _SHOWN = 30, 3  # of more calculations alike than this, only the first few are printed


@app.command()
def check(
    file: Path = typer.Argument(
        help="Campaign file (YAML), or the name of a shipped one: quickstart.", autocompletion=completion.campaign_files
    ),
    backend: str | None = typer.Option(
        None,
        "--backend",
        "-b",
        help="Backend instead of the file's: a name in configs/backends, or a YAML file.",
        autocompletion=completion.backends,
    ),
    without: list[str] = typer.Option(
        [], "--without", "-w", help="Study to leave out, by name (charge); may be given several times."
    ),
    prescreen: str | None = typer.Option(
        None,
        "--prescreen",
        help="Potential that ranks and relaxes before the backend, instead of the file's: mlip; none: no prescreen.",
        autocompletion=completion.backends,
    ),
    trust: bool = typer.Option(
        False, "--trust", help="Start and load what the backend files name; they are trusted from then on."
    ),
    cost: bool = typer.Option(
        False,
        "--cost",
        help="Say what it is going to take, too: force evaluations, SCF cycles, processor hours, memory.",
    ),
    inputs: Path | None = typer.Option(
        None, "--inputs", help="New folder for the input files of the calculations that can begin at once."
    ),
    force: bool = typer.Option(False, "--force", help="Replace a folder of such files that is there already."),
    output: Literal["table", "json"] = typer.Option("table", "--format", "-f", help="table or json."),
) -> None:
    """Validate a campaign; print its job graph and the number of its calculations. Nothing is computed.

    Programs and models that a backend file of yours or others names are neither started nor loaded before you have
    trusted the file: --trust, or anodeflow trust FILE.

    Sites are counted on ideal slabs of the catalogue's bulk; the run counts them on the relaxed ones.

    --cost predicts from the calculations that are finished here, each number with its error; those that are finished
    already cost nothing. Of a code that has computed nothing here yet it says what can be counted.

    --inputs writes what the code is going to be given, a folder for each calculation that waits for no other one:
    INCAR, KPOINTS and POSCAR of VASP (POTCAR.spec names its POTCARs), the inputs of CP2K and Quantum ESPRESSO, what the
    driver of GPAW reads. VASP and its POTCARs need not be on this machine.

    Example: [bold]anodeflow check workflows/quickstart.yaml[/bold]
    """
    import json
    from collections import Counter
    from dataclasses import asdict

    from rich.console import Console
    from rich.tree import Tree

    from anodeflow.backends.registry import load_backend
    from anodeflow.backends.trust import only_looking
    from anodeflow.backends.trust import trust as trust_file
    from anodeflow.campaign.first_inputs import write_first_inputs
    from anodeflow.campaign.model import Campaign
    from anodeflow.cli.progress import at_work
    from anodeflow.core.errors import InputError
    from anodeflow.core.words import sentence

    if force and inputs is None:
        raise InputError("--force replaces a folder of input files: say which one (--inputs DIR).")
    if trust:
        with only_looking() as untrusted:
            Campaign.from_file(file, backend, without, prescreen).plan()
        for path in untrusted:
            trust_file(Path(path), load_backend(path))
    # Whatever is asked of a backend is asked in here.
    with only_looking() as untrusted, at_work("reading the campaign") as tell:
        campaign = Campaign.from_file(file, backend, without, prescreen)
        tell("checking it, and counting its calculations")
        plan = campaign.plan(elsewhere=inputs is not None)
        tell("looking at its crystals")
        described = campaign.described()
        unused = campaign.unused()
        planned = list(plan.calculations.values())
        tell("predicting what it is going to take")
        predicted = _cost(campaign, planned) if cost else None
        if inputs and untrusted:
            raise InputError(
                f"{', '.join(untrusted)} has to be trusted before input files are written for it: see that you want "
                "what it names, then give --trust."
            )
        written = write_first_inputs(inputs, planned, force) if inputs else []
    remarks = [*campaign.notes, *plan.remarks, *unused, *untrusted.values()]
    if output == "json":
        answer: dict[str, Any] = {
            "campaign": campaign.name,
            "backend": campaign.backend,
            "prescreen": campaign.prescreen and campaign.prescreen.backend,
            "calculations": [calculation.plain() for calculation in planned],
            "crystals": [asdict(each) for each in described],
            "remarks": remarks,
        }
        answer |= {"cost": predicted.model_dump(mode="json")} if predicted else {}
        answer |= {"inputs": [str(inputs / folder) for folder in written]} if inputs else {}
        typer.echo(json.dumps(answer))
        return
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a pipe has no width of its own
    tree = Tree(f"[bold]{campaign.name}[/bold] on {campaign.backend}: {_count(planned)}", highlight=False)
    for group in dict.fromkeys(calculation.group for calculation in planned):
        members = [calculation for calculation in planned if calculation.group == group]
        top = tree.add(f"[bold]{_escaped(group)}[/bold]: {_count(members)}", highlight=False)
        branches: dict[str, Tree] = {}
        alike = Counter((calculation.task, calculation.after) for calculation in members)
        shown: Counter[tuple[str, tuple[str, ...]]] = Counter()
        for calculation in members:
            kind = (calculation.task, calculation.after)
            shown[kind] += 1
            if alike[kind] > _MANY and shown[kind] > _SHOWN:
                if shown[kind] == alike[kind]:
                    top.add(f"[dim]... {alike[kind] - _SHOWN} more like these: --format json[/dim]", highlight=False)
                continue
            inside = [branches[label] for label in calculation.after if label in branches]
            parent = inside[0] if len(inside) == 1 else top
            atoms = f"{calculation.atoms} atom{'s' if calculation.atoms != 1 else ''}"
            text = f"{_escaped(calculation.label)}  [dim]{calculation.task}, {atoms}[/dim]"
            branches[calculation.label] = parent.add(text, highlight=False)
    console.print(tree)
    lines = [line for each in described for line in (each.line, *(f"  note: {sentence(note)}" for note in each.notes))]
    for line in [*lines, *remarks]:
        console.print(line, markup=False, highlight=False)
    if predicted is not None:
        from anodeflow.cli.cost_table import print_cost

        print_cost(predicted, console)
    if inputs:
        console.print(
            f"{inputs}: input files of {', '.join(written)}; the other calculations wait for these.",
            markup=False,
            highlight=False,
        )


def _cost(campaign: "Campaign", planned: "list[PlannedCalculation]") -> "CampaignCost":
    """Return what the calculations are going to take."""
    from anodeflow.core.settings import get_settings
    from anodeflow.execution.cost.estimate import Estimator

    potential = campaign.load_prescreen()
    before = None if potential is None else potential.backend
    return Estimator.of(get_settings(), campaign.load_backend(), before).cost(planned)


def _count(planned: "list[PlannedCalculation]") -> str:
    """Say how many calculations there are, and of which more turn up in the run; those of a prescreen apart."""
    potentials = list(dict.fromkeys(calculation.prescreen for calculation in planned if calculation.prescreen))
    if potentials:
        own = [calculation for calculation in planned if not calculation.prescreen]
        cheap = [replace(calculation, prescreen="") for calculation in planned if calculation.prescreen]
        return f"{_count(own)}; before them {_count(cheap)} by {', '.join(potentials)}"
    number = sum(calculation.number or 0 for calculation in planned)
    variants = sum(calculation.number or 0 for calculation in planned if calculation.variant)
    text = f"{number} calculation{'' if number == 1 else 's'}"
    if 0 < variants < number:
        text += f", {variants} of them for convergence tests"
    if any(calculation.number is None for calculation in planned):
        text += ", and more as the run finds them"
    return text


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
