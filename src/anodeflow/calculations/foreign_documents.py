"""What task documents of atomate2 and emmet say of one calculation, by ASE or by VASP, in one form."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase.units import GPa

from anodeflow.core.versions import version


def told_by(output: Any) -> dict[str, Any] | None:
    """Return what a task document says; none if it is of neither kind.

    Parameters
    ----------
    output
        Document of an ASE or force-field job of atomate2, or emmet's TaskDoc; or its plain data.

    Returns
    -------
    dict
        `code`, `code_version`, `structure` (as the code left it), `energy` (at zero smearing) and `free_energy` (eV),
        `forces` (eV/Å), `stress` (Voigt order, eV/Å³, positive under tension), `steps`, `converged`, `seconds`,
        `directory` and, of VASP, `scf_cycles`; none where the document does not tell.
    """
    if _of(output, "calcs_reversed"):
        return _vasp(output)
    return _ase(output) if _of(output, "ase_calculator_name") else None


def _of(node: Any, *path: str | int) -> Any:
    """Return what lies on a path of attributes, keys and indices; none where it ends."""
    for step in path:
        if node is None:
            return None
        if isinstance(node, list | tuple):
            node = node[step] if isinstance(step, int) and -len(node) <= step < len(node) else None
        elif isinstance(node, Mapping):
            node = node.get(step)
        else:
            node = getattr(node, str(step), None)
    return node


def _ase(output: Any) -> dict[str, Any]:
    """Return what a document of atomate2's ASE or force-field jobs says; its one energy is ASE's, at zero smearing."""
    steps, energy = _of(output, "output", "n_steps"), _of(output, "output", "energy")
    said = _of(output, "forcefield_version")
    # A force field's document of what is not periodic has its geometry in `output` alone.
    places = [_of(output, "structure"), _of(output, "molecule"), _of(output, "output", "mol_or_struct")]
    return {
        "code": str(_of(output, "ase_calculator_name")),
        "code_version": said if said and said != "Unknown" else f"ase {version('ase')}",
        "structure": next((each for each in places if each is not None), None),
        "energy": energy,
        "free_energy": energy,
        "forces": _of(output, "output", "forces"),
        "stress": _voigt(_of(output, "output", "stress")),
        "steps": steps or 1,
        "converged": _of(output, "is_force_converged"),
        "seconds": _of(output, "output", "elapsed_time") or 0.0,
        "directory": _of(output, "dir_name"),
    }


def _vasp(output: Any) -> dict[str, Any]:
    """Return what emmet's TaskDoc says; its first calculation is the last one that VASP did."""
    last = _of(output, "calcs_reversed", 0)
    steps = _of(last, "output", "ionic_steps") or []
    step = steps[-1] if steps else None
    state = _of(output, "state")
    cycles = [len(_of(each, "electronic_steps") or []) for each in steps]
    return {
        "code": "vasp",
        "code_version": str(_of(last, "vasp_version") or ""),
        "structure": _of(output, "output", "structure") or _of(last, "output", "structure"),
        "energy": _of(step, "e_0_energy"),
        "free_energy": _of(step, "e_fr_energy"),
        "forces": _of(step, "forces"),
        "stress": _voigt(_of(step, "stress")),
        "steps": len(steps),
        "scf_cycles": sum(cycles) or None,
        "converged": str(getattr(state, "value", state)) == "successful",
        "seconds": _of(output, "run_stats", "overall", "elapsed_time") or 0.0,
        "directory": _of(output, "dir_name"),
    }


def _voigt(kilobar: Any) -> list[float] | None:
    """Return a stress (3, 3) in kbar, positive under compression, as ASE has it: Voigt order, eV/Å³, the other sign."""
    if kilobar is None:
        return None
    tensor = -np.array(kilobar, dtype=float) * GPa / 10
    return [float(tensor[place]) for place in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))]
