"""What a diffusion study is going to ask for; how many there are is found in the run."""

from collections.abc import Iterator

from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.expected import Expected, Told, screened
from anodeflow.studies.shared.saddles import modes_of_saddles


def hops_and_checks(told: Told) -> Iterator[Expected]:
    """Yield pushed adatoms and minima, hops, modes of their saddles, and vibrations, from the arguments of its job.

    Where there is no number, the label says what one of them takes at most.
    """
    study: DiffusionContext = told["study"]
    makers, atoms, by = told["makers"], told.atoms("adsorption"), study.by_potential
    pushes = f"{study.system}: adatoms pushed off sites that may be saddles, at most 3 a site"
    yield Expected(f"{pushes} [{by}]" if by else pushes, "static", atoms, prescreen=by)
    minima = f"{study.system}: minima that may be saddles, pushed and relaxed, at most once each"
    after = None
    if "cheap modes" in makers:
        softest = f"{minima} [{by}]" if by else f"{study.system}: softest modes of minima that may be saddles"
        yield Expected(softest, "modes", atoms, prescreen=by)
        after = (softest,)
    yield Expected(minima, "relax", atoms, after)
    hops = f"{study.system}: hops {'and exchanges ' if study.input.exchange else ''}between its minima"
    yield from screened(hops, "neb", atoms, by)
    if study.input.modes:
        yield from modes_of_saddles(makers["modes"], f"{study.system}: modes of its saddles", atoms, by, hops)
    if study.input.prefactor == "vineyard":
        vibrations = f"{study.system}: vibrations at minima and saddles"
        yield Expected(f"{vibrations} [{by}]" if by else vibrations, "hessian", atoms, (hops,), prescreen=by)
