"""Where the numbers of a report come from: calculations, settings, and what a reader must be warned of."""

from typing import Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.report.page import Column, Link, Table, Warned
from anodeflow.report.units import units_of
from anodeflow.studies.document import StudyDoc

_CALCULATION_COLUMNS = [
    Column("label", "calculation"),
    Column("task", "task"),
    Column("formula", "cell"),
    Column("code", "code"),
    Column("settings_hash", "settings"),
    Column("energy", "energy", "eV", 4),
    Column("free_energy", "free energy", "eV", 4),
    Column("max_force", "max. force", "eV/Å", 3),
    Column("converged", "converged"),
    Column("ionic_steps", "ionic steps"),
    Column("force_evaluations", "force evaluations"),
    Column("scf_cycles", "SCF cycles"),
    Column("wall_time", "wall time", "s", 1),
    Column("proposal_seconds", "proposals", "s", 1, if_known=True),
    Column("id", "id", below=True),
    Column("finished_at", "finished (UTC)", below=True),
    Column("restarts", "restarts", below=True),
    Column("directory", "folder", below=True),
    Column("remedies", "SCF recovery steps", below=True),
    Column("warnings", "warnings", below=True),
]


def calculation_ids(documents: list[StudyDoc]) -> list[str]:
    """Return the ids of every calculation that `documents` rest on, each once."""
    return list(dict.fromkeys(identity for document in documents for identity in document.calculation_ids.values()))


def calculations_table(documents: list[StudyDoc], calculations: dict[str, CalculationDoc]) -> Table:
    """Return one row per calculation, in the order in which the studies name them.

    One that the database does not have keeps its row, so that no number loses its anchor.
    """
    steps = {i: f"{d.system}: {step}" for d in documents for step, i in d.calculation_ids.items()}
    rows: list[dict[str, Any]] = []
    for identity in calculation_ids(documents):
        row: dict[str, Any] = {"_anchor": f"calc-{identity}", "id": identity, "label": steps[identity]}
        if identity in calculations:
            found = calculations[identity]
            row |= {c.key: getattr(found, c.key) for c in _CALCULATION_COLUMNS if c.key != "id"}
            row["label"] = found.label or steps[identity]
            row["code"] = f"{found.code} {found.code_version}"
            row["settings_hash"] = found.settings_hash[:8]
            row["finished_at"] = found.finished_at[:19].replace("T", " ")
            row["_marked"] = not found.converged
        else:
            row["warnings"] = ["not in the database"]
        rows.append(row)
    return Table("calculations", _CALCULATION_COLUMNS, rows)


def settings_tables(documents: list[StudyDoc]) -> list[Table]:
    """Return all settings, a table for each kind of study."""
    kinds = list(dict.fromkeys(document.study for document in documents))
    found = []
    for kind in kinds:
        mine = [document for document in documents if document.study == kind]
        caption = f"Settings of {kind} studies" if len(kinds) > 1 else ""
        found.append(_settings_table(mine, f"settings-{kind}" if len(kinds) > 1 else "settings", caption))
    return found


def _settings_table(documents: list[StudyDoc], name: str, caption: str) -> Table:
    """All settings, one column for each settings hash, so that differences stand side by side."""
    by_hash = {d.settings_hash: d for d in documents}
    systems = {digest: dict.fromkeys(d.system for d in documents if d.settings_hash == digest) for digest in by_hash}
    flat = {digest: _flatten(d.settings) | {"code": d.code} for digest, d in by_hash.items()}
    units = {digest: units_of(d) for digest, d in by_hash.items()}
    keys = ["code", *dict.fromkeys(key for settings in flat.values() for key in settings if key != "code")]
    columns = [Column("setting", "setting"), Column("unit", "unit")]
    columns += [
        Column(digest, f"{d.backend} · {digest[:8]}: {', '.join(systems[digest])}") for digest, d in by_hash.items()
    ]
    rows = [
        {"setting": key, "unit": ", ".join(dict.fromkeys(units[d](key) for d in flat if key in flat[d]))}
        | {digest: flat[digest].get(key) for digest in flat}
        for key in keys
    ]
    return Table(name, columns, rows, caption)


def warnings(documents: list[StudyDoc], calculations: dict[str, CalculationDoc]) -> list[Warned]:
    """Return what the studies and calculations warn of, each once and leading to its places on the page."""
    found: list[Warned] = []
    for backend, digest in {d.backend: d.settings_hash for d in documents if "demo" in d.backend}.items():
        text = f"{backend}: demo accuracy shows that everything works, its numbers are not converged: do not use them."
        found.append(Warned(text, [Link("where", f"settings-{digest}")]))
    found += _of_studies(documents)
    known = [warning.text for document in documents for warning in document.warnings]
    for identity in calculation_ids(documents):
        calculation = calculations.get(identity)
        name = (calculation.label if calculation else "") or identity[:10]
        # A study repeats some warnings of its calculations, after the name of the step.
        own = [each.text for each in calculation.warnings] if calculation else []
        texts = [text for text in own if not any(warning.endswith(text) for warning in known)]
        if calculation is None:
            texts.append("this calculation is not in the database, so its number cannot be checked here.")
        elif not calculation.converged:
            texts.append(f"not converged: the largest force left is {calculation.max_force:.3f} eV/Å.")
        for text in texts:
            found.append(Warned(f"{name}: {text}", [Link("where", f"calc-{identity}")]))
    return found


def _of_studies(documents: list[StudyDoc]) -> list[Warned]:
    """Return the warnings of studies: what is true of many of them is one sentence that names their systems."""
    about: dict[tuple[str, str], dict[str, StudyDoc]] = {}
    for document in documents:
        for warning in document.warnings:
            about.setdefault((document.backend, warning.text), {})[document.document_id] = document
    found = []
    for (backend, text), of in about.items():
        systems = ", ".join(dict.fromkeys(document.system for document in of.values()))
        one = len(of) == 1
        places = [Link("where" if one else f"{d.system} {d.study}", f"study-{d.document_id}") for d in of.values()]
        found.append(Warned(f"{systems} ({backend}): {text}", places))
    return found


def _flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        flat |= _flatten(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return flat
