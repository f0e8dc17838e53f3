"""The path of a hop by what a potential learned, where the potential alone has no end states like those of DFT."""

from dataclasses import replace

import pytest
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from prescreen_factories import Stretched, register
from pymatgen.io.ase import AseAtomsAdaptor
from test_learning import taught

from anodeflow.backends.features import RadialFeatures
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.guide_learns import learning_folder
from anodeflow.calculations.neb_maker import NebMaker
from anodeflow.learning.data import Pair, keep
from anodeflow.screening import makers as screening
from anodeflow.screening.learned_path import learned_path
from anodeflow.structures.sites.path import first_path


def end(shift: float):
    """Cu in a hollow of Cu(001), where the costly code has it at rest."""
    atoms = fcc100("Cu", (3, 3, 2), a=3.6, vacuum=6)
    add_adsorbate(atoms, "Cu", 1.6, "hollow")
    atoms.positions[-1, 0] += shift
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 2]))
    atoms.calc = Stretched(1.1, 1.005)
    BFGS(atoms, logfile=None).run(fmax=0.01)
    return AseAtomsAdaptor.get_structure(atoms), atoms.get_potential_energy()


@pytest.mark.slow
def test_what_was_learned_gives_the_path_where_the_potential_has_no_ends(tmp_path, monkeypatch):
    register(monkeypatch, tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    costly, emt = load_backend(tmp_path / "costly.yaml"), load_backend("emt")
    plain = Makers(costly).neb()
    maker = replace(plain, guide=emt.recipe() | {"learn": True})
    (first, low), (last, high) = end(0.0), end(3.6 / 2**0.5)
    images = first_path(first, last, 5, threshold=0.1)
    made = []
    monkeypatch.setattr(NebMaker, "make", lambda self, path, *_, **options: made.append((path, options)))
    monkeypatch.setattr(screening, "in_place", lambda job, label: job)

    def go_on() -> int:
        """Return how many images DFT computes if the potential has neither end."""
        screening.go_on.original(maker, "saddle", images, (low, high), None, [None, None], None, "hop 0", False)
        return len(made[-1][0]) - 2

    assert learned_path(maker, images, (low, high), None, "hop 0") is None, "it learned nothing yet"
    assert go_on() == 5
    features = RadialFeatures(EMT())
    folder = learning_folder(costly, emt, features)
    for lesson in taught(1, 2, 3):
        keep(folder, lesson, Pair.of(costly, emt, features))
    assert learned_path(plain, images, (low, high), None, "hop 0") is None, "nobody guides it"
    found, ends = learned_path(maker, images, (low, high), None, "hop 0")
    assert (found.code, found.backend, len(ends)) == ("learned", "emt", 2)
    assert found.converged
    assert go_on() == 1
    path, options = made[-1]
    saddle = AseAtomsAdaptor.get_atoms(path[1], msonable=False)
    saddle.calc = Stretched(1.1, 1.005)
    assert saddle.get_potential_energy() - low == pytest.approx(max(found.image_energies) - ends[0].energy, abs=0.05)
    assert options["band"].id == found.id
    for lesson in taught(4, 5):
        keep(folder, lesson, Pair.of(costly, emt, features))
    again, _ = learned_path(maker, images, (low, high), None, "hop 0")
    assert again.id == found.id, "asked for again, it begins at the same place, whatever was learned since"
    for file in folder.glob("paths/*"):
        file.write_text("{")
    other, _ = learned_path(maker, images, (low, high), None, "hop 0")
    assert other.id != found.id, "a file that is damaged is made anew"
    with monkeypatch.context() as patch:
        patch.setattr("anodeflow.screening.learned_path.from_recipe", lambda *_: 1 / 0)
        assert go_on() == 5, "whatever fails there, DFT goes on"
    plain.calculate(images, (low, high))
    assert learned_path(maker, images, (low, high), None, "hop 0") is None, "what is finished is found"
    assert go_on() == 5
