"""Finds everything that is wrong with a campaign before anything runs."""

from collections.abc import Callable, Sequence
from typing import Any

from anodeflow.backends.base import Backend
from anodeflow.campaign.alloy_input import (
    ElectrochemistryStudy,
    InterdiffusionStudy,
    InterfaceStudy,
    InterfaceSystem,
    OrderingsStudy,
    VacancyStudy,
)
from anodeflow.campaign.alloys import enumerated, of_binary, ranking_backend
from anodeflow.campaign.interfaces import Interface, Interfaces
from anodeflow.campaign.metal import own_metal
from anodeflow.campaign.study import Study
from anodeflow.campaign.surfaces import Surface, Surfaces
from anodeflow.campaign.systems import (
    AdsorptionStudy,
    ChargeStudy,
    DiffusionStudy,
    SurfaceStudy,
    System,
)
from anodeflow.core.errors import BackendUnavailableError, InputError
from anodeflow.structures.bulk.magnetism import check_moments, is_magnetic, with_moments
from anodeflow.studies.charge.bader_programs import choose_program


class CampaignCheck:
    """Collects a sentence, with its line, for each thing that is wrong.

    Parameters
    ----------
    surfaces, interfaces
        Surfaces and interfaces of the campaign.
    where
        Function that says where in the file a key stands (keys and list indices).
    """

    def __init__(self, surfaces: Surfaces, interfaces: Interfaces, where: Callable[..., str]) -> None:
        self.surfaces, self.interfaces = surfaces, interfaces
        self.backend, self.where = surfaces.backend, where
        self.problems: list[str] = []
        self.absent: set[str] = set()

    def check(self, studies: Sequence[Study]) -> list[str]:
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
        for index, entry in enumerate(studies):
            self._capabilities(index, entry)
            if isinstance(entry.input, SurfaceStudy):
                self._surface_study(index, entry.name, studies, entry.input, good, known)
            elif isinstance(entry.input, InterfaceStudy):
                self._interface_study(index, entry.name, entry.input, contacts)
            elif isinstance(entry.input, OrderingsStudy):
                self._orderings(index, entry.input)
            elif isinstance(entry.input, ElectrochemistryStudy):
                self._electrochemistry(index, entry.input, studies)
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
        before = len(self.problems)
        self._attempt(location, backend.check_available)
        if len(self.problems) > before:
            self.absent.add(backend.name)

    def _knows(self, location: tuple[Any, ...], backend: Backend, elements: set[str]) -> None:
        """Note elements that a backend does not know, if it works here."""
        if backend.name not in self.absent:
            self._attempt(location, backend.check_elements, elements)

    def _tell(self, problem: str, *location: Any) -> None:
        self.problems.append(f"{self.where(*location)}: {problem}")

    def _potential_knows(self, location: tuple[Any, ...], elements: set[str]) -> None:
        """Note elements that the prescreen does not know, if there is one that works."""
        if self.surfaces.prescreen is not None:
            self._attempt(location, self.surfaces.prescreen.check_elements, elements)

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
        for key, value in system.settings.items():
            self._attempt((*here, "settings", key), self.backend.with_settings, {key: value})
        crystals = [self._attempt((*here, "structure"), self.surfaces.structure, name) for name in system.structures]
        if None in crystals or len(self.problems) > before:
            return []
        surfaces = self._attempt(here, self.surfaces.terminations, system) or []
        backend = surfaces[0].backend if surfaces else self.backend
        elements = {site.specie.symbol for crystal in crystals for site in crystal}
        self._knows((*here, "structure"), backend, elements)
        self._potential_knows((*here, "structure"), elements)
        if "spin" in backend.capabilities:
            for crystal in crystals:
                self._attempt((*here, "structure"), check_moments, crystal)
        return surfaces

    def _interface(self, index: int, system: InterfaceSystem) -> list[Interface]:
        """Check one interface; return one a termination, none if it is wrong."""
        here = ("interfaces", index)
        before = len(self.problems)
        for key, value in system.settings.items():
            self._attempt((*here, "settings", key), self.backend.with_settings, {key: value})
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

    def _capabilities(self, index: int, entry: Study) -> None:
        missing = entry.input.needs - self.backend.capabilities
        if missing:
            self._tell(
                f"{entry.name} needs {', '.join(sorted(missing))}, which backend {self.backend.name} "
                f"({self.backend.code}) does not have: choose another backend, or leave the study out (--without "
                f"{entry.name}).",
                *("studies", index),
            )
        if isinstance(entry.input, ChargeStudy):
            self._attempt(("studies", index), choose_program)

    def _surface_study(
        self,
        index: int,
        name: str,
        studies: Sequence[Study],
        study: SurfaceStudy,
        good: Sequence[Surface],
        known: Sequence[str],
    ) -> None:
        here = ("studies", index, name)
        if not self.surfaces.systems:
            self._tell(f"{name} studies surfaces, and the campaign has none: list some under systems.", *here)
        if study.systems != "all":
            for place, wanted in enumerate(study.systems):
                if wanted not in known:
                    self._tell(f"unknown system {wanted!r}; there is {', '.join(known)}.", *here, "systems", place)
        if isinstance(study, DiffusionStudy) and study.prefactor == "vineyard":
            self._vibrations(study, *here, "prefactor")
        self._knows(here, self.backend, {study.adsorbate})
        self._potential_knows(here, {study.adsorbate})
        metal = self._attempt((*here, "adsorbate"), self.surfaces.metal, study.adsorbate)
        if metal is None:
            return
        if "spin" in self.backend.capabilities:
            self._attempt((*here, "adsorbate"), with_moments, self.surfaces.structure(metal))
        if isinstance(study, AdsorptionStudy) and isinstance(study.sites, dict):
            for wanted in study.sites:
                if wanted not in known:
                    self._tell(f"unknown system {wanted!r}; there is {', '.join(known)}.", *here, "sites", wanted)
        if isinstance(study, AdsorptionStudy) and study.metal_system is not None:
            self._attempt((*here, "metal_system"), own_metal, self.surfaces, studies, study)
        for surface in good:
            if study.systems == "all" or {surface.family, surface.system.name} & set(study.systems):
                if isinstance(study, AdsorptionStudy):
                    self._attempt((*here, "sites"), self.surfaces.choice, surface, study)
                for parameter, values in study.convergence.items():
                    self._attempt((*here, "convergence", parameter), self._vary, surface, parameter, values)

    def _vibrations(self, study: DiffusionStudy, *here: Any) -> None:
        """Note that nothing computes vibrations, if so."""
        prescreen = self.surfaces.prescreen
        if not (self.backend if prescreen is None else prescreen.backend).cheap_forces:
            self._tell(
                "prefactor: vineyard takes all second derivatives of the energy, which only a potential computes "
                "cheaply: add a prescreen, or give the prefactor in 1/s.",
                *here,
            )
        elif not study.modes:
            self._tell("prefactor: vineyard needs the order of every saddle: leave modes true.", *here)

    def _interface_study(self, index: int, name: str, study: InterfaceStudy, good: Sequence[Interface]) -> None:
        here = ("studies", index, name)
        known = list(dict.fromkeys(name for each in good for name in (each.family, each.name)))
        systems = [system.name for system in self.interfaces.systems]
        if not systems:
            self._tell(f"{name} studies interfaces, and the campaign has none: list some under interfaces.", *here)
        for place, wanted in enumerate([] if study.interfaces == "all" else study.interfaces):
            if wanted not in known + systems:
                there = ", ".join(dict.fromkeys(known + systems))
                self._tell(f"unknown interface {wanted!r}; there is {there}.", *here, "interfaces", place)
        needed = {"element": getattr(study, "element", None), "helper": getattr(study, "helper", None)}
        if isinstance(study, VacancyStudy) and "II" not in study.paths:
            needed["helper"] = None
        for each in good:
            if study.interfaces != "all" and not {each.family, each.name} & set(study.interfaces):
                continue
            elements = {site.specie.symbol for site in self.surfaces.structure(each.system.alloy)}
            for key, element in needed.items():
                if element is not None and element not in elements:
                    self._tell(
                        f"{each.name}: its alloy {each.system.alloy} has no {element}, only "
                        f"{', '.join(sorted(elements))}: name another {key}.",
                        *(*here, key),
                    )
            layers = each.system.metal_layers
            held = each.system.fixed_layers if each.system.fixed_side == "metal" else 0
            if isinstance(study, InterdiffusionStudy) and study.depth > layers - held:
                but = f", {held} of them held fixed" if held else ""
                self._tell(
                    f"{each.name}: its metal has {layers} layers{but}, so nothing goes to depth {study.depth}: lower "
                    "depth or raise metal_layers.",
                    *(*here, "depth"),
                )

    def _orderings(self, index: int, study: OrderingsStudy) -> None:
        from pymatgen.core import Composition

        here = ("studies", index, "orderings")
        rank = self._attempt((*here, "rank_with"), ranking_backend, study, self.backend)
        elements = {element.symbol for element in Composition(study.composition).elements}
        for backend in [self.backend] if rank is None or rank is self.backend else [self.backend, rank]:
            if backend.name not in self.absent:
                self._available((*here, "rank_with"), backend)
            self._knows((*here, "composition"), backend, elements)
        self._not_magnetic((*here, "composition"), elements)
        self._attempt((*here, "composition"), enumerated, study, self.surfaces)

    def _electrochemistry(self, index: int, study: ElectrochemistryStudy, studies: Sequence[Study]) -> None:
        here = ("studies", index, "electrochemistry")
        for key in ("ion", "partner"):
            self._attempt((*here, key), self.surfaces.metal, getattr(study, key))
        if not of_binary(study, studies):
            self._tell(
                f"electrochemistry of {study.ion}-{study.partner} needs orderings of at least one of their alloys: add "
                "an orderings study.",
                *here,
            )

    def _vary(self, surface: Surface, parameter: str, values: Sequence[float]) -> None:
        """Raise InputError if a surface cannot be studied with a parameter at one of the values."""
        for each in self.surfaces.parameters(surface, {parameter: values}):
            for value in each.values:
                self.surfaces.slab(surface.varied(parameter, value))
