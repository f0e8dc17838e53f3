"""Finds everything that is wrong with a campaign before anything runs."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from anodeflow.backends.base import Backend
from anodeflow.campaign.entry import StudyEntry
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.core.labels import SystemName
from anodeflow.structures.bulk.magnetism import check_moments, is_magnetic
from anodeflow.studies.base import Converged, Kind, Problem, Subject
from anodeflow.studies.subjects.interfaces import Interface
from anodeflow.studies.subjects.surfaces import Surface
from anodeflow.studies.subjects.systems import InterfaceSystem, System
from anodeflow.studies.world import World, includes

_KINDS: dict[Kind, type[Surface] | type[Interface]] = {"surface": Surface, "interface": Interface}
"""Kinds of what the campaign itself lists."""


class CampaignCheck:
    """Collects a sentence, with its line, for each thing that is wrong.

    Parameters
    ----------
    world
        Surfaces, interfaces and studies of the campaign.
    where
        Function that says where in the file a key stands (keys and list indices).
    """

    def __init__(self, world: World, where: Callable[..., str]) -> None:
        self.world, self.surfaces, self.interfaces = world, world.surfaces, world.interfaces
        self.backend, self.where = world.backend, where
        self.problems: list[str] = []
        self.absent = world.absent

    def check(self, entries: Sequence[StudyEntry]) -> list[str]:
        """Return the sentences; none if the campaign can run."""
        systems, prescreen = self.surfaces.systems, self.surfaces.prescreen
        self._available(("backend",), self.backend)
        if prescreen is not None:
            self._attempt(("prescreen",), prescreen.check, self.backend)
        self._names("systems", [system.name for system in systems])
        self._names("interfaces", [system.name for system in self.interfaces.systems])
        self._stems()
        good = [surface for index, system in enumerate(systems) for surface in self._system(index, system)]
        self._results("systems", [(each.family, each.system.name) for each in good], systems)
        known = [system.name for system in systems]
        known += [surface.system.name for surface in good if surface.system.name not in known]
        contacts = [
            each for index, system in enumerate(self.interfaces.systems) for each in self._interface(index, system)
        ]
        self._results("interfaces", [(each.family, each.name) for each in contacts], self.interfaces.systems)
        for element in self.surfaces.references:
            self._reference(element)
        self._once_each(entries, [*good, *contacts])
        for index, entry in enumerate(entries):
            self._capabilities(index, entry)
            self._study(index, entry, good if entry.study.subject == "surface" else contacts, known)
        return list(dict.fromkeys(self.problems))

    def _attempt(self, location: tuple[Any, ...], action: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `action` gives; none, and a sentence, if it raises InputError."""
        try:
            return action(*arguments)
        except (InputError, BackendUnavailableError) as error:
            self._tell(str(error), *location)
            return None

    def _available(self, location: tuple[Any, ...], backend: Backend) -> None:
        """Note that a backend does not work here, once: what it cannot say of elements then is no news."""
        self._attempt(location, self.world.check_available, backend)

    def _knows(self, location: tuple[Any, ...], backend: Backend, elements: set[str]) -> None:
        """Note elements that a backend does not know, if it works here."""
        if backend.name not in self.absent:
            self._attempt(location, backend.check_elements, elements)
            self.world.ask(backend)

    def _tell(self, problem: str, *location: Any) -> None:
        self.problems.append(f"{self.where(*location)}: {problem}")

    def _potential_knows(self, location: tuple[Any, ...], elements: set[str]) -> None:
        """Note elements that the prescreen does not know, if there is one that works."""
        if self.surfaces.prescreen is not None:
            self._attempt(location, self.surfaces.prescreen.check_elements, elements)
            self.world.ask(self.surfaces.prescreen.backend)

    def _not_magnetic(self, location: tuple[Any, ...], elements: set[str]) -> None:
        """Note elements that would need moments in a structure that starts without."""
        if "spin" in self.backend.capabilities and is_magnetic(elements):
            self._tell(
                "magnetic metals start with moments in surfaces alone, and without them these energies would be wrong: "
                "take other elements, or a backend without spin (mlip).",
                *location,
            )

    def _names(self, key: str, names: list[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self._tell(f"the name {name!r} is taken already.", key, index, "name")
            read = SystemName.read(name)
            if read.variant and any(f"{read.own}:".startswith(f"{each}:") for each in names):
                self._tell(
                    f"the name {name!r} is how {read.own} with something changed is called, in a convergence test or "
                    "by a potential: choose another one.",
                    *(key, index, "name"),
                )

    def _results(self, key: str, names: list[tuple[str, str]], systems: Sequence[System | InterfaceSystem]) -> None:
        """Refuse two surfaces or interfaces of one name in results: a system named like a termination of another."""
        places = {system.name: index for index, system in enumerate(systems)}
        seen: dict[str, str] = {}
        for family, name in names:
            if seen.setdefault(name, family) != family:
                wrong = places[name] if name in places else places[family]
                self._tell(
                    f"the name {name!r} is also that of a termination of {seen[name] if family == name else family}: "
                    "choose another one.",
                    *(key, wrong, "name"),
                )

    def _once_each(self, entries: Sequence[StudyEntry], subjects: Sequence[Surface | Interface]) -> None:
        """Refuse a study that stands twice for one subject: nobody could tell its results apart."""
        seen: dict[tuple[Any, ...], int] = {}
        for index, entry in enumerate(entries):
            names = tuple(getattr(entry.input, field) for field in sorted(entry.input.naming))
            for subject in self._chosen(index, entry, subjects):
                first = seen.setdefault((entry.name, subject and subject.name, names), index)
                if first != index:
                    of = "".join(f" of {name}" for name in names[:1])
                    on = f" on {subject.name}" if subject else ""
                    self._tell(
                        f"{entry.name}{of}{on} is asked for above already ({self.where('studies', first)}): ask once, "
                        "or in another campaign, which shares what is computed.",
                        *("studies", index, entry.name),
                    )
                    break

    def _chosen(self, index: int, entry: StudyEntry, sound: Sequence[Surface | Interface]) -> Sequence[Any]:
        """Return what a study is made on: some of the sound subjects, or its own; what is wrong with these is noted."""
        kind = _KINDS.get(entry.study.subject)
        if kind is not None:
            return [each for each in sound if isinstance(each, kind) and includes(entry.input, each)]
        return self._attempt(("studies", index, entry.name), entry.study.subjects, entry.input, self.world) or []

    def _stems(self) -> None:
        """Refuse different crystals that would have one name in results."""
        named: list[tuple[tuple[Any, ...], str]] = [
            (("systems", i, "structure"), name) for i, s in enumerate(self.surfaces.systems) for name in s.structures
        ]
        for index, system in enumerate(self.interfaces.systems):
            named += [(("interfaces", index, key), getattr(system, key)) for key in ("alloy", "metal")]
        named += [(("references", element), name) for element, name in self.surfaces.references.items()]
        seen: dict[str, str] = {}
        for place, name in named:
            stem = self.surfaces.bulk_name(name, self.backend)
            other = seen.setdefault(stem, name)
            if not self.surfaces.same_file(other, name):
                self._tell(
                    f"{other} and {name} would both be called {stem} in results: rename one of the files.", *place
                )

    def _reference(self, element: str) -> None:
        """Check that the reference of an element is a crystal of it alone."""
        here = ("references", element)
        crystal = self._attempt(here, self.surfaces.structure, self.surfaces.references[element])
        if crystal is not None and {site.specie.symbol for site in crystal} != {element}:
            self._tell(f"the reference of {element} is a crystal of {crystal.reduced_formula}.", *here)

    def _system(self, index: int, system: System) -> list[Surface]:
        """Check one system; return its surfaces, none if it is wrong."""
        here = ("systems", index)
        before = len(self.problems)
        self._settings(system, *here)
        crystals = [self._attempt((*here, "structure"), self.surfaces.structure, name) for name in system.structures]
        if None in crystals or len(self.problems) > before:
            return []
        surfaces = self._attempt(here, self.surfaces.terminations, system) or []
        backend = surfaces[0].backend if surfaces else self.backend
        elements = {site.specie.symbol for crystal in crystals for site in crystal}
        self._knows((*here, "structure"), backend, elements)
        self._potential_knows((*here, "structure"), elements)
        if getattr(backend.settings, "fixed_moment", False):
            self._fixed_moment(system, elements, *here)
        if "spin" in backend.capabilities:
            for crystal in crystals:
                self._attempt((*here, "structure"), check_moments, crystal)
        return surfaces

    def _settings(self, system: System | InterfaceSystem, *here: Any) -> None:
        """Check settings of the backend that a system changes, each by itself."""
        for key, value in system.settings.items():
            changed = self._attempt((*here, "settings", key), self.backend.with_settings, {key: value})
            if key == "extra" and changed is not None and (words := changed.complaint()):
                self._tell(f"{words}.", *here, "settings", key)

    def _fixed_moment(self, system: System, elements: set[str], *here: Any) -> None:
        """Note a moment that is to be kept where there is none, or where it is not that of one adatom."""
        if system.settings.get("fixed_moment") and not system.spin_polarized:
            self._tell("fixed_moment keeps the moment of the adatom: set spin_polarized, too.", *here, "settings")
        if is_magnetic(elements):
            self._tell(
                f"fixed_moment keeps the moment of one adatom, and {', '.join(sorted(elements))} has moments of its "
                "own: leave it out for this system.",
                *here,
            )

    def _interface(self, index: int, system: InterfaceSystem) -> list[Interface]:
        """Check one interface; return one a termination, none if it is wrong."""
        here = ("interfaces", index)
        before = len(self.problems)
        self._settings(system, *here)
        for key in ("alloy", "metal"):
            structure = self._attempt((*here, key), self.surfaces.structure, getattr(system, key))
            if structure is not None:
                elements = {site.specie.symbol for site in structure}
                self._knows((*here, key), self.backend, elements)
                self._potential_knows((*here, key), elements)
                self._not_magnetic((*here, key), elements)
        if len(self.problems) > before:
            return []
        return self._attempt(here, self.interfaces.terminations, system) or []

    def _capabilities(self, index: int, entry: StudyEntry) -> None:
        missing = entry.study.needs - self.backend.capabilities
        if missing:
            self._tell(
                f"{entry.name} needs {', '.join(sorted(missing))}, which backend {self.backend.name} "
                f"({self.backend.code}) does not have: choose another backend, or leave the study out (--without "
                f"{entry.name}).",
                *("studies", index),
            )

    def _study(
        self, index: int, entry: StudyEntry, good: Sequence[Surface | Interface], surfaces: Sequence[str]
    ) -> None:
        """Check the options of a study, as a whole and on each of the sound subjects that it chooses."""
        here, study = ("studies", index, entry.name), entry.study
        if study.subject in _KINDS:
            self._subjects(entry, good, surfaces, *here)
        self._say(study.entry_problems(entry.input, self.world), *here)
        for subject in self._chosen(index, entry, good):
            if subject is not None:
                self._say(study.problems(entry.input, subject, self.world), *here)
                if isinstance(entry.input, Converged):
                    for parameter, values in entry.input.convergence.items():
                        self._attempt((*here, "convergence", parameter), self._vary, subject, parameter, values)

    def _subjects(
        self, entry: StudyEntry, good: Sequence[Surface | Interface], surfaces: Sequence[str], *here: Any
    ) -> None:
        """Note names of subjects that the campaign does not have, and that it has none at all."""
        kind, key = entry.study.subject, "systems" if entry.study.subject == "surface" else "interfaces"
        systems: Sequence[System | InterfaceSystem] = self.surfaces.systems
        known = list(surfaces)
        if kind == "interface":
            systems = self.interfaces.systems
            known = [name for each in good for name in (each.family, each.system.name)]
            known = list(dict.fromkeys([*known, *(system.name for system in systems)]))
        if not systems:
            self._tell(f"{entry.name} studies {kind}s, and the campaign has none: list some under {key}.", *here)
        for place, wanted in enumerate([] if entry.input.wanted == "all" else entry.input.wanted):
            if wanted not in known:
                what = "system" if kind == "surface" else kind
                self._tell(f"unknown {what} {wanted!r}; there is {', '.join(known)}.", *here, key, place)

    def _say(self, problems: Iterable[Problem], *here: Any) -> None:
        for problem in problems:
            self._tell(problem.text, *here, *problem.at)

    def _vary(self, subject: Subject, parameter: str, values: Sequence[float]) -> None:
        """Raise InputError if a subject cannot be studied with a parameter at one of the values."""
        for each in self.world.parameters(subject, {parameter: values}):
            for value in each.values:
                self.world.check_geometry(subject.varied(parameter, value))
