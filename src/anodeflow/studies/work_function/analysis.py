"""Work functions of both faces of a slab from its electrostatic potential."""

import numpy as np

from anodeflow.calculations.document import CalculationDoc, PlanarPotential
from anodeflow.core.caveats import Caveat
from anodeflow.core.errors import CalculationError
from anodeflow.structures.slab.slabs import SlabCell
from anodeflow.studies.about import study_fields
from anodeflow.studies.context import SlabContext
from anodeflow.studies.shared.references import crystal_of
from anodeflow.studies.work_function.document import WorkFunctionDoc

PLATEAU = 2.0
"""Length of the vacuum next to the cell's end over which the potential must be flat, Å."""
LEAST = 3.0
"""Distance from the outermost atom from which on the potential is that of the vacuum, Å: electrons spill out before."""
ROOM = 0.5
"""How far a face may relax outwards into the vacuum, Å."""
FLAT = 0.01
"""Slope up to which it counts as flat, eV/Å."""


def vacuum_levels(potential: PlanarPotential, bottom: float, top: float) -> dict[str, tuple[float, float]]:
    """Return face (top, bottom) -> level of the vacuum (eV) and slope of the potential there (eV/Å).

    Parameters
    ----------
    potential
        Potential through the cell of a slab that stands in its middle.
    bottom, top
        Heights of the outermost atoms, Å.

    Raises
    ------
    CalculationError
        If there is less than 2 Å of vacuum that is 2.5 Å away from any atom and away from the dipole layer.
    """
    heights, values = np.array(potential.heights), np.array(potential.values)
    ends = {
        "top": (potential.height - potential.edge - PLATEAU, potential.height - potential.edge),
        "bottom": (potential.edge, potential.edge + PLATEAU),
    }
    if ends["top"][0] < top + LEAST - ROOM or ends["bottom"][1] > bottom - LEAST + ROOM:
        raise CalculationError(
            f"the vacuum of {potential.height - top + bottom:.1f} Å is too thin to read a level in it: it takes "
            f"{2 * (potential.edge + PLATEAU + LEAST):g} Å (vacuum of the system)."
        )
    levels = {}
    for face, (low, high) in ends.items():
        inside = (heights >= low) & (heights <= high)
        slope, _ = np.polyfit(heights[inside], values[inside], 1)
        levels[face] = (float(values[inside].mean()), float(slope))
    return levels


def work_function_document(
    cell: SlabCell, slab: CalculationDoc, static: CalculationDoc, study: SlabContext
) -> WorkFunctionDoc:
    """Return the document of one surface.

    Parameters
    ----------
    cell
        Slab as it was cut.
    slab
        Its relaxation.
    static
        Calculation of the relaxed slab with its potential.
    study
        What was asked for.

    Raises
    ------
    CalculationError
        If there is no potential, or too little vacuum.
    """
    system, potential = study.system, static.potential
    if potential is None:
        raise CalculationError(f"{system}: {static.code} gave no electrostatic potential: choose another backend.")
    heights = static.structure.cart_coords[:, 2]
    try:
        levels = vacuum_levels(potential, float(heights.min()), float(heights.max()))
    except CalculationError as error:
        raise CalculationError(f"{system}: {error}") from None
    settings = {"calculation": slab.settings, "slab": study.slab_spec}
    (top, slope_top), (bottom, slope_bottom) = levels["top"], levels["bottom"]
    crystal, of_crystal = crystal_of(cell, ())
    return WorkFunctionDoc(
        **study_fields(
            study,
            slab.backend,
            f"{slab.code} {slab.code_version}",
            settings,
            {"slab": slab.id, "potential": static.id} | crystal,
        ),
        warnings=_warnings(slab, static, levels) + of_crystal,
        formula=slab.formula,
        miller=cell.miller,
        termination=cell.termination,
        layers=cell.layers,
        fixed_layers=cell.fixed_layers,
        fermi_level=potential.fermi_level,
        vacuum_level_top=top,
        vacuum_level_bottom=bottom,
        slope_top=slope_top,
        slope_bottom=slope_bottom,
        potential=potential,
        planes=sorted({round(float(height), 2) for height in heights}),
        work_function_top=top - potential.fermi_level,
        work_function_bottom=bottom - potential.fermi_level,
    )


def _warnings(slab: CalculationDoc, static: CalculationDoc, levels: dict[str, tuple[float, float]]) -> list[Caveat]:
    told = [each.under(step) for step, found in (("slab", slab), ("potential", static)) for each in found.warnings]
    for face, (_, slope) in levels.items():
        if abs(slope) > FLAT:
            told.append(
                Caveat(
                    "vacuum-not-flat",
                    f"the potential over the {face} is not flat ({slope:+.3f} eV/Å), so its level is not that of the "
                    "vacuum: take more vacuum, and a dipole correction where the two faces differ",
                )
            )
    if not all(site.specie.is_metal for site in slab.structure):
        told.append(
            Caveat(
                "no-metal",
                "the slab is no metal: if it has a gap, its Fermi level lies anywhere in it, and so does the work "
                "function",
            )
        )
    return told
