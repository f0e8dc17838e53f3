"""The suite that every backend passes: subclass it in a test file, say which backend, and run pytest.

class TestMyCode(BackendConformance):
    backend_file = "my-code"            # or override make_backend()
    element, lattice_constant, lattice = "Al", 4.05, "fcc"
"""

import json
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Lattice, Structure

from anodeflow.backends.base import Backend
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.progress import Progress, listen
from anodeflow.calculations.request import Request
from anodeflow.core.density import DensityGrid
from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.atom import BOX, isolated_atom
from anodeflow.structures.geometry.positions import fixed_coordinates

_CENTRES: dict[str, list[list[float]]] = {
    "bcc": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "fcc": [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
}


class BackendConformance:
    """What any backend must do; the tolerances are for a quick, not for a converged, accuracy."""

    backend_file: ClassVar[str]
    element: ClassVar[str] = "Al"
    lattice: ClassVar[str] = "fcc"
    lattice_constant: ClassVar[float] = 4.05
    unknown_element: ClassVar[str] = "Og"
    force_tolerance: ClassVar[float] = 0.01
    stress_tolerance: ClassVar[float] = 2e-3
    atom: ClassVar[str | None] = None
    """Element of the isolated atom; none: the crystal's."""
    atom_box: ClassVar[tuple[float, float, float]] = BOX
    """Box of the isolated atom, Å: a code that pays for empty space wants a smaller one."""
    small_hop: ClassVar[bool] = True
    """Whether a path in 2 x 2 x 2 cubes is cheap enough to be run."""

    @pytest.fixture(autouse=True)
    def _own_home(self, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))

    @pytest.fixture
    def backend(self) -> Backend:
        """The backend under test; skips where its code is not installed."""
        backend = self.make_backend()
        found = backend.availability()
        if not found.works:
            pytest.skip(f"{found.detail}; {found.remedy}")
        return backend

    def make_backend(self) -> Backend:
        """Return the backend to be tested."""
        return load_backend(self.backend_file)

    def crystal(self, strain: float = 0.0) -> Structure:
        """Return the cubic crystal, strained along all axes."""
        lattice = Lattice.cubic(self.lattice_constant * (1 + strain))
        return Structure(lattice, [self.element] * len(_CENTRES[self.lattice]), _CENTRES[self.lattice])

    def displaced(self, shift: float) -> Structure:
        """Return the crystal with its last atom moved by `shift` Å along x."""
        structure = self.crystal()
        structure.translate_sites([len(structure) - 1], [shift, 0, 0], frac_coords=False)
        return structure

    def energy(self, backend: Backend, structure: Structure) -> CalculationDoc:
        """Evaluate a structure as it is."""
        return Makers(backend).static().calculate(structure)

    def test_makers_survive_pickle_and_json(self, backend: Backend) -> None:
        for maker in (Makers(backend).relax(), Makers(backend).relax(cell=True), Makers(backend).static()):
            assert pickle.loads(pickle.dumps(maker)) == maker
            assert json.loads(json.dumps(maker, cls=MontyEncoder), cls=MontyDecoder) == maker
        assert pickle.loads(pickle.dumps(backend)) == backend

    def test_address_follows_what_decides_the_result(self, backend: Backend) -> None:
        plain = backend.address(Request("static", self.crystal()))
        assert plain == self.make_backend().address(Request("static", self.crystal()))
        fixed = self.crystal().add_site_property("selective_dynamics", [[False] * 3] * len(self.crystal()))
        others = {
            backend.address(Request("static", self.crystal(0.01))),
            backend.address(Request("relax", self.crystal())),
            backend.address(Request("static", fixed)),
        }
        assert plain not in others

        class Revised(type(backend)):  # type: ignore[misc]
            revision = backend.revision + 1

        assert Revised.model_validate(backend.recipe()).address(Request("static", self.crystal())) != plain
        assert len(others) == 3

    def test_same_input_gives_same_energy(
        self, backend: Backend, tmp_path: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = self.energy(backend, self.crystal())
        monkeypatch.setenv("ANODEFLOW_HOME", f"{tmp_path}/again")
        second = self.energy(backend, self.crystal())
        assert second.directory != first.directory
        assert second.energy == pytest.approx(first.energy, abs=1e-5)
        assert second.id == first.id

    def test_finished_work_is_found(self, backend: Backend) -> None:
        first = self.energy(backend, self.crystal())
        messages: list[Progress] = []
        with listen(messages.append):
            again = self.energy(backend, self.crystal())
        assert [message.state for message in messages] == ["reused"]
        assert again == first

    def test_document_is_whole(self, backend: Backend) -> None:
        document = self.energy(backend, self.crystal())
        assert document.converged
        assert document.force_evaluations == document.ionic_steps == 1
        assert document.free_energy <= document.energy + 1e-9
        assert document.backend == backend.name
        assert document.code_version
        assert len(document.forces) == len(document.structure)
        assert document.max_force < self.force_tolerance, "forces of a perfect crystal are zero"

    def test_forces_are_minus_the_gradient(self, backend: Backend) -> None:
        """Central difference of the free energy, eV/Å: catches units, signs and the wrong kind of energy."""
        step = 0.05
        here = self.energy(backend, self.displaced(0.15))
        ahead, behind = (self.energy(backend, self.displaced(0.15 + shift)).free_energy for shift in (step, -step))
        assert here.forces[-1][0] == pytest.approx(-(ahead - behind) / (2 * step), abs=self.force_tolerance)
        assert here.forces[-1][0] < -5 * self.force_tolerance, "the atom is drawn back"

    def test_relaxation_ends_at_rest_and_keeps_fixed_atoms(self, backend: Backend) -> None:
        start = self.displaced(0.15)
        free = [[True] * 3] * len(start)
        start.add_site_property("selective_dynamics", [[False] * 3, *free[1:]])
        document = Makers(backend).relax().calculate(start)
        assert document.converged
        assert document.max_force < backend.relaxation.force_threshold
        assert np.allclose(document.structure[0].coords, start[0].coords, atol=1e-9)
        assert np.allclose(document.structure.lattice.matrix, start.lattice.matrix)
        assert fixed_coordinates(document.structure)[0].all()
        assert document.energy < self.energy(backend, start).energy
        assert document.initial_structure == start

    def test_cell_relaxation_ends_without_stress(self, backend: Backend) -> None:
        """From both sides to one lattice constant; a compressed crystal has negative stress (ASE's sign)."""
        if "stress" not in backend.capabilities:
            pytest.skip(f"{backend.code} has no stress")
        documents = [Makers(backend).relax(cell=True).calculate(self.crystal(strain)) for strain in (-0.03, 0.03)]
        for document in documents:
            assert document.converged
            assert document.stress is not None
            assert np.abs(document.stress).max() < backend.relaxation.stress_threshold
        low, high = (document.structure.lattice.a for document in documents)
        assert low == pytest.approx(high, rel=3e-3)
        for document in documents:
            first = json.loads((_folder(document) / "steps.jsonl").read_text(encoding="utf-8").splitlines()[0])
            compressed = document.initial_structure.lattice.a < document.structure.lattice.a
            assert (np.mean(first["stress"][:3]) < 0) == compressed

    def test_periodicity_and_spin_of_an_isolated_atom(self, backend: Backend) -> None:
        document = Makers(backend).static().calculate(isolated_atom(self.atom or self.element, self.atom_box))
        assert document.structure.lattice.pbc == (False, False, False)
        if "spin" in backend.capabilities:
            expected = document.initial_structure.site_properties["magmom"][0]
            assert document.magnetic_moment == pytest.approx(expected, abs=0.05)

    def hop(self) -> list[Structure]:
        """Return a straight path of five images on which the last atom goes into the vacancy beside it: a crystal of
        2 x 2 x 2 cubes without one atom, all other atoms fixed.
        """
        crystal = self.crystal() * (2, 2, 2)
        apart = crystal.lattice.get_all_distances([crystal[0].frac_coords], crystal.frac_coords)[0]
        gap, mover = 0, int(np.argsort(apart)[1])
        way = crystal[gap].coords - crystal[mover].coords
        way = crystal.lattice.get_cartesian_coords(
            crystal.lattice.get_fractional_coords(way) - np.rint(crystal.lattice.get_fractional_coords(way))
        )
        rest = [i for i in range(len(crystal)) if i not in (gap, mover)]
        images = []
        for share in np.linspace(0, 1, 5):
            image = Structure.from_sites([crystal[i] for i in [*rest, mover]])
            image.translate_sites([len(rest)], share * way, frac_coords=False, to_unit_cell=False)
            fixed = [[False] * 3] * len(rest) + [[True] * 3]
            images.append(image.add_site_property("selective_dynamics", fixed))
        return images

    def test_path_has_its_saddle_in_the_middle(self, backend: Backend) -> None:
        """A hop between two equal ends: the highest image is the middle one, where no force is left along the path."""
        if "neb" not in backend.capabilities or not self.small_hop:
            pytest.skip(f"{backend.code} relaxes no paths here")
        images = self.hop()
        energy = self.energy(backend, images[0]).energy
        document = Makers(backend).neb().calculate(images, (energy, energy))
        assert document.converged
        assert document.climbing_image == 2
        assert document.energy - energy > 0.1
        assert document.image_energies[1] == pytest.approx(document.image_energies[3], abs=5e-3)
        saddle = self.energy(backend, document.structure)
        assert saddle.energy == pytest.approx(document.energy, abs=2e-3)
        assert np.abs(saddle.forces[-1]).max() < backend.path.force_threshold
        again = Makers(backend).neb().calculate(images, (energy, energy))
        assert again == document
        with pytest.raises(InputError, match="the two ends are the same"):
            Makers(backend).neb().calculate([images[0]] * 5, (energy, energy))

    def test_density_holds_all_electrons(self, backend: Backend) -> None:
        if "charge_density" not in backend.capabilities:
            pytest.skip(f"{backend.code} has no charge density")
        structure = self.displaced(0.15)
        document = Makers(backend).static(charge_density=True, grid_spacing=0.12).calculate(structure)
        fine, coarse = (
            DensityGrid.load(_folder(document) / str(file))
            for file in (document.density_file, document.coarse_density_file)
        )
        electrons = sum(structure.atomic_numbers)
        assert fine.electrons == pytest.approx(electrons, abs=0.02)
        assert coarse.electrons == pytest.approx(electrons, abs=0.02)
        assert fine.spacing <= 0.12
        assert 1.3 * fine.spacing < coarse.spacing < 2.3 * fine.spacing
        assert np.allclose(fine.positions, structure.cart_coords, atol=1e-6)
        # The density is highest at the nuclei: the grid is not turned round, shifted or transposed.
        for nucleus in fine.positions:
            point = np.rint(np.linalg.solve(fine.cell.T, nucleus) * fine.values.shape).astype(int)
            around = fine.values.take(range(point[0] - 2, point[0] + 3), 0, mode="wrap")
            around = around.take(range(point[1] - 2, point[1] + 3), 1, mode="wrap")
            around = around.take(range(point[2] - 2, point[2] + 3), 2, mode="wrap")
            assert around.max() > 0.5 * fine.values.max()
        assert document.energy == pytest.approx(self.energy(backend, structure).energy, abs=1e-4)

    def test_settings_can_be_changed(self, backend: Backend) -> None:
        with pytest.raises(InputError, match="has no setting 'no_such_setting'"):
            backend.with_settings({"no_such_setting": 1})
        assert backend.with_settings({}) == backend

    def test_unknown_element_is_refused(self, backend: Backend) -> None:
        with pytest.raises(InputError, match=self.unknown_element):
            backend.check_elements({self.unknown_element})
        backend.check_elements({self.element})


def _folder(document: CalculationDoc) -> Path:
    return Path(document.directory)
