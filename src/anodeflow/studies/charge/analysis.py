"""From finished densities to the document of a charge-transfer study."""

from pathlib import Path
from typing import Any

import numpy as np
from ase.data import ground_state_magnetic_moments
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import GO_ALONG, Caveat
from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import AnodeflowError, CalculationError
from anodeflow.studies.about import study_fields
from anodeflow.studies.adsorption.document import AdsorbedSite, AdsorptionDoc
from anodeflow.studies.charge.bader import BaderPartition, bader_partition
from anodeflow.studies.charge.bader_programs import METHODS, choose_program
from anodeflow.studies.charge.context import ChargeContext
from anodeflow.studies.charge.difference import charge_difference
from anodeflow.studies.charge.document import ChargeDoc, ordinary_atoms
from anodeflow.studies.shared.references import of_lattice

GRID_TOLERANCE = 0.05
"""Change of the adatom's charge on a grid half as fine that calls for a finer one, e."""
_ON_THE_SURFACE = ("stayed", "moved")


def charge_parts(adsorbed: Structure) -> tuple[Structure, Structure]:
    """Divide a slab with an adatom (its last atom) into the two, each at its place in the same cell.

    Returns
    -------
    slab, adatom : Structure
        The slab keeps its site properties (moments, fixed atoms); the adatom gets the magnetic moment of a free atom
        (µB, Hund's rules, from ASE's table).
    """
    slab = adsorbed.copy()
    slab.remove_sites([len(adsorbed) - 1])
    atom = adsorbed[-1]
    properties: dict[str, list] = {"magmom": [float(ground_state_magnetic_moments[atom.specie.Z])]}
    if "selective_dynamics" in adsorbed.site_properties:
        properties["selective_dynamics"] = [[True] * 3]
    adatom = Structure(
        adsorbed.lattice, [atom.specie], [atom.coords], coords_are_cartesian=True, site_properties=properties
    )
    return slab, adatom


def charge_document(
    adsorption: AdsorptionDoc,
    combined: CalculationDoc,
    slab: CalculationDoc,
    adatom: CalculationDoc,
    study: ChargeContext,
) -> ChargeDoc:
    """Return the document: Bader partition of the slab with the adatom, and charge-density difference.

    Parameters
    ----------
    adsorption
        Study of which the most stable site is looked at.
    combined, slab, adatom
        Densities of both together and of each alone at the same place.
    study
        What was asked for.

    Raises
    ------
    CalculationError
        If a density is missing or cut short, the densities do not belong together, or a check of
        :mod:`anodeflow.studies.charge.bader` or :mod:`anodeflow.studies.charge.difference` fails. The message begins
        with the name of the system.
    """
    site = adsorption.sites[adsorption.most_stable]
    program = choose_program(study.input.program)
    try:
        density = load_density(combined)
        difference = charge_difference(density, load_density(slab), load_density(adatom), Path(combined.directory))
        partition = bader_partition(density, program)
    except CalculationError as error:
        raise CalculationError(f"{study.system}: {error}") from error
    warnings = of_lattice(adsorption) + [each for each in adsorption.warnings if _of_geometry(each, site)]
    warnings += _warnings(site, {"density": combined, "slab density": slab, "atom density": adatom})
    donated = density.numbers - partition.atom_electrons
    shoulder = partition.shoulders.get(len(donated) - 1, 0.0)
    if shoulder:
        warnings.append(
            Caveat(
                "shoulder",
                f"{shoulder:.2f} e of the adatom's basin lie around a shoulder of the density beside it, which is "
                "hardly a maximum of its own; counted apart, the adatom would have donated "
                f"{donated[-1] + shoulder:+.2f} e",
            )
        )
    coarse, of_grid = _coarse_charge(combined, program, float(donated[-1]))
    warnings += of_grid
    identifiers = {"density": combined.id, "slab density": slab.id, "atom density": adatom.id}
    settings = {
        "calculation": combined.settings,
        "adsorbate": study.adsorbate,
        "bader": {"program": program, "method": METHODS[program]},
        "grid_shape": list(density.values.shape),
    }
    return ChargeDoc(
        **study_fields(study, combined.backend, f"{combined.code} {combined.code_version}", settings, identifiers),
        warnings=warnings,
        site=site.site,
        site_label=site.final_label,
        structure=combined.structure,
        charge_donated=float(donated[-1]),
        charge_donated_coarse=coarse,
        shoulder_electrons=shoulder,
        atom_donated=donated.tolist(),
        surface_donated=ordinary_atoms(combined.structure, donated.tolist()),
        difference=difference,
        grid_shape=density.values.shape,
        grid_spacing=density.spacing,
        **_of_partition(partition),
    )


def load_density(calculation: CalculationDoc, coarse: bool = False) -> DensityGrid:
    """Return the density that a calculation wrote, or the coarse one.

    Raises
    ------
    CalculationError
        If there is none, it is damaged, or it belongs to another structure.
    """
    name = calculation.coarse_density_file if coarse else calculation.density_file
    what = calculation.label or calculation.formula
    if name is None:
        raise CalculationError(f"{what}: the calculation {calculation.id} has no charge density; run it with one.")
    density = DensityGrid.load(Path(calculation.directory) / name)
    if list(density.numbers) != [site.specie.Z for site in calculation.structure]:
        raise CalculationError(
            f"{what}: the density in {calculation.directory} is of other atoms; delete that folder and run again."
        )
    return density


def _of_partition(partition: BaderPartition) -> dict[str, Any]:
    """Return the fields of the document that come straight from the partition."""
    return {
        "atom_electrons": partition.atom_electrons.tolist(),
        "non_nuclear_basins": partition.non_nuclear,
        "vacuum_electrons": partition.vacuum_electrons,
        "total_electrons": partition.total_electrons,
        "partition_error": partition.partition_error,
        "equivalent_spread": partition.equivalent_spread,
        "program": partition.program,
        "method": partition.method,
    }


def _coarse_charge(combined: CalculationDoc, program: Any, fine: float) -> tuple[float | None, list[Caveat]]:
    """Return the electrons donated on the coarse grid, if they can be had there, and what they mean."""
    if combined.coarse_density_file is None:
        return None, []
    try:
        density = load_density(combined, coarse=True)
        donated = float(density.numbers[-1] - bader_partition(density, program).atom_electrons[-1])
    except AnodeflowError as error:
        text = f"the grid's error is not known, since half as fine a grid fails: {error}"
        return None, [Caveat("grid-error-unknown", text)]
    if np.isclose(donated, fine, rtol=0, atol=GRID_TOLERANCE):
        return donated, []
    changes = f"the adatom's charge changes by {abs(donated - fine):.3f} e on a grid half as fine"
    return donated, [Caveat("coarse-grid", f"{changes}: ask for a smaller grid_spacing")]


def _of_geometry(warning: Caveat, site: AdsorbedSite) -> bool:
    """Return whether a warning of the adsorption study is about how the site was relaxed, whose charge this is."""
    of_site = any((each.name, each.number) == ("site", site.site) for each in warning.about)
    return of_site and warning.code in GO_ALONG


def _warnings(site: AdsorbedSite, calculations: dict[str, CalculationDoc]) -> list[Caveat]:
    """Return what a reader should know of the site and of the calculations."""
    warnings: list[Caveat] = []
    if site.state not in _ON_THE_SURFACE:
        warnings.append(
            Caveat("adatom-not-on-surface", f"the adatom has {site.state}: its charge is not that of an adsorbed one")
        )
    if not site.converged:
        warnings.append(
            Caveat("not-converged", "the structure is not relaxed: the adsorption study did not converge at this site")
        )
    for name, calculation in calculations.items():
        warnings += [warning.under(name) for warning in calculation.warnings]
    return warnings
