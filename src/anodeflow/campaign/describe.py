"""Says what the crystals, slabs and interfaces of a campaign are, and what looks odd about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymatgen.core import Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.drivers.kpoints import kpoint_grid
from anodeflow.structures.notes import (
    label_note,
    moment_note,
    nearest_pair,
    polar_note,
    slab_notes,
    summarise,
)
from anodeflow.studies.subjects.interfaces import Interfaces
from anodeflow.studies.subjects.surfaces import Surfaces
from anodeflow.studies.world import World, includes


@dataclass(frozen=True)
class Described:
    """One line on a crystal, slab or interface, and notes on it."""

    name: str
    line: str
    notes: list[str] = field(default_factory=list)


def describe(world: World) -> list[Described]:
    """Describe every crystal that the campaign names or needs, its slabs and its interfaces, each once."""
    described = {each.name: each for each in _crystals(world)}
    for each in [*_slabs(world.surfaces), *_interfaces(world.interfaces)]:
        described.setdefault(f"{each.name} ", each)
    return list(described.values())


def unused(world: World) -> list[str]:
    """Return a sentence for each system, interface, reference or setting that nothing uses."""
    notes = []
    surfaces, interfaces = world.surfaces, world.interfaces
    found: list[tuple[str, str, str, Sequence[Any]]]
    found = [("surface", "system", each.name, surfaces.terminations(each)) for each in surfaces.systems]
    found += [("interface", "interface", each.name, interfaces.terminations(each)) for each in interfaces.systems]
    for kind, what, name, subjects in found:
        inputs = [entry.input for entry in world.entries if world.studies[entry.name].subject == kind]
        if not any(includes(input, each) for input in inputs for each in subjects):
            notes.append(f"No study uses the {what} {name}.")
    needed = _metals(world)
    notes += [f"No study uses the reference of {name}." for name in world.surfaces.references if name not in needed]
    notes += [
        f"Nothing uses {key} of backend {surfaces.backend.name}: without a prescreen no relaxation and no climb "
        "begins with a potential's Hessian, and all end by their forces."
        for key in ("energy_tolerance", "evaluations")
        if surfaces.prescreen is None
        and any(getattr(part, key) is not None for part in (surfaces.backend.relaxation, surfaces.backend.path))
    ]
    return notes


def _metals(world: World) -> list[str]:
    """Return the elements whose bulk a study needs."""
    return list(dict.fromkeys(m for entry in world.entries for m in world.studies[entry.name].metals(entry.input)))


def _grid(structure: Structure, backend: Backend) -> str:
    spacing = getattr(backend.settings, "kpoint_spacing", None)
    return f", k-points {'x'.join(map(str, kpoint_grid(structure, spacing)))}" if spacing else ""


def _crystals(world: World) -> Iterator[Described]:
    surfaces, interfaces = world.surfaces, world.interfaces
    named = [(name, surface.backend) for surface in surfaces.of("all") for name in surface.system.structures]
    named += [(name, each.backend) for each in interfaces.of("all") for name in (each.system.alloy, each.system.metal)]
    named += [
        (name, surfaces.backend) for entry in world.entries for name in world.studies[entry.name].crystals(entry.input)
    ]
    named += [(surfaces.metal(element), surfaces.backend) for element in _metals(world)]
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
        notes = slab_notes(cell.thickness, cell.vacuum, cell.layers, cell.fixed_layers)
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
