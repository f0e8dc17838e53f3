"""What it costs to take an atom out of a metal's own surface, beside which the alloy's face is set."""

from pydantic import BaseModel, Field

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import Caveat, Caveats

CLEAN = "metal's own surface"
EMPTY = "metal's own surface, an atom taken out"


class MetalFace(BaseModel):
    """The energy of an atom taken out of a metal's own surface, as a vacancy study takes it over."""

    surface: str = Field(description="Which surface: Li(0 0 1).")
    atom: int = Field(description="Index of the atom in the slab.")
    energy: float | None = Field(
        description="E(slab without the atom) + E(bulk) per atom - E(slab), eV; none: a calculation failed."
    )
    calculation_ids: dict[str, str] = Field(description="Step -> id.")
    warnings: Caveats = Field(default_factory=list, description="What a reader should know.")


def metal_face(
    surface: str, atom: int, bulk: CalculationDoc, clean: CalculationDoc | None, empty: CalculationDoc | None
) -> MetalFace:
    """Return the energy of an atom taken out of a surface.

    Parameters
    ----------
    surface
        Name of the surface.
    atom
        Index of the atom in the slab.
    bulk
        Relaxed bulk of the metal, where the atom goes.
    clean, empty
        The relaxed slab with and without the atom; none where a relaxation failed.
    """
    done = {step: found for step, found in ((CLEAN, clean), (EMPTY, empty)) if found is not None}
    warnings = [
        Caveat("not-converged", "the relaxation did not converge").under(step)
        for step, found in done.items()
        if not found.converged
    ]
    energy = None
    if clean is not None and empty is not None:
        energy = empty.energy + bulk.energy_per_atom - clean.energy
    else:
        warnings.append(
            Caveat("metal-face-missing", f"what an atom of {surface} costs is missing: a relaxation failed")
        )
    return MetalFace(
        surface=surface,
        atom=atom,
        energy=energy,
        calculation_ids={step: found.id for step, found in done.items()},
        warnings=warnings,
    )
