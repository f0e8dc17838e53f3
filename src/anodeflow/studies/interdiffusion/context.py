"""What a study of interdiffusion tells its jobs."""

from dataclasses import dataclass

from anodeflow.studies.context import SubjectContext


@dataclass(frozen=True, kw_only=True)
class InterdiffusionContext(SubjectContext):
    """What is asked of the exchanges at one interface.

    Attributes
    ----------
    element
        Element of the alloy that moves into the metal.
    depth
        How many planes of the metal it moves.
    samples
        How many pairs of atoms are exchanged at each depth.
    plateau_tolerance
        How far the median at either end of the plateau may lie outside of the energies of its other pairs, eV.
    there_and_back
        Whether every exchange is undone and relaxed once more.
    """

    element: str
    depth: int
    samples: int
    plateau_tolerance: float
    there_and_back: bool
