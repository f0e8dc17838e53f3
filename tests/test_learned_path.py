"""The path of a hop by what a potential learned, where the potential alone has no end states like those of DFT."""

from dataclasses import replace

import pytest
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from prescreen_factories import Stretched, register
from pymatgen.io.ase import AseAtomsAdaptor
from test_learning import taught

from anodeflow.backends.features import RadialFeatures
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.folder import write_once
from anodeflow.calculations.guide_learns import learning_folder
from anodeflow.calculations.neb_document import NebDoc
from anodeflow.learning.data import Pair, keep
from anodeflow.screening import makers as screening
from anodeflow.screening.learned_path import corrected_makers
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


def ran(job):
    """Run a job with what it puts in its place; return its document, and the documents that the database got."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    run_locally(job, store=store, log=False, allow_external_references=True)
    found = [document_of(each["output"]) for each in store.query({}, load=True)]
    return document_of(job.output.resolve(store)), [each for each in found if each is not None]


def document_of(output):
    """Return an output as a document of a calculation; none: it is none."""
    kinds = {"neb": NebDoc, "relax": CalculationDoc}
    output = output.model_dump() if isinstance(output, CalculationDoc) else output
    return kinds[output["task"]].model_validate(output) if isinstance(output, dict) and "task" in output else None


@pytest.mark.slow
def test_what_was_learned_gives_the_path_where_the_potential_has_no_ends(tmp_path, monkeypatch):
    register(monkeypatch, tmp_path)
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    costly, emt = load_backend(tmp_path / "costly.yaml"), load_backend("emt")
    plain = Makers(costly).neb()
    maker = replace(plain, guide=emt.recipe() | {"learn": True, "placement": {"worker": "gpu"}})
    (first, low), (last, high) = end(0.0), end(3.6 / 2**0.5)
    images = first_path(first, last, 5, threshold=0.1)
    asked = images, (low, high), None, "hop 0"

    def go_on():
        """Return what DFT makes of it if the potential has neither end."""
        return ran(screening.go_on(maker, "saddle", *asked[:3], [None, None], None, "hop 0", False))

    assert corrected_makers(maker, *asked) is None, "it learned nothing yet"
    features = RadialFeatures(EMT())
    folder = learning_folder(costly, emt, features)
    for lesson in taught(1, 2, 3):
        keep(folder, lesson, Pair.of(costly, emt, features))
    assert corrected_makers(plain, *asked) is None, "nobody guides it"
    makers = corrected_makers(maker, *asked)
    assert makers.neb().make(*asked[:2]).config.manager_config == {"worker": "gpu"}, "it runs where the potential does"
    (folder / "paths").rename(folder / "elsewhere")
    found, documents = go_on()
    assert len(found.images) == 3, "one image climbs"
    band = found.potential_path
    by_learned = {each.id: each for each in documents if each.code == "learned"}
    assert set(by_learned) == {band.id, *band.end_ids}, "what its document names is in the database"
    assert {each.label for each in by_learned.values()} == {
        "hop 0 [emt, corrected]", "hop 0, first end [emt, corrected]", "hop 0, last end [emt, corrected]"
    }  # fmt: skip
    assert by_learned[band.id].converged
    assert found.energy - low == pytest.approx(max(band.energies) - band.energies[0], abs=0.05)
    for lesson in taught(4, 5):
        keep(folder, lesson, Pair.of(costly, emt, features))
    count = len(list((tmp_path / "home").glob("calculations/*/*/calculation.json")))
    again, _ = go_on()
    assert again.id == found.id, "asked for again, it begins at the same place, whatever was learned since"
    assert len(list((tmp_path / "home").glob("calculations/*/*/calculation.json"))) == count
    kept, recipe = next(folder.glob("paths/*")), corrected_makers(maker, *asked).backend.recipe()
    kept.write_text("{")
    assert corrected_makers(maker, *asked).backend.recipe() != recipe, "a file that is damaged is made anew"
    with monkeypatch.context() as patch:
        patch.setattr("anodeflow.screening.learned_path.from_recipe", lambda *_: 1 / 0)
        assert corrected_makers(maker, *asked) is None, "whatever fails there, DFT goes on"
    with monkeypatch.context() as patch:
        patch.setattr("anodeflow.screening.makers.potential_ends", lambda *_: None)
        assert len(go_on()[0].images) == 7, "where it has no ends either, DFT relaxes the whole path"
    assert corrected_makers(maker, *asked) is None, "what is begun is gone on with"


def test_of_two_processes_one_says_how_a_path_is_found(tmp_path, monkeypatch):
    """The other has looked before the file was there; both go on with what is kept."""
    file = tmp_path / "kept.json"
    assert write_once(file, "one") == "one"
    assert write_once(file, "other") == "one"
    monkeypatch.setattr("anodeflow.calculations.folder.os.link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    file.unlink()
    assert write_once(file, "third") == "third"
    assert list(tmp_path.iterdir()) == [file]
