"""Parts of a prescreen: what is handed on, geometries carried from one code to another, a saddle climbed to."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from factories import calculation_document, codes, li_slab, sentence
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow.backends.drivers.hessian import finite_difference_hessian, free_coordinates
from anodeflow.backends.drivers.saddle_rest import SaddleRest
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.calculations.folder import CalculationFolder
from anodeflow.calculations.potential_hessian import potential_hessian
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.screening.effort import effort_of
from anodeflow.screening.shortlist import (
    BEYOND_KEEP,
    BEYOND_WINDOW,
    Ranked,
    choose,
    difference_entry,
    record_of,
    with_ranking,
)
from anodeflow.structures.bulk.catalogue import load_structure
from anodeflow.structures.geometry.positions import largest_distance, placed
from anodeflow.structures.geometry.symmetrise import (
    operations,
    symmetrised,
    symmetrised_direction,
    symmetrised_hessian,
    with_symmetry_of,
)
from anodeflow.structures.geometry.transfer import path_direction, transferred, transferred_path
from anodeflow.structures.sites.path import first_path
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec

RANKED = [
    Ranked("site 0", "top", 1.50),
    Ranked("site 1", "bridge", 1.05),
    Ranked("site 2", "hollow", 1.00),
    Ranked("site 3", "hollow", 1.01, "the same minimum as site 2"),
    Ranked("site 4", "step", 1.12),
]


def audit(candidates, **changes) -> PrescreenAudit:
    fields = {"backend": "emt", "keep": 3, "window": 0.15, "paths": "saddle"} | changes
    return PrescreenAudit(candidates=candidates, **fields)


def moved(structure, vectors):
    """The structure with its atoms shifted by vectors (n, 3), Å."""
    other = structure.copy()
    for atom, vector in enumerate(np.broadcast_to(vectors, (len(structure), 3))):
        other.translate_sites([atom], vector, frac_coords=False, to_unit_cell=False)
    return other


def test_the_lowest_within_the_window_are_handed_on():
    found = choose(RANKED, keep=3, window=0.15)
    assert [each.step for each in found] == ["site 2", "site 3", "site 1", "site 4", "site 0"]
    assert [each.step for each in found if each.handed_on] == ["site 2", "site 1", "site 4"]
    assert [each.energy for each in found] == pytest.approx([0, 0.01, 0.05, 0.12, 0.5])
    assert {each.step: each.reason for each in found if each.reason} == {
        "site 3": "the same minimum as site 2",
        "site 0": BEYOND_WINDOW,
    }
    assert {each.step: each.reason for each in choose(RANKED, keep=2, window=0.15)}["site 4"] == BEYOND_KEEP
    assert [each.step for each in choose(RANKED, keep=5, window=0.0) if each.handed_on] == ["site 2"]


def test_what_the_potential_fails_for_is_handed_on_and_so_is_the_lowest_if_none_is_fit():
    found = choose([*RANKED, Ranked("site 5", "kink", None)], keep=1, window=0.15)
    assert [each.step for each in found if each.handed_on] == ["site 2", "site 5"]
    sunk = [Ranked("site 0", "top", 1.2, "the adatom has sunk"), Ranked("site 1", "top", 1.0, "the adatom has sunk")]
    assert [each.step for each in choose(sunk, keep=1, window=0.15) if each.handed_on] == ["site 1"]


def test_a_window_smaller_than_the_potentials_error_is_told():
    dft = {"site 2": 0.09, "site 1": 0.00, "site 4": 0.16}
    wide = audit(choose(RANKED, keep=3, window=0.15))
    untouched = wide.model_copy(deep=True)
    ranked, (left,) = with_ranking(wide, dft)
    assert wide == untouched
    assert left.code == "left-out-by-prescreen"
    assert "emt: site 0 (top, 0.500 eV)" in left.text
    assert ranked.ranking_error == pytest.approx(0.14)
    assert ranked.rank_correlation == pytest.approx(0.5)
    narrow = audit(choose(RANKED, keep=2, window=0.15), keep=2)
    ranked, warnings = with_ranking(narrow, {key: dft[key] for key in ("site 2", "site 1")})
    assert ranked.rank_correlation is None
    assert warnings[1].code == "window-too-small"
    assert "0.140 eV" in warnings[1].text
    assert "site 4 (step), which was left out, lies only 0.070 eV" in warnings[1].text
    good = audit(choose(RANKED, keep=2, window=0.15), keep=2)
    assert len(with_ranking(good, {"site 2": 0.0, "site 1": 0.06})[1]) == 1


def test_one_candidate_tells_nothing_of_the_error():
    alone = audit(choose(RANKED, keep=1, window=0.15), keep=1)
    _, warnings = with_ranking(alone, {"site 2": 0.0})
    assert warnings[1].code == "ranking-error-unknown"
    far = audit(choose([RANKED[0], RANKED[2]], keep=3, window=0.15))
    assert len(with_ranking(far, {"site 2": 0.0})[1]) == 1, "nothing is near it"


def test_entries_and_effort_rest_on_the_same_relaxations():
    cheap = [calculation_document(energy=energy, force_evaluations=7) for energy in (-3.0, -2.5)]
    dft = [
        calculation_document(energy=energy, force_evaluations=3, scf_cycles=20, prescreen=record_of(before))
        for energy, before in zip((-6.0, -5.2), cheap, strict=True)
    ]
    entry = difference_entry("energy over site 0", "site 1", [dft[1]], [dft[0]])
    assert (entry.potential, entry.dft) == pytest.approx((0.5, 0.8))
    assert entry.difference == pytest.approx(-0.3)
    assert difference_entry("", "", [dft[1]], [cheap[0]]) is None, "a calculation without the potential"
    effort = effort_of([*dft, None])
    assert (effort.force_evaluations, effort.scf_cycles, effort.potential_force_evaluations) == (6, 40, 14)
    effort += effort_of(cheap, potential=True)
    assert effort.potential_force_evaluations == 28


def test_what_both_codes_have_alike_is_not_carried_over():
    """One code has all layers 0.05 Å higher; the adatom pushes one atom down by 0.1 Å in both."""
    slab = li_slab()
    slab.add_site_property("selective_dynamics", [[False] * 3, [True] * 3, [True] * 3])
    by_first = moved(slab, np.array([[0, 0, 0], [0, 0, 0.05], [0, 0, 0.05]]))
    start = slab.copy()
    start.append("Li", np.add(slab[2].coords, [1.7, 1.7, 1.6]), coords_are_cartesian=True,
                 properties={"selective_dynamics": [True] * 3})  # fmt: skip
    relaxed = moved(start, np.array([[0, 0, 0.3], [0, 0, 0.05], [0, 0, -0.05], [0, 0, 0.25]]))
    carried = transferred(start, relaxed, slab, by_first)
    change = carried.cart_coords - start.cart_coords
    assert change[:3] == pytest.approx(np.array([[0, 0, 0], [0, 0, 0], [0, 0, -0.1]]), abs=1e-9)
    assert 0.20 <= change[3, 2] < 0.25, "the adatom goes with the atoms around it, the upper ones most"
    assert carried.site_properties["selective_dynamics"] == start.site_properties["selective_dynamics"]
    assert carried.lattice.pbc == start.lattice.pbc
    other = moved(slab, np.array([[0, 0, 0], [0, 0, 0.9], [0, 0, 0]]))
    assert transferred(start, relaxed, slab, other).cart_coords[1:] == pytest.approx(relaxed.cart_coords[1:])
    assert transferred(start, relaxed, None, None).cart_coords[0] == pytest.approx(start.cart_coords[0]), "it is fixed"


@pytest.fixture(scope="module")
def bridge_path(tmp_path_factory):
    """Al from hollow to hollow on Al(001): relaxed ends, a first path, the energies of the ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("path")))
        backend = load_backend("emt")
        slab = build_slab(load_structure("Al"), SlabSpec(layers=3, vacuum=8, min_width=5)).structure
        site = next(site for site in find_sites(slab, "Al") if site.label == "fourfold hollow")
        first = Makers(backend).relax().calculate(add_adsorbate(slab, site, "Al"))
        shift = slab.lattice.matrix[0] / 2
        second = moved(first.structure, [0, 0, 0])
        second.translate_sites([len(second) - 1], shift, frac_coords=False, to_unit_cell=False)
        last = Makers(backend).relax().calculate(second)
        path = first_path(first.structure, last.structure, 5)
        return path, (first.energy, last.energy), Makers(backend).neb().calculate(path, (first.energy, last.energy))


def test_one_image_climbs_to_the_saddle_of_the_whole_band(bridge_path):
    path, energies, whole = bridge_path
    tangent = path_direction(path[2], path[4]).tolist()
    assert np.linalg.norm(tangent) == pytest.approx(1)
    shaken = moved(whole.images[3], [0, 0, 0])
    shaken.translate_sites([len(shaken) - 1], [0.15, 0.1, 0.1], frac_coords=False, to_unit_cell=False)
    neb = Makers(load_backend("emt")).neb()
    climbed = neb.calculate([path[0], shaken, path[-1]], energies, tangent=tangent)
    assert climbed.converged
    assert climbed.energy == pytest.approx(whole.energy, abs=5e-3), "both are calm to 0.05 eV/Å"
    assert climbed.computed_images == 1
    assert climbed.force_evaluations < whole.force_evaluations / 2
    assert climbed.max_force < 0.05
    again = neb.calculate([path[0], shaken, path[-1]], energies, tangent=tangent)
    assert again.id == climbed.id
    assert neb.calculate([path[0], shaken, path[-1]], energies).id != climbed.id


def test_a_climb_that_begins_with_a_hessian_takes_fewer_steps_to_the_same_saddle(bridge_path, monkeypatch, tmp_path):
    path, energies, whole = bridge_path
    backend = load_backend("emt")
    calm = backend.model_copy(update={"path": backend.path.model_copy(update={"force_threshold": 0.005})})
    shaken = moved(whole.images[3], [0, 0, 0])
    shaken.translate_sites([len(shaken) - 1], [0.1, 0.05, 0.05], frac_coords=False, to_unit_cell=False)
    tangent = path_direction(path[2], path[4]).tolist()
    found = {}
    for guide in (None, "emt"):
        monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / str(guide)))
        neb = replace(Makers(calm).neb(), guide={} if guide is None else backend.recipe())
        found[guide] = neb.calculate([path[0], shaken, path[-1]], energies, tangent=tangent)
    assert [len(list((tmp_path / str(guide)).rglob("hessian.npy"))) for guide in found] == [0, 1]
    assert found["emt"].id == found[None].id
    assert found["emt"].converged
    assert found["emt"].energy == pytest.approx(found[None].energy, abs=2e-4)
    assert found["emt"].force_evaluations < found[None].force_evaluations * 0.8


def test_what_a_force_left_at_a_saddle_is_worth_is_told(bridge_path, monkeypatch, tmp_path):
    """Of a climb that ended early, the energy that the same climb has when it goes on is known beforehand."""
    path, energies, whole = bridge_path
    backend = load_backend("emt")
    shaken = moved(whole.images[3], [0, 0, 0])
    shaken.translate_sites([len(shaken) - 1], [0.0, 0.05, 0.08], frac_coords=False, to_unit_cell=False)
    tangent = path_direction(path[2], path[4]).tolist()
    found = {}
    for threshold in (0.49, 0.002):
        monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path / str(threshold)))
        calm = backend.model_copy(update={"path": backend.path.model_copy(update={"force_threshold": threshold})})
        neb = replace(Makers(calm).neb(), guide=backend.recipe())
        found[threshold] = neb.calculate([path[0], shaken, path[-1]], energies, tangent=tangent)
    early, late = found.values()
    assert early.force_evaluations < late.force_evaluations
    assert early.energy - late.energy > 0.01, "else there is nothing to be told"
    assert early.energy_over_rest == pytest.approx(early.energy - late.energy, rel=0.15)
    told = sentence(early, "saddle-force-left")
    assert "of emt" in told
    assert f"{early.energy_over_rest:.3f} eV lower" in told
    assert abs(late.energy_over_rest) < 1e-4
    assert "saddle-force-left" not in codes(late)
    without = Makers(backend).neb().calculate([path[0], shaken, path[-1]], energies, tangent=tangent)
    assert without.energy_over_rest is None


@pytest.mark.parametrize(
    ("settings", "code"), [({"energy_tolerance": 0.004}, "ended-by-energy"), ({"evaluations": 2}, "few-evaluations")]
)
def test_a_climb_ends_by_its_energy_or_its_evaluations(bridge_path, monkeypatch, tmp_path, settings, code):
    path, energies, whole = bridge_path
    backend = load_backend("emt")
    shaken = moved(whole.images[3], [0, 0, 0])
    shaken.translate_sites([len(shaken) - 1], [0.0, 0.05, 0.08], frac_coords=False, to_unit_cell=False)
    tangent = path_direction(path[2], path[4]).tolist()

    def climbed(**changes):
        calm = backend.path.model_copy(update={"force_threshold": 0.002} | changes)
        neb = replace(Makers(backend.model_copy(update={"path": calm})).neb(), guide=backend.recipe())
        return neb.calculate([path[0], shaken, path[-1]], energies, tangent=tangent)

    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    late, early = climbed(), climbed(**settings)
    assert early.id != late.id
    assert early.converged
    assert early.force_evaluations < late.force_evaluations
    assert early.evaluated_energy - early.remaining_energy == early.energy == early.image_energies[1]
    assert early.energy_over_rest is None, "it is taken off"
    assert abs(early.energy - late.energy) < 0.002
    assert early.evaluated_energy - late.energy > 0.5 * abs(early.remaining_energy)
    (caveat,) = [each for each in early.warnings if each.code == code]
    assert f"{1e3 * abs(early.remaining_energy):.1f} meV lower" in caveat.text
    again = climbed(**settings)
    assert (again.finished_at, again.energy) == (early.finished_at, early.energy)
    # Cut off after its first evaluation it ends at the same.
    folder = CalculationFolder(tmp_path / "calculations" / early.id[:2] / early.id)
    folder.steps_file.write_text("".join(folder.steps_file.read_text().splitlines(keepends=True)[:1]))
    for file in (folder.outcome, folder.path / "calculation.json"):
        file.unlink()
    resumed = climbed(**settings)
    assert resumed.finished_at >= early.finished_at
    assert (resumed.energy, resumed.force_evaluations) == (early.energy, early.force_evaluations)


def test_a_climb_that_nothing_is_known_of_is_told_after_its_evaluations(bridge_path, monkeypatch, tmp_path):
    """From a hollow the second derivatives have no negative one: the energy is as evaluated."""
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    path, energies, _ = bridge_path
    backend = load_backend("emt")
    one = backend.model_copy(update={"path": backend.path.model_copy(update={"evaluations": 1})})
    start = moved(path[0], [0, 0, 0])
    start.translate_sites([len(start) - 1], [0.1, 0.0, 0.0], frac_coords=False, to_unit_cell=False)
    neb = replace(Makers(one).neb(), guide=backend.recipe())
    tangent = path_direction(path[2], path[4]).tolist()
    found = neb.calculate([path[0], start, path[-1]], energies, tangent=tangent)
    assert (found.force_evaluations, found.remaining_energy, found.evaluated_energy) == (1, None, None)
    (caveat,) = [each for each in found.warnings if each.code == "few-evaluations"]
    assert " meV lower" not in caveat.text, "no number is known"
    again = neb.calculate([path[0], start, path[-1]], energies, tangent=tangent)
    assert again.finished_at == found.finished_at


def over_rest(hessian, geometries):
    """What is expected after the last of several geometries, the Hessian all free."""
    rest = SaddleRest(hessian, np.ones(len(hessian), dtype=bool))
    for place, force in geometries:
        rest.after(place, force, 0.0)
    return rest.expected


def test_energy_over_a_saddle_is_exact_where_it_is_harmonic():
    rng = np.random.default_rng(3)
    modes, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    curvatures = np.array([-0.8, 0.3, 0.6, 1.0, 2.0, 5.0])
    exact = modes @ np.diag(curvatures) @ modes.T
    away = 0.05 * rng.normal(size=6)
    energy = away @ exact @ away / 2
    assert over_rest(exact, [(away, -exact @ away)]) == pytest.approx(energy)
    # A Hessian that is wrong along one mode is set right by a step along it.
    wrong = exact + 0.5 * np.outer(modes[:, 3], modes[:, 3])
    before = away + 0.05 * modes[:, 3]
    assert over_rest(wrong, [(before, -exact @ before), (away, -exact @ away)]) == pytest.approx(energy)
    assert over_rest(wrong, [(away, -exact @ away)]) != pytest.approx(energy, rel=1e-3)
    minimum = modes @ np.diag(np.abs(curvatures)) @ modes.T
    assert over_rest(minimum, [(away, -minimum @ away)]) is None, "no saddle"
    assert over_rest(exact, [(8 * away, -exact @ (8 * away))]) is None, "too far to be harmonic"
    assert over_rest(exact, []) is None


def test_a_hessian_gets_the_symmetry_of_its_geometry(bridge_path):
    """Of a noisy one, each symmetry leaves as it was what it makes of it; an exact one is not changed."""
    hollow = symmetrised(bridge_path[0][0])
    atoms = AseAtomsAdaptor.get_atoms(hollow, msonable=False)
    exact = finite_difference_hessian(atoms, EMT())
    assert symmetrised_hessian(hollow, exact) == pytest.approx(exact, abs=1e-3)
    noise = 0.1 * np.random.default_rng(0).normal(size=exact.shape)
    smooth = symmetrised_hessian(hollow, exact + noise + noise.T)
    assert smooth == pytest.approx(smooth.T)
    assert np.abs(smooth - exact).mean() < np.abs(noise + noise.T).mean() / 2
    step = np.zeros((len(hollow), 3))
    step[-1] = [0, 0, 0.1]  # along the fourfold axis
    forces = (smooth @ step.ravel()).reshape(-1, 3)
    for rotation, _, order in operations(hollow, 1e-4):
        assert forces[order] @ rotation.T == pytest.approx(forces, abs=1e-9)


def test_only_atoms_that_symmetry_does_not_make_alike_are_moved(bridge_path):
    hollow = symmetrised(bridge_path[0][0])
    assert len(operations(hollow, 1e-3)) == 8
    rattled = placed(hollow, hollow.cart_coords + 0.05 * np.random.default_rng(1).normal(size=(len(hollow), 3)))
    for structure, share in ((hollow, 0.6), (rattled, 1.0)):
        told = []
        found = potential_hessian(structure, EMT(), lambda done, whole, told=told: told.append((done, whole)))
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        free = int(free_coordinates(atoms).sum())
        assert found == pytest.approx(finite_difference_hessian(atoms, EMT()), abs=2e-3)
        assert told[-1][0] == told[-1][1] == len(told)
        assert len(told) <= share * free
    assert len(told) == free, "nothing is left out without symmetry"


def test_a_path_goes_from_the_ends_of_one_code_to_those_of_the_other(bridge_path):
    path, _, whole = bridge_path
    lifted = [moved(end, [0.0, 0.0, 0.0]) for end in (path[0], path[-1])]
    for end, height in zip(lifted, (0.05, 0.10), strict=True):
        end.translate_sites([len(end) - 1], [0, 0, height], frac_coords=False, to_unit_cell=False)
    carried = transferred_path(whole.images, (whole.images[0], whole.images[-1]), (lifted[0], lifted[1]))
    rise = [image[-1].z - before[-1].z for image, before in zip(carried, whole.images, strict=True)]
    assert (rise[0], rise[-1]) == pytest.approx((0.05, 0.10))
    assert rise[3] == pytest.approx(0.075, abs=2e-3)
    assert np.all(np.diff(rise) > 0)
    assert carried[2][0].coords == pytest.approx(whole.images[2][0].coords)


def site_axis(slab, site) -> int:
    """Return along which axis, x or y, an adatom on a bridge of a (001) face hops: across the two atoms it touches."""
    near = sorted(slab, key=lambda atom: atom.distance_from_point(site.position))[0]
    return int(np.argmin(np.abs(near.coords[:2] - site.position[:2])))


def test_symmetry_lost_in_rounding_is_given_back(bridge_path):
    path, _, _ = bridge_path
    noise = 1e-3 * np.random.default_rng(1).normal(size=(len(path[0]), 3))
    noise[np.array([not any(free) for free in path[0].site_properties["selective_dynamics"]])] = 0.0
    slab = build_slab(load_structure("Al"), SlabSpec(layers=3, vacuum=8, min_width=5)).structure
    site = next(site for site in find_sites(slab, "Al") if site.label == "bridge")
    raised = Makers(load_backend("emt")).relax().calculate(add_adsorbate(slab, site, "Al")).structure
    hollow, bridge = symmetrised(path[0]), symmetrised(raised)
    assert len(operations(hollow, 1e-4)) == 8
    assert len(operations(bridge, 1e-4)) == 4
    for exact, count in ((hollow, 8), (bridge, 4)):
        rough = moved(exact, noise)
        assert len(operations(rough, 1e-4)) == 1
        again = symmetrised(rough)
        assert len(operations(again, 1e-4)) == count
        assert largest_distance(again, exact) < 4e-3
        kept = with_symmetry_of(exact, rough.cart_coords)
        assert len(operations(moved(exact, kept - exact.cart_coords), 1e-6)) == count
    broken = moved(hollow, [0, 0, 0])
    broken.translate_sites([len(broken) - 1], [0.3, 0.1, 0], frac_coords=False, to_unit_cell=False)
    assert with_symmetry_of(hollow, broken.cart_coords) == pytest.approx(broken.cart_coords), "that was no rounding"
    tangent = np.zeros((len(bridge), 3))
    tangent[-1, site_axis(slab, site)] = 1.0
    rough = tangent + noise
    exact = symmetrised_direction(bridge, rough / np.linalg.norm(rough))
    assert np.vdot(exact, tangent) == pytest.approx(1, abs=1e-3)
    assert np.abs(exact - tangent).max() < np.abs(noise).max()
    for rotation, _, order in operations(bridge, 1e-3):
        assert abs(np.vdot(exact[order] @ rotation.T, exact)) == pytest.approx(1)


def test_a_whole_path_does_not_end_after_its_evaluations_whatever_its_document_says(bridge_path, monkeypatch, tmp_path):
    monkeypatch.setenv("ANODEFLOW_HOME", str(tmp_path))
    path, energies, whole = bridge_path
    backend = load_backend("emt")
    few = backend.model_copy(update={"path": backend.path.model_copy(update={"evaluations": 1})})
    neb = replace(Makers(few).neb(), guide=backend.recipe())
    found = neb.calculate(path, energies)
    assert found.force_evaluations == whole.force_evaluations
    assert neb.calculate(path, energies).finished_at == found.finished_at
    file = tmp_path / "calculations" / found.id[:2] / found.id / "calculation.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"max_force": 0.5}))
    assert neb.calculate(path, energies).max_force == found.max_force
