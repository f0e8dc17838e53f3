"""Calculations as an ASE database, for those who use ``ase db`` and ``ase gui``."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import InputError


def write_ase_database(
    file: Path,
    calculations: Iterable[CalculationDoc],
    uses: Mapping[str, Mapping[str, str]],
    tell: Callable[[str, int], None] = lambda words, done: None,
) -> int:
    """Write one row per calculation: structure with constraints, energy (extrapolated), free energy, forces, stress.

    Key-value pairs: campaign, system, study and site (the step of the study) of the first study that rests on the
    calculation, task, label, backend, code, settings_hash, calculation_id, converged. Settings and folder stand in
    the row's data. The row of a band is its highest image.

    Parameters
    ----------
    file
        New file ``*.db`` (SQLite) or ``*.json``.
    calculations
        The calculations.
    uses
        Id of a calculation -> campaign, system, study and site.
    tell
        Called after every row.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    InputError
        If there is such a file already, or its name does not say how to write it.
    """
    from ase.db import connect

    if file.suffix not in (".db", ".json"):
        raise InputError(f"cannot tell the format of the ASE database {file}: name it *.db or *.json.")
    if file.exists():
        raise InputError(f"there is a file {file} already: name another one.")
    number = 0
    rows: dict[str, dict[str, Any]] = {}
    draft = file.with_name(f"part-{file.name}")
    draft.unlink(missing_ok=True)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with connect(draft, append=False) as database:
            for number, calculation in enumerate(calculations, 1):
                pairs = {
                    **uses.get(calculation.id, {}),
                    "task": calculation.task,
                    "label": calculation.label,
                    "backend": calculation.backend,
                    "code": f"{calculation.code} {calculation.code_version}",
                    "settings_hash": calculation.settings_hash,
                    "calculation_id": calculation.id,
                }
                texts = {key: value for key, value in pairs.items() if value}
                row = _row(_atoms(calculation), texts, calculation.converged)
                rows[str(database.write(row, data=_data(calculation)))] = row.key_value_pairs
                tell("exporting", number)
        if number == 0:
            raise InputError("there are no calculations for an ASE database: run a campaign, or name another one.")
        if file.suffix == ".json":
            _name_rows(draft, rows)
        draft.replace(file)
    except OSError as error:
        raise InputError(f"cannot write the ASE database {file} ({error.strerror}): give another file.") from error
    finally:
        draft.unlink(missing_ok=True)
        draft.with_name(f"{draft.name}.lock").unlink(missing_ok=True)
    return number


def _atoms(calculation: CalculationDoc) -> Any:
    from ase.calculators.singlepoint import SinglePointCalculator
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(calculation.structure)
    results: dict[str, Any] = {"energy": calculation.energy, "free_energy": calculation.free_energy}
    if len(calculation.forces) == len(atoms):
        results["forces"] = calculation.forces
    if calculation.stress is not None:
        results["stress"] = calculation.stress
    if calculation.magnetic_moment is not None:
        results["magmom"] = calculation.magnetic_moment
    atoms.calc = SinglePointCalculator(atoms, **results)
    atoms.calc.name = calculation.code
    return atoms


def _data(calculation: CalculationDoc) -> dict[str, Any]:
    data: dict[str, Any] = {"settings": calculation.settings, "directory": calculation.directory}
    if isinstance(calculation, NebDoc):
        data["image_energies"] = calculation.image_energies
    return data


def _name_rows(file: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the pairs of each row, which ASE leaves out of a JSON file when it is given a row with pairs."""
    content = json.loads(file.read_text(encoding="utf-8"))
    for number, pairs in rows.items():
        content[number]["key_value_pairs"] = dict(pairs)
    file.write_text(json.dumps(content), encoding="utf-8")


def _row(atoms: Any, texts: Mapping[str, str], converged: bool) -> Any:
    """Return a row whose texts stay texts, even those that read like a number: 4e12, 2024, True.

    ``write(key_value_pairs=...)`` of ASE refuses those, for its command line could not ask for them; a row that has
    them already is taken as it is.
    """
    import os

    from ase.db.core import now
    from ase.db.row import AtomsRow, atoms2dict

    row: Any = AtomsRow(atoms2dict(atoms) | {"key_value_pairs": {**texts, "converged": converged}})
    row.ctime, row.user = now(), os.getenv("USER")
    return row
