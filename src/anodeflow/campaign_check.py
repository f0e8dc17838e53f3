"""Finds everything that is wrong with a campaign before anything runs."""

from collections.abc import Callable, Sequence
from typing import Any

from anodeflow.analysis.bader_programs import choose_program
from anodeflow.campaign_input import AdsorptionStudy, ChargeStudy, Study, SurfaceStudy, System
from anodeflow.campaign_surfaces import Surface, Surfaces
from anodeflow.errors import BackendUnavailableError, InputError


class CampaignCheck:
    """Collects a sentence, with its line, for each thing that is wrong.

    Parameters
    ----------
    surfaces
        Surfaces of the campaign.
    where
        Function that says where in the file a key stands (keys and list indices).
    """

    def __init__(self, surfaces: Surfaces, where: Callable[..., str]) -> None:
        self.surfaces, self.backend, self.where = surfaces, surfaces.backend, where
        self.problems: list[str] = []

    def check(self, systems: Sequence[System], studies: Sequence[Study]) -> list[str]:
        """Return the sentences; none if the campaign can run."""
        self._attempt(("backend",), self.backend.check_available)
        self._names([system.name for system in systems])
        good = [surface for index, system in enumerate(systems) for surface in self._system(index, system)]
        known = [system.name for system in systems]
        known += [surface.system.name for surface in good if surface.system.name not in known]
        for index, entry in enumerate(studies):
            self._capabilities(index, entry)
            if isinstance(entry.input, SurfaceStudy):
                self._surface_study(index, entry.name, entry.input, good, known)
        return list(dict.fromkeys(self.problems))

    def _attempt(self, location: tuple[Any, ...], action: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `action` gives; none, and a sentence, if it raises InputError."""
        try:
            return action(*arguments)
        except (InputError, BackendUnavailableError) as error:
            self._tell(str(error), *location)
            return None

    def _tell(self, problem: str, *location: Any) -> None:
        self.problems.append(f"{self.where(*location)}: {problem}")

    def _names(self, names: list[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self._tell(f"the name {name!r} is taken already.", "systems", index, "name")

    def _system(self, index: int, system: System) -> list[Surface]:
        """Check one system; return its surfaces, none if it is wrong."""
        here = ("systems", index)
        before = len(self.problems)
        for key, value in system.settings.items():
            self._attempt((*here, "settings", key), self.backend.with_settings, {key: value})
        structure = self._attempt((*here, "structure"), self.surfaces.structure, system.structure)
        if structure is None or len(self.problems) > before:
            return []
        surfaces = self._attempt(here, self.surfaces.terminations, system) or []
        backend = surfaces[0].backend if surfaces else self.backend
        self._attempt((*here, "structure"), backend.check_elements, {site.specie.symbol for site in structure})
        return surfaces

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
        self, index: int, name: str, study: SurfaceStudy, good: Sequence[Surface], known: Sequence[str]
    ) -> None:
        here = ("studies", index, name)
        if study.systems != "all":
            for place, wanted in enumerate(study.systems):
                if wanted not in known:
                    self._tell(f"unknown system {wanted!r}; there is {', '.join(known)}.", *here, "systems", place)
        self._attempt(here, self.backend.check_elements, {study.adsorbate})
        if self._attempt((*here, "adsorbate"), self.surfaces.metal, study.adsorbate) is None:
            return
        if isinstance(study, AdsorptionStudy) and isinstance(study.sites, dict):
            for wanted in study.sites:
                if wanted not in known:
                    self._tell(f"unknown system {wanted!r}; there is {', '.join(known)}.", *here, "sites", wanted)
        for surface in good:
            if study.systems == "all" or {surface.family, surface.system.name} & set(study.systems):
                if isinstance(study, AdsorptionStudy):
                    self._attempt((*here, "sites"), self.surfaces.choice, surface, study)
                for parameter, values in study.convergence.items():
                    self._attempt((*here, "convergence", parameter), self._vary, surface, parameter, values)

    def _vary(self, surface: Surface, parameter: str, values: Sequence[float]) -> None:
        """Raise InputError if a surface cannot be studied with a parameter at one of the values."""
        for each in self.surfaces.parameters(surface, {parameter: values}):
            for value in each.values:
                self.surfaces.slab(surface.varied(parameter, value))
