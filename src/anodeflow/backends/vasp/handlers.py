"""custodian's handlers for VASP: those of atomate2, but for what would change numbers or take steps out of the record.

Left out are three that change the smearing or the k-points of a sound run (LargeSigmaHandler, IncorrectSmearingHandler,
KspacingMetalHandler): energies that are subtracted from one another must be computed alike.
"""

import copy
import os

import atomate2.vasp.run
from custodian.custodian import ErrorHandler
from custodian.vasp.handlers import (
    IncorrectSmearingHandler,
    KspacingMetalHandler,
    LargeSigmaHandler,
    UnconvergedErrorHandler,
)
from custodian.vasp.io import load_vasprun

_LEFT_OUT = (IncorrectSmearingHandler, KspacingMetalHandler, LargeSigmaHandler)


class ScfHandler(UnconvergedErrorHandler):
    """Puts an unconverged SCF right, as its parent does, and lets a relaxation that has used up its steps end.

    Such a relaxation goes on in a run of its own when it is asked for again: no step gets lost.
    """

    def check(self, directory: str = "./") -> bool:
        """Return whether the last SCF did not converge."""
        try:
            return not load_vasprun(os.path.join(directory, self.output_filename)).converged_electronic
        except Exception:  # what is missing or cut short is the validators' to say
            return False


def handlers() -> list[ErrorHandler]:
    """Return new handlers: they count what they do, and each calculation begins at nought."""
    return [
        ScfHandler(handler.output_filename) if type(handler) is UnconvergedErrorHandler else copy.deepcopy(handler)
        for handler in atomate2.vasp.run.DEFAULT_HANDLERS
        if not isinstance(handler, _LEFT_OUT)
    ]
