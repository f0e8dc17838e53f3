"""The search for the stops of a vacancy: what is known so far, and which places are tried next.

How the study reads the paper (Fig. 4C: "a Li vacancy made at the Li3Mg surface moves down through Li3Mg/Li"). The alloy
is a layer on the metal, and its outer, free face is where the metal's element is stripped. So the vacancy is made in
the outermost layer of the alloy (start "surface") and goes inwards, towards the interface and through it into the
metal, by hops of one neighbouring atom each, always from the next deeper layer. With start "interface" it is made in
the layer of the alloy that touches the metal.

- Path I: atoms of the metal's own element (Li) hop, one after the other.
- Path II: first an atom of the helper (Mg), a neighbour of the vacancy, hops into it; the vacancy, now in the helper's
  old place, goes on as on path I. The helper comes from the next deeper layer, or, where none is near there, from the
  vacancy's own layer.

At every step the nearest inequivalent neighbours are relaxed in the vacancy, and the lowest of the results is the next
stop. All energies are relative to the first stop: the cell holds the same atoms throughout.
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from pymatgen.core import Structure

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.screening_document import PrescreenRecord
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.core.errors import InputError
from anodeflow.screening.shortlist import is_same
from anodeflow.studies.interface.analysis import inherited, of_bulks
from anodeflow.studies.interface.document import InterfaceDoc
from anodeflow.studies.shared.hops import NOT_COMPUTED
from anodeflow.studies.shared.references import crystal_caveats
from anodeflow.studies.shared.saddle_search import SaddleSearch
from anodeflow.studies.vacancy.context import VacancyContext
from anodeflow.studies.vacancy.document import (
    PathName,
    VacancyHop,
    VacancyPath,
    VacancyStop,
    VacancyTrial,
)
from anodeflow.studies.vacancy.geometry import (
    hop_into,
    inequivalent,
    neighbours,
    next_layer,
    remove_atom,
    shaken,
)
from anodeflow.studies.vacancy.metal_face import MetalFace


class VacancySearch(SaddleSearch):
    """What is known of stops and hops so far. Hops wait until their paths are computed."""

    refused: ClassVar[str] = "refused"

    interface: InterfaceDoc = Field(description="Interface that it starts from.")
    bulk_energy: float | None = Field(
        description="Energy of the bulk of the vacancy's element, eV/atom; none: unknown."
    )
    face: MetalFace | None = Field(
        default=None, description="What taking an atom out of the metal's own surface costs; none: not computed."
    )
    start_layer: int = Field(description="Layer where the vacancy is made.")
    zero: float = Field(default=0.0, description="Total energy of stop 0, eV.")
    trials: list[VacancyTrial] = Field(default_factory=list, description="Places that were tried, or wait.")
    stops: list[VacancyStop] = Field(default_factory=list, description="Stops, in the order in which they were found.")
    hops: list[VacancyHop] = Field(default_factory=list, description="Hops; one that waits counts as failed.")
    records: dict[str, PrescreenRecord] = Field(
        default_factory=dict, description="Step -> relaxation of the potential before that of DFT."
    )
    paths: list[VacancyPath] = Field(description="Paths, as they were found: hops not split.")

    @property
    def system(self) -> str:
        """The interface."""
        return self.interface.system

    @property
    def pristine(self) -> tuple[Structure, PrescreenRecord | None]:
        """The interface by DFT and by the potential."""
        return self.interface.structure, None if self.audit is None else self.audit.start

    def note(self, step: str | Subject, relaxed: CalculationDoc, by_potential: bool = True) -> None:
        """Keep a relaxation, and that of the potential before it where both found one minimum."""
        super().note(step, relaxed, by_potential)
        if self.audit is not None and relaxed.prescreen is not None and is_same(relaxed):
            self.records[str(step)] = relaxed.prescreen

    def total_energy(self, end: int) -> float:
        """Return the total energy of a stop, eV."""
        return self.zero + self.stops[end].energy

    @property
    def alloy_layers(self) -> int:
        """Number of the alloy's layers."""
        return -min(self.interface.layer)

    def waiting_trials(self) -> list[int]:
        """Return the indices of the trials that are to be relaxed."""
        return [index for index, trial in enumerate(self.trials) if trial.state == "waiting"]

    def trial_structure(self, index: int) -> Structure:
        """Return the structure from which a trial is relaxed: all atoms in places of the interface without a vacancy.

        Were they where they are at the last stop, those around the new vacancy would stand upright and those around
        the old one lean into it: the relaxation would start downhill, back to that stop.
        """
        trial = self.trials[index]
        if trial.path is None:
            return shaken(remove_atom(self.interface.structure, trial.atom))
        structure, vacancy, _ = self.replayed(trial.path)
        return shaken(hop_into(structure, trial.atom, vacancy))

    def replayed(self, name: PathName | None) -> tuple[Structure, list[float], list[int]]:
        """Return the unrelaxed structure that belongs to the last stop of a path, with all atoms in places.

        Returns
        -------
        Structure
            The atoms in their places.
        list of float
            Position of the vacancy, Å.
        list of int
            For each atom the index of the interface's atom in whose place it is; the one that is not there is empty.
        """
        start, *taken = [trial for trial in self.trials if trial.state == "taken" and trial.path in (None, name)]
        whole = self.interface.structure
        structure = remove_atom(whole, start.atom)
        vacancy = whole[start.atom].coords.tolist()
        places = [atom for atom in range(len(whole)) if atom != start.atom]
        for trial in (start, *taken):
            if trial.moves:
                for atom, place in trial.moves:
                    structure = hop_into(structure, atom, whole[place].coords)
                    places[atom] = place
                vacancy = whole[empty_place(places)].coords.tolist()
            elif trial is not start:
                left, empty = structure[trial.atom].coords.tolist(), empty_place(places)
                structure, vacancy = hop_into(structure, trial.atom, vacancy), left
                places[trial.atom] = empty
        return structure, vacancy, places

    def path(self, name: PathName) -> VacancyPath:
        """Return one of the paths."""
        return next(path for path in self.paths if path.name == name)

    def front(self, name: PathName) -> tuple[VacancyStop, list[float], int]:
        """Return the last stop that a path has reached, with position (Å) and layer of its vacancy."""
        stop = self.stops[self.path(name).stops[-1]]
        assert stop.position is not None
        assert stop.layer is not None
        return stop, stop.position, stop.layer

    def add_hop(self, path: PathName, name: str, ends: tuple[int, int], atom: int, splits: int = 0) -> int:
        """Add a hop that waits to be computed; return its index."""
        made = VacancyHop(
            index=len(self.hops),
            path=path,
            name=name,
            initial=ends[0],
            final=ends[1],
            atom=atom,
            element=self.stops[0].structure[atom].specie.symbol,
            state="failed",
            message=NOT_COMPUTED,
        )
        return self.queue(made, splits)


def empty_place(places: Sequence[int]) -> int:
    """Return the one place that no atom is in."""
    (empty,) = set(range(len(places) + 1)) - set(places)
    return empty


def start_search(
    interface: InterfaceDoc, bulk: CalculationDoc | None, study: VacancyContext, face: MetalFace | None = None
) -> VacancySearch:
    """Return the search with the places where the vacancy may start.

    Parameters
    ----------
    interface
        Relaxed interface.
    bulk
        Relaxed bulk of the vacancy's element, the reference of the formation energy; none: it is not given.
    study
        What was asked for.
    face
        What taking an atom out of the metal's own surface costs; none: not computed.

    Raises
    ------
    InputError
        If the alloy lacks the element or the helper, or the bulk is another element's.
    """
    system, element, helper = study.system, study.input.element, study.input.helper
    structure = interface.structure
    symbols = [site.specie.symbol for site in structure]
    alloy = sorted({symbol for symbol, side in zip(symbols, interface.side, strict=True) if side == "alloy"})
    if element not in alloy:
        raise InputError(
            f"{system}: the alloy of the interface has no {element} to take out (it has {', '.join(alloy)}): name "
            "another element, or another interface."
        )
    if "II" in study.input.paths and helper not in alloy:
        raise InputError(
            f"{system}: the helper {helper} of path II is not in the alloy ({', '.join(alloy)}): name another helper, "
            "or `paths: [I]`."
        )
    if bulk is not None and {site.specie.symbol for site in bulk.structure} != {element}:
        raise InputError(
            f"{system}: the formation energy of a {element} vacancy needs bulk {element}, not {bulk.formula}."
        )
    layers = sorted({n for n in interface.layer if n < 0}, reverse=study.input.start == "interface")
    layer = next(n for n in layers if any(symbols[atom] == element for atom in interface.atoms_of(n)))
    search = VacancySearch(
        interface=interface,
        bulk_energy=None if bulk is None else bulk.energy_per_atom,
        face=face,
        start_layer=layer,
        paths=[VacancyPath(name=name, stops=[], hops=[]) for name in study.input.paths],
        calculation_ids={"interface": interface.calculation_ids["interface"]}
        | ({} if bulk is None else {"bulk": bulk.id})
        | ({} if face is None else face.calculation_ids),
        warnings=[*inherited(interface), *_of_bulk(interface, bulk), *([] if face is None else face.warnings)],
    )
    if layer != layers[0]:
        search.warnings.append(
            Caveat("other-start-layer", f"layer {layers[0]} has no {element}: the vacancy was made in layer {layer}")
        )
    for atom in _starts(search, element, helper)[: study.input.samples]:
        search.trials.append(VacancyTrial(path=None, step=0, atom=atom, element=element, layer=layer, distance=None))
    return search


def _of_bulk(interface: InterfaceDoc, bulk: CalculationDoc | None) -> list[Caveat]:
    """Return the warnings of the bulk that atoms are taken out to; none where the interface tells them as its own."""
    told = any(each.about[0].name == "metal bulk" for each in of_bulks(interface))
    if bulk is None or (told and bulk.id == interface.calculation_ids.get("metal bulk")):
        return []
    return [each.under("bulk") for each in crystal_caveats(bulk)]


def propose(search: VacancySearch, study: VacancyContext) -> None:
    """Add the trials of the next step of each path that goes on; note why the others end.

    Parameters
    ----------
    search
        Changed: trials, ends of paths.
    study
        What was asked for.
    """
    for path in search.paths:
        step = len(path.stops)
        if path.end or step > study.input.steps:
            continue
        stop, position, here = search.front(path.name)
        helped = path.name == "II" and step == 1
        element = study.input.helper if helped else study.input.element
        deeper = next_layer(here)
        # The helper may come from beside the vacancy: it is to make way, not to lead down.
        for layer in (deeper, here) if helped else (deeper,):
            atoms = [atom for atom, number in enumerate(stop.layers) if number == layer]
            found = neighbours(stop.structure, position, element, atoms)
            if found:
                break
        else:
            where = f"{deeper} or {here}" if helped else f"{deeper}"
            why = f"the vacancy in layer {here} has no free {element} neighbour in layer {where}"
            if deeper > max(search.interface.layer):
                why = f"layer {here} is the metal's last"
            path.end = f"path {path.name} ends at stop {stop.name}: {why}"
            continue
        search.trials += [
            VacancyTrial(path=path.name, step=step, atom=atom, element=element, layer=layer, distance=distance)
            for atom, distance in found[: study.input.samples]
        ]


def _starts(search: VacancySearch, element: str, helper: str) -> list[int]:
    """Return the inequivalent atoms that may be taken out, those first that leave neighbours which both paths need."""
    interface = search.interface
    structure, layer = interface.structure, search.start_layer
    atoms = [a for a in interface.atoms_of(layer) if structure[a].specie.symbol == element]

    def missing(atom: int) -> int:
        """How many of the first hops of both paths would find no atom."""
        place = structure[atom].coords
        deeper, beside = interface.atoms_of(next_layer(layer)), [a for a in interface.atoms_of(layer) if a != atom]
        own = neighbours(structure, place, element, deeper)
        others = neighbours(structure, place, helper, [*deeper, *beside])
        return (not own) + (not others)

    return sorted(inequivalent(structure, atoms), key=lambda atom: (missing(atom), atom))
