"""From bulk supercells to the exchange energy far from any interface."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.caveats import GO_ALONG, Caveat, Caveats
from anodeflow.studies.interdiffusion.document import DiluteExchange


class DiluteLimit(BaseModel):
    """The exchange in the dilute limit for all sites of the alloy, as an interdiffusion study takes it over."""

    exchanges: list[DiluteExchange] = Field(description="One for each set of equivalent sites.")
    atoms: tuple[int, int] = Field(description="Atoms of the supercells of alloy and metal.")
    calculation_ids: dict[str, str] = Field(description="Step -> id.")
    warnings: Caveats = Field(default_factory=list, description="What a reader should know.")


def dilute_limit(
    results: Mapping[str, CalculationDoc | None], sites: Mapping[str, list[int]], atoms: tuple[int, int]
) -> DiluteLimit:
    """Return the exchange energies.

    Parameters
    ----------
    results
        Step -> calculation: `metal` and `alloy` (supercells as they are), `solution` (an atom of the element in the
        metal), and the steps of `sites` (an atom of the metal on a site of the alloy); none where one failed.
    sites
        Step -> the equivalent sites that it stands for.
    atoms
        Of the supercells of alloy and metal.
    """
    done = {step: result for step, result in results.items() if result is not None}
    # The same names as in the study's document, where there are other metals and alloys.
    identifiers = {f"dilute {step}": result.id for step, result in done.items()}
    missing = [step for step in results if step not in done]
    warnings = [
        Caveat("dilute-missing", f"dilute limit: {step} is missing, its calculation failed") for step in missing
    ]
    warnings += [
        warning.under(f"dilute {step}")
        for step, result in done.items()
        for warning in result.warnings
        if warning.code in GO_ALONG
    ]
    exchanges = []
    for step, group in sites.items():
        needed = ("metal", "solution", "alloy", step)
        if any(each not in done for each in needed):
            continue
        converged = done["solution"].converged and done[step].converged
        if not converged:
            warnings.append(Caveat("not-converged", f"dilute limit: a relaxation for {step} did not converge"))
        exchanges.append(
            DiluteExchange(
                sites=group,
                solution_energy=done["solution"].energy - done["metal"].energy,
                antisite_energy=done[step].energy - done["alloy"].energy,
                converged=converged,
                steps=[f"dilute {each}" for each in needed],
            )
        )
    return DiluteLimit(exchanges=exchanges, atoms=atoms, calculation_ids=identifiers, warnings=warnings)
