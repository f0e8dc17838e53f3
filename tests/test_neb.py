"""Paths between minima: against plain ASE, half of a symmetric path, and going on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.mep import NEB
from ase.optimize import FIRE
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.band_driver import computed_images
from anodeflow.backends.drivers.band_images import MirrorCalculator
from anodeflow.backends.emt import EmtBackend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.core.errors import CalculationError, InputError
from anodeflow.structures.geometry.positions import placed
from anodeflow.structures.sites.path_symmetry import PathSymmetry

SIZE = (3, 3, 4)
"""Cells along both edges, and layers, of the slabs."""


def adatom(metal: str = "Al", size: tuple[int, int, int] = SIZE) -> Structure:
    """A metal adatom in the hollow of its own (001), relaxed by EMT; the two uppermost layers are free."""
    atoms = fcc100(metal, size, vacuum=6.0)
    add_adsorbate(atoms, metal, 1.7, "hollow")
    atoms.info.clear()
    slab = AseAtomsAdaptor.get_structure(atoms)
    slab = Structure(
        Lattice(slab.lattice.matrix, pbc=(True, True, False)),
        slab.species,
        slab.cart_coords,
        coords_are_cartesian=True,
        site_properties={
            "selective_dynamics": [[index >= size[0] * size[1] * (size[2] - 2)] * 3 for index in range(len(slab))]
        },
    )
    return Makers(load_backend("emt")).relax().calculate(slab).structure


def mirror(start: Structure, size: tuple[int, int, int] = SIZE) -> PathSymmetry:
    """The reflection at the bridge beside the adatom, as an operation that turns the path round."""
    edge = start.lattice.a / size[0]
    rotation = np.diag([-1.0, 1.0, 1.0])
    translation = np.array([2 * start[-1].coords[0] + edge, 0, 0])
    slab = fcc100(start[0].specie.symbol, size, vacuum=6.0)  # where the atoms would be without the adatom
    moved = slab.positions @ rotation.T + translation
    apart = start.lattice.get_all_distances(
        start.lattice.get_fractional_coords(slab.positions), start.lattice.get_fractional_coords(moved)
    )
    return PathSymmetry(
        rotation=rotation.tolist(),
        translation=translation.tolist(),
        permutation=[*apart.argmin(axis=1).tolist(), len(start) - 1],
    )


def path(start: Structure, symmetry: PathSymmetry, count: int = 7) -> list[Structure]:
    """IDPP path of `count` images from `start` to its mirror image."""
    permuted = start.cart_coords[symmetry.permutation] @ np.transpose(symmetry.rotation) + symmetry.translation
    shift = start.lattice.get_fractional_coords(permuted - start.cart_coords)
    end = start.cart_coords + start.lattice.get_cartesian_coords(shift - np.rint(shift))
    atoms = AseAtomsAdaptor.get_atoms(start, msonable=False)
    images = [atoms.copy() for _ in range(count)]
    images[-1].set_positions(end, apply_constraint=False)
    NEB(images, method="improvedtangent").interpolate("idpp", mic=True, apply_constraint=True)
    return [placed(start, image.positions) for image in images]


@pytest.mark.slow
@pytest.mark.parametrize("metal", ["Al", "Cu"])
def test_barrier_equals_plain_ase_and_half_of_a_symmetric_path(home, metal):
    backend = load_backend("emt")
    start = adatom(metal)
    energy = Makers(backend).static().calculate(start).energy
    symmetry = mirror(start)
    images = path(start, symmetry)
    whole = Makers(backend).neb().calculate(images, (energy, energy))
    half = Makers(backend).neb().calculate(images, (energy, energy), symmetry=symmetry)
    assert whole.converged
    assert half.converged
    assert (whole.computed_images, half.computed_images) == (5, 3)
    assert half.force_evaluations == pytest.approx(0.6 * whole.force_evaluations, abs=1)
    assert half.energy == pytest.approx(whole.energy, abs=1e-6)
    assert np.allclose(half.image_energies, half.image_energies[::-1], atol=1e-9)
    assert np.allclose(half.image_energies, whole.image_energies, atol=1e-5)

    plain = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in images]
    for atoms in plain:
        atoms.calc = EMT()
    FIRE(band := NEB(plain, climb=True, method="improvedtangent"), logfile=None).run(fmax=0.02)
    saddle = max(atoms.get_potential_energy() for atoms in band.images)
    assert whole.energy - energy == pytest.approx(saddle - energy, abs=5e-3)


def test_a_path_that_is_not_symmetric_is_not_computed_by_halves(home):
    start = adatom()
    symmetry = mirror(start)
    images = path(start, symmetry)
    images[-2] = placed(images[-2], images[-2].cart_coords + np.eye(1, len(start), len(start) - 1).T * [0.0, 0.3, 0.0])
    energy = Makers(load_backend("emt")).static().calculate(start).energy
    with pytest.raises(CalculationError, match="compute both"):
        Makers(load_backend("emt")).neb().calculate(images, (energy, energy), symmetry=symmetry)


def test_mirror_calculator_gives_the_forces_of_the_other_half(home):
    start = adatom()
    symmetry = mirror(start)
    images = [AseAtomsAdaptor.get_atoms(image, msonable=False) for image in path(start, symmetry)]
    images[2].calc = EMT()
    images[4].calc = MirrorCalculator(images[2], symmetry.model_dump())
    direct = images[4].copy()
    direct.calc = EMT()
    assert images[4].get_potential_energy() == pytest.approx(direct.get_potential_energy(), abs=1e-9)
    assert np.allclose(images[4].get_forces(), direct.get_forces(), atol=1e-6)


def test_which_images_are_computed():
    assert computed_images(7, symmetric=False) == [1, 2, 3, 4, 5]
    assert computed_images(7, symmetric=True) == [1, 2, 3]
    assert computed_images(6, symmetric=True) == [1, 2]


def test_broken_paths_are_refused_in_a_sentence(home):
    start = adatom()
    images = path(start, mirror(start))
    neb = Makers(load_backend("emt")).neb()
    with pytest.raises(InputError, match=r"hop: the two ends are the same \(no atom moves more than 0.00 Å\)"):
        neb.calculate([start] * 5, (0.0, 0.0), "hop")
    with pytest.raises(InputError, match="at least one image between"):
        neb.calculate([images[0], images[-1]], (0.0, 0.0))
    turned = Structure.from_sites([images[3][-1], *images[3][:-1]])
    turned.replace(0, "Cu")
    with pytest.raises(InputError, match="image 1 has other atoms"):
        neb.calculate([images[0], turned, images[-1]], (0.0, 0.0))


class DyingEmt(EMT):
    """EMT whose power fails after some calculations, all instances together."""

    left = 0

    def calculate(self, *args: object, **kwargs: object) -> None:
        if DyingEmt.left == 0:
            raise RuntimeError("power failure")
        DyingEmt.left -= 1
        super().calculate(*args, **kwargs)


def lines(document_or_folder: Path) -> list[dict]:
    return [json.loads(line) for line in (document_or_folder / "steps.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_band_that_was_cut_off_goes_on_where_it_was(home, monkeypatch):
    start = adatom()
    images = path(start, mirror(start))
    energy = Makers(load_backend("emt")).static().calculate(start).energy
    reference = Makers(load_backend("emt")).neb().calculate(images, (energy, energy))
    undisturbed = lines(Path(reference.directory))
    monkeypatch.setenv("ANODEFLOW_HOME", str(home / "again"))
    monkeypatch.setattr(EmtBackend, "calculator", lambda self: DyingEmt())
    for allowed in (3, 4, 8):
        DyingEmt.left = allowed
        with pytest.raises(CalculationError, match="power failure"):
            Makers(load_backend("emt")).neb().calculate(images, (energy, energy))
    DyingEmt.left = 1000
    document = Makers(load_backend("emt")).neb().calculate(images, (energy, energy))
    assert document.restarts == 3
    assert document.force_evaluations == reference.force_evaluations
    assert 1000 - DyingEmt.left == len(undisturbed) - 15
    assert document.energy == pytest.approx(reference.energy, abs=1e-9)
    for mine, other in zip(lines(Path(document.directory)), undisturbed, strict=True):
        assert np.allclose(mine["positions"], other["positions"], atol=1e-9)


@pytest.mark.slow
def test_a_band_out_of_iterations_goes_on_when_run_again(home):
    start = adatom()
    images = path(start, mirror(start))
    backend = load_backend("emt")
    energy = Makers(backend).static().calculate(start).energy
    reference = Makers(backend).neb().calculate(images, (energy, energy))
    undisturbed = lines(Path(reference.directory))
    few = Makers(backend.model_copy(update={"path": backend.path.model_copy(update={"max_steps": 2})})).neb()
    counts = []
    while not (document := few.calculate(images, (energy, energy))).converged:
        counts.append(document.force_evaluations)
        assert len(set(counts)) == len(counts), "it goes on"
        assert any(warning.code == "not-converged" for warning in document.warnings)
    inner = len(images) - 2
    assert counts[0] == 3 * inner, "the start and two steps"
    assert set(np.diff(counts)) == {2 * inner}
    assert len(counts) >= 2
    for mine, other in zip(lines(Path(document.directory)), undisturbed, strict=True):
        assert np.allclose(mine["positions"], other["positions"], atol=1e-9)


SLOW_RUN = """
import sys, time, json
from ase.calculators.emt import EMT
from monty.serialization import loadfn
from anodeflow.backends import load_backend
from anodeflow.backends.emt import EmtBackend
from anodeflow.calculations.backend_makers import Makers

class Slow(EMT):
    def calculate(self, *args, **kwargs):
        time.sleep(0.15)
        super().calculate(*args, **kwargs)

EmtBackend.calculator = lambda self: Slow()
request = loadfn(sys.argv[1])
Makers(load_backend("emt")).neb().calculate(request["images"], request["energies"])
"""


@pytest.mark.slow
def test_a_killed_band_computes_no_image_again(home, tmp_path):
    from monty.serialization import dumpfn

    start = adatom()
    images = path(start, mirror(start))
    energy = Makers(load_backend("emt")).static().calculate(start).energy
    dumpfn({"images": images, "energies": [energy, energy]}, tmp_path / "request.json")
    command = [sys.executable, "-c", SLOW_RUN, str(tmp_path / "request.json")]
    process = subprocess.Popen(command, env=os.environ | {"ANODEFLOW_HOME": str(home)})
    deadline = time.monotonic() + 60
    while True:
        steps = [file for file in home.glob("calculations/*/*/steps.jsonl") if '"image"' in file.read_text()[:40]]
        if steps and steps[0].read_text().count("\n") >= 7:
            break
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = lines(steps[0].parent)
    document = Makers(load_backend("emt")).neb().calculate(images, (energy, energy))
    after = lines(steps[0].parent)
    assert document.converged
    assert document.restarts == 1
    assert after[: len(before)] == before
    geometries = {(step["image"], np.round(step["positions"], 8).tobytes()) for step in after}
    assert len(geometries) == len(after), "an image was computed twice"


@pytest.mark.slow
def test_neb_document_is_found_again(home):
    start = adatom()
    images = path(start, mirror(start))
    energy = Makers(load_backend("emt")).static().calculate(start).energy
    first = Makers(load_backend("emt")).neb().calculate(images, (energy, energy), "one")
    again = Makers(load_backend("emt")).neb().calculate(images, (energy, energy), "two")
    assert again == first.model_copy(update={"label": "two"})
    assert isinstance(again, NebDoc)
    assert again.structure == again.images[again.climbing_image]


@pytest.mark.slow
def test_a_band_whose_steps_are_too_long_goes_back_and_on_with_fire(home):
    """With a curvature far below the metal's BFGS throws the atoms about; the answer is the same."""
    size = (2, 2, 3)  # FIRE takes hundreds of steps
    start = adatom("Cu", size)
    images = path(start, mirror(start, size), 5)
    backend = load_backend("emt")
    energy = Makers(backend).static().calculate(start).energy
    easily = backend.path.model_copy(update={"force_threshold": 0.05})  # enough for 5 meV
    reference = Makers(backend.model_copy(update={"path": easily})).neb().calculate(images, (energy, energy))
    wild = backend.model_copy(update={"path": easily.model_copy(update={"curvature": 0.2, "max_displacement": 0.6})})
    document = Makers(wild).neb().calculate(images, (energy, energy))
    forces = [np.linalg.norm(step["free_forces"], axis=1).max() for step in lines(Path(document.directory))]
    assert max(forces) > 1.0, "BFGS was not wild"
    assert document.converged
    assert document.id != reference.id
    assert document.energy == pytest.approx(reference.energy, abs=5e-3)
