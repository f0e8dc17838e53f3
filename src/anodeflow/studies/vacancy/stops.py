"""Which of the relaxed places of a vacancy become stops of its paths."""

from collections.abc import Mapping

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.errors import AnodeflowError, CalculationError
from anodeflow.structures.geometry.positions import unwrapped
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import (
    TrialState,
    VacancyStop,
    VacancyTrial,
    stop_step,
)
from anodeflow.studies.vacancy.geometry import occupied_places, outcome
from anodeflow.studies.vacancy.prescreen import rename_step
from anodeflow.studies.vacancy.search import VacancySearch, empty_place

_BELOW = 0.005
"""What lies further than this below the stop where it began is lower, eV."""


def settle(
    search: VacancySearch, results: Mapping[str, CalculationDoc | None], study: VacancyContext
) -> dict[str, AnodeflowError]:
    """Judge the trials that were relaxed; the lowest of each path becomes its next stop.

    Parameters
    ----------
    search
        Changed: trials, stops, hops, ends of paths.
    results
        Index of each trial that waited -> its relaxation; none where it failed.
    study
        What was asked for.

    Returns
    -------
    dict
        Label of each relaxation that did not converge -> the error that says so.

    Raises
    ------
    CalculationError
        If the vacancy can be made nowhere.
    """
    failures: dict[str, AnodeflowError] = {}
    for index, relaxed in ((int(key), relaxed) for key, relaxed in results.items()):
        trial = search.trials[index]
        if relaxed is not None:
            search.note(trial.label, relaxed)
            search.settings = relaxed.settings
        trial.state, trial.message = _judge(search, index, relaxed)
        if trial.state == "not converged":
            failures[f"{study.system}: {study.input.element} vacancy, {trial.label}"] = CalculationError(
                "the relaxation did not converge; run it again to go on."
            )
    for name in dict.fromkeys(search.trials[int(key)].path for key in results):
        tried = {int(key): relaxed for key, relaxed in results.items() if search.trials[int(key)].path == name}
        energies = {i: relaxed.energy for i, relaxed in tried.items() if relaxed is not None}
        good = [i for i in tried if search.trials[i].state == "higher"]
        best = min(good, key=lambda i: energies[i], default=None)
        if name is None and best is not None:
            search.zero = energies[best]
        for i, energy in energies.items():
            search.trials[i].energy = energy - search.zero
        if best is not None:
            relaxed = tried[best]
            assert relaxed is not None
            _take(search, best, relaxed, asked=study.input.barriers)
            continue
        why = "; ".join(
            f"{search.trials[i].element} {search.trials[i].atom}: {search.trials[i].message}" for i in tried
        )
        if name is None:
            raise CalculationError(
                f"{study.system}: no {study.input.element} vacancy stays in layer {search.start_layer} ({why}): look "
                "at these relaxations, or start elsewhere."
            )
        step = search.trials[next(iter(tried))].step
        search.path(name).end = f"path {name} ends before hop {step}: {why}"
    return failures


def _judge(search: VacancySearch, index: int, relaxed: CalculationDoc | None) -> tuple[TrialState, str]:
    """Return what became of a trial, "higher" standing for all that are stops or could be."""
    trial = search.trials[index]
    if relaxed is None:
        return "failed", "its relaxation failed: `anodeflow status` says why"
    if not relaxed.converged:
        return "not converged", "its relaxation did not converge"
    if trial.path is None:
        state, message = outcome(search.trial_structure(index), relaxed.structure)
    else:
        stop, position, _ = search.front(trial.path)
        state, message = outcome(stop.structure, relaxed.structure, trial.atom, position)
    if state == "arrived":
        return "higher", message
    return _fallen(search, trial, relaxed) or (state, message)


def _fallen(search: VacancySearch, trial: VacancyTrial, relaxed: CalculationDoc) -> tuple[TrialState, str] | None:
    """Return what became of a trial that came to rest elsewhere than it was put; none: it is of no interest.

    What lies below the stop where it began is no failure: there is a way down that takes more than one atom. Where it
    leads down the path, it is the path's next stop, with the moves of all atoms (on path I of no other element); else
    it is kept as a trial. A start that rearranged counts like the others as long as the vacancy is in its layer.
    """
    whole = search.interface
    places = occupied_places(whole.structure, relaxed.structure)
    start = trial.path is None
    before = [atom for atom in range(len(whole.structure)) if atom != trial.atom]
    if trial.path is not None:
        stop, _, here = search.front(trial.path)
        below = stop.energy - (relaxed.energy - search.zero)
        if below < _BELOW:
            return None
        before = search.replayed(trial.path)[2]
    layer = None if places is None else whole.layer[empty_place(places)]
    moves = [] if places is None else [(atom, new) for atom, new in enumerate(places) if new != before[atom]]
    if start:
        if layer != search.start_layer:
            return None
        trial.moves = moves
        return "higher", ""
    who = {whole.structure[before[atom]].specie.symbol for atom, _ in moves} - {trial.element}
    if layer is not None and layer > here and (trial.path == "II" or not who):
        trial.moves = moves
        return "higher", ""
    where = "in no place of the interface" if layer is None else f"in layer {layer}"
    trial.structure = relaxed.structure
    return "lower", f"it fell to {below:.3f} eV below {stop_step(stop)}, where it began, with the vacancy {where}"


def _take(search: VacancySearch, index: int, relaxed: CalculationDoc, asked: bool) -> None:
    """Make a trial the next stop of its path (of both paths, at the start), and add the hop that leads there."""
    trial, interface = search.trials[index], search.interface
    if trial.path is None:
        before = search.trial_structure(index)
        position = interface.structure[trial.atom].coords
        reached = search.paths
    else:
        reached = [search.path(trial.path)]
        before = search.front(trial.path)[0].structure
        position = before[trial.atom].coords
    old = None if trial.path is None else search.replayed(trial.path)[2]
    trial.state = "taken"
    places = search.replayed(trial.path)[2]
    empty = empty_place(places)
    if trial.moves:  # the place that is empty now is not the one that the trial's atom left
        position = interface.structure[empty].coords if old is None else before[old.index(empty)].coords
    stop = VacancyStop(
        index=len(search.stops),
        path=trial.path,
        name=str(trial.step),
        element=trial.element,
        layer=interface.layer[empty],
        position=position.tolist(),
        energy=relaxed.energy - search.zero,
        structure=unwrapped(before, relaxed.structure),
        layers=[interface.layer[place] for place in places],
    )
    search.stops.append(stop)
    rename_step(search, trial.label, stop_step(stop))
    for path in reached:
        path.stops.append(stop.index)
    if trial.path is not None:
        hop = search.add_hop(trial.path, stop.name, (reached[0].stops[-2], stop.index), trial.atom)
        search.hops[hop].others = [atom for atom, _ in trial.moves if atom != trial.atom]
        reached[0].hops.append(hop)
        if not asked:
            search.hops[hop].state, search.hops[hop].message = "left out", "barriers were not asked for"
            search.waiting.remove(hop)
