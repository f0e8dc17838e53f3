"""Says what the crystals, slabs and interfaces of a campaign are, and what looks odd about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.kpoints import kpoint_grid
from anodeflow.campaign.alloy_input import InterfaceStudy
from anodeflow.campaign.interfaces import Interfaces
from anodeflow.campaign.study import Study
from anodeflow.campaign.surfaces import Surfaces
from anodeflow.campaign.systems import SurfaceStudy
from anodeflow.structures.notes import (
    label_note,
    moment_note,
    nearest_pair,
    polar_note,
    slab_notes,
    summarise,
)


@dataclass(frozen=True)
class Described:
    """One line on a crystal, slab or interface, and notes on it."""

    name: str
    line: str
    notes: list[str] = field(default_factory=list)


def describe(surfaces: Surfaces, interfaces: Interfaces, studies: Sequence[Study]) -> list[Described]:
    """Describe every crystal that the campaign names or needs, its slabs and its interfaces, each once."""
    described = {each.name: each for each in _crystals(surfaces, interfaces, studies)}
    for each in [*_slabs(surfaces), *_interfaces(interfaces)]:
        described.setdefault(f"{each.name} ", each)
    return list(described.values())


def unused(surfaces: Surfaces, interfaces: Interfaces, studies: Sequence[Study]) -> list[str]:
    """Return a sentence for each system, interface or reference that no study uses."""
    notes = []
    inputs = [study.input for study in studies]
    wanted = [study.systems for study in inputs if isinstance(study, SurfaceStudy)]
    for system in surfaces.systems:
        names = {system.name} | {each.system.name for each in surfaces.terminations(system)}
        if not any(names_of == "all" or names & set(names_of) for names_of in wanted):
            notes.append(f"No study uses the system {system.name}.")
    wanted = [study.interfaces for study in inputs if isinstance(study, InterfaceStudy)]
    for interface in interfaces.systems:
        names = {interface.name} | {each.name for each in interfaces.terminations(interface)}
        if not any(names_of == "all" or names & set(names_of) for names_of in wanted):
            notes.append(f"No study uses the interface {interface.name}.")
    needed = _adsorbates(studies)
    notes += [f"No study uses the reference of {name}." for name in surfaces.references if name not in needed]
    return notes


def _adsorbates(studies: Sequence[Study]) -> list[str]:
    """Return the elements whose bulk a study needs."""
    found = []
    for study in studies:
        found += [getattr(study.input, key) for key in ("adsorbate", "ion", "partner") if hasattr(study.input, key)]
    return list(dict.fromkeys(found))


def _grid(structure: Structure, backend: Backend) -> str:
    spacing = getattr(backend.settings, "kpoint_spacing", None)
    return f", k-points {'x'.join(map(str, kpoint_grid(structure, spacing)))}" if spacing else ""


def _crystals(surfaces: Surfaces, interfaces: Interfaces, studies: Sequence[Study]) -> Iterator[Described]:
    named = [(name, surface.backend) for surface in surfaces.of("all") for name in surface.system.structures]
    named += [(name, each.backend) for each in interfaces.of("all") for name in (each.system.alloy, each.system.metal)]
    named += [(surfaces.metal(element), surfaces.backend) for element in _adsorbates(studies)]
    seen = set()
    for name, backend in named:
        if name in seen:
            continue
        seen.add(name)
        structure = surfaces.structure(name)
        summary = summarise(name, structure, surfaces.file_notes(name))
        file_note = label_note(name.rsplit("/", 1)[-1], structure)
        moments = moment_note(structure) if "spin" not in backend.capabilities else None
        notes = summary.notes + [note for note in (file_note, moments) if note]
        yield Described(name, summary.line() + _grid(structure, backend), notes)


def _slabs(surfaces: Surfaces) -> Iterator[Described]:
    for surface in surfaces.of("all"):
        cell, bulk = surfaces.slab(surface), surfaces.structure(surface.structure)
        nearest, pair = nearest_pair(cell.structure)
        line = (
            f"{surface.name}: slab of {cell.layers} layers, {len(cell.structure)} atoms, {cell.thickness:.1f} Å thick, "
            f"{cell.vacuum:g} Å of vacuum, nearest {pair} {nearest:.2f} Å{_grid(cell.structure, surface.backend)}"
        )
        notes = slab_notes(cell.structure, cell.thickness, cell.vacuum, cell.layers)
        notes += [note for note in (polar_note(bulk, cell.structure), label_note(surface.family, bulk)) if note]
        yield Described(surface.name, line, notes)


def _interfaces(interfaces: Interfaces) -> Iterator[Described]:
    for each in interfaces.of("all"):
        cell = interfaces.cell(each)
        nearest, pair = nearest_pair(cell.structure)
        line = (
            f"{each.name}: interface of {len(cell.structure)} atoms, strain {100 * cell.von_mises_strain:.1f} %, gap "
            f"{cell.gap:.2f} Å, nearest {pair} {nearest:.2f} Å{_grid(cell.structure, each.backend)}"
        )
        yield Described(each.name, line)
