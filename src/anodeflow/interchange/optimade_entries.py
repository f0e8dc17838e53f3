"""Structures of the database as entries of OPTIMADE, with what anodeflow knows of them under a prefix of its own."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import InputError
from anodeflow.core.install import install_command
from anodeflow.studies.rows import ResultRow

if TYPE_CHECKING:
    from jobflow import JobStore

PREFIX = "anodeflow"
TASKS = ("relax", "relax_cell", "static")
"""Tasks whose structures are served: bands and displacements have many geometries."""


@dataclass(frozen=True)
class Field:
    """A property of ours: `_anodeflow_NAME` in OPTIMADE."""

    name: str
    type: str
    description: str
    unit: str | None = None

    def definition(self) -> dict[str, Any]:
        """Return it as the configuration of a server, and optimade-maker, want it."""
        unit = {} if self.unit is None else {"unit": self.unit}
        return {"name": self.name, "type": self.type, "description": self.description} | unit


FIELDS = (
    Field("task", "string", "What was done: relax (positions), relax_cell (positions and cell) or static."),
    Field("energy", "float", "Total energy extrapolated to zero smearing, of the cell.", "eV"),
    Field("energy_per_atom", "float", "The same, per atom.", "eV"),
    Field("free_energy", "float", "Free energy, consistent with the forces, of the cell.", "eV"),
    Field("max_force", "float", "Largest force on a free atom.", "eV/Å"),
    Field("magnetic_moment", "float", "Total magnetic moment; null without spin polarisation.", "µB"),
    Field("converged", "boolean", "Whether forces (and stress) met their threshold."),
    Field("code", "string", "Name of the program."),
    Field("code_version", "string", "Its version, with that of its potentials."),
    Field("backend", "string", "Name of the settings."),
    Field("settings_hash", "string", "Hash of program, version and all settings."),
    Field("label", "string", "What the calculation is, for people."),
    Field("campaign", "string", "Campaign of the first study that rests on it."),
    Field("study", "string", "That study."),
    Field("system", "string", "System of that study."),
    Field("step", "string", "What the calculation is in that study: bulk, slab, site 0 ..."),
    Field("warnings", "list", "What a reader should know, a sentence each."),
    Field("results", "list", "Properties that rest on it: study, system, property, label, value, unit, document_id."),
)


def needs_optimade() -> None:
    """Raise InputError, with the remedy, if optimade-python-tools is not installed.

    It is kept from writing log files: its own would lie in /var/log.
    """
    import logging

    logging.getLogger("optimade").addHandler(logging.NullHandler())
    try:
        import optimade.server  # noqa: F401
    except ImportError as error:
        raise InputError(f"OPTIMADE needs {error.name}: {install_command('optimade')}.") from error


def entries(
    calculations: Iterable[CalculationDoc], rows: Iterable[ResultRow], uses: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, Any]]:
    """Yield an entry for the structure at the end of each calculation, our fields without their prefix.

    Parameters
    ----------
    calculations
        The calculations; those of paths and modes are passed over.
    rows
        Rows of all studies that may rest on them.
    uses
        Id of a calculation -> campaign, system, study and site (:func:`anodeflow.database.exchange.uses`).
    """
    resting: dict[str, list[ResultRow]] = {}
    for row in rows:
        for identity in row.calculation_ids:
            resting.setdefault(identity, []).append(row)
    for calculation in calculations:
        if calculation.task in TASKS and type(calculation) is CalculationDoc:
            yield _entry(calculation, resting.get(calculation.id, []), uses.get(calculation.id, {}))


def _entry(calculation: CalculationDoc, rows: list[ResultRow], use: Mapping[str, str]) -> dict[str, Any]:
    from optimade.adapters.structures.pymatgen import from_pymatgen

    structure = calculation.structure
    attributes = from_pymatgen(structure).model_dump(mode="json", exclude_none=True)
    attributes["species"] = sorted(attributes["species"], key=lambda each: each["name"])
    known = {field.name: getattr(calculation, field.name, None) for field in FIELDS}
    known |= {"campaign": use.get("campaign"), "study": use.get("study"), "system": use.get("system")}
    known |= {"step": use.get("site"), "warnings": [each.text for each in calculation.warnings]}
    told = ("study", "system", "property", "label", "value", "unit", "temperature", "document_id")
    known["results"] = [{key: getattr(row, key) for key in told} for row in rows]
    modified = {"last_modified": _time(calculation.finished_at), "immutable_id": calculation.id}
    return {"id": calculation.id, "type": "structures"} | attributes | known | modified


def _time(text: str) -> datetime:
    """Return a time as OPTIMADE has it; the beginning of all times where a document does not tell."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return found.astimezone(UTC).replace(microsecond=0)


def database_entries(store: "JobStore", campaign: str | None = None) -> list[dict[str, Any]]:
    """Return the entries of a database, or of one campaign in it (:func:`entries`)."""
    from anodeflow.database.exchange import Exchanged, exported, uses
    from anodeflow.database.query import result_rows

    found = []
    for each in exported(store, Exchanged(), campaign):
        if each["@class"] == CalculationDoc.__name__:
            found.append(CalculationDoc.model_validate(each["document"]))
    filters = {} if campaign is None else {"campaign": campaign}
    return list(entries(found, result_rows(filters, store), uses(store, campaign)))
