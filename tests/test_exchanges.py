"""Exchanges of an adatom with atoms of the surface: which there are, their ends and barriers, intermediate minima."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.mep import NEB
from ase.optimize import FIRE
from ase.units import kB
from asking import told
from hypothesis import given, settings
from hypothesis import strategies as st
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.io.ase import AseAtomsAdaptor

from anodeflow import load_results
from anodeflow.backends.registry import load_backend
from anodeflow.calculations.backend_makers import Makers
from anodeflow.core.errors import InputError
from anodeflow.structures.bulk.catalogue import host_lattice, load_structure
from anodeflow.structures.geometry.positions import fixed_coordinates, steps_between
from anodeflow.structures.sites.adatom import same_minimum
from anodeflow.structures.sites.exchanges import ExchangeNet, atom_at, exchanged
from anodeflow.structures.sites.hops import SurfaceNet
from anodeflow.structures.sites.path import carried_end, path_symmetry, relaxed_end
from anodeflow.structures.sites.sites import add_adsorbate, find_sites
from anodeflow.structures.slab.slabs import build_slab
from anodeflow.structures.slab.spec import SlabSpec
from anodeflow.studies.adsorption.document import AdsorptionDoc
from anodeflow.studies.adsorption.flow import AdsorptionMaker
from anodeflow.studies.adsorption.input import AdsorptionInput
from anodeflow.studies.diffusion.analysis import _not_searched
from anodeflow.studies.diffusion.context import DiffusionContext
from anodeflow.studies.diffusion.document import DiffusionDoc, HopStep
from anodeflow.studies.diffusion.exchange_network import same_saddles, with_exchange_minima
from anodeflow.studies.diffusion.exchanges import exchange_ends, lone_adatom
from anodeflow.studies.diffusion.flow import DiffusionMaker
from anodeflow.studies.diffusion.hop_document import Hop, SurfaceMinimum
from anodeflow.studies.diffusion.input import DiffusionInput
from anodeflow.studies.diffusion.kinetics import diffusion_tensor
from anodeflow.studies.diffusion.network import build_network
from anodeflow.studies.diffusion.paths import exchange_positions, path_positions, path_words
from anodeflow.studies.diffusion.percolation import cheapest_path
from anodeflow.studies.diffusion.report import _answer

ATTEMPTS = 1e13


def run(flow: Flow) -> dict:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False)
    return store.get_output(flow.output.uuid, load=True)


def diffuse(spec: SlabSpec, **options) -> DiffusionDoc:
    """Compute Al on Al with EMT, the lowest site alone."""
    makers = Makers(load_backend("emt"))
    adsorption = AdsorptionMaker(
        relax=makers.relax(),
        relax_cell=makers.relax(cell=True),
        static=makers.static(),
        input=AdsorptionInput(adsorbate="Al"),
        slab=spec,
    ).make(load_structure("Al"), load_structure("Al"))
    document = AdsorptionDoc.model_validate(run(adsorption))
    maker = DiffusionMaker(
        relax=makers.relax(),
        static=makers.static(),
        neb=makers.neb(),
        modes=makers.modes(),
        **told(DiffusionInput, adsorbate="Al", exchange=True, **options),
    )
    return DiffusionDoc.model_validate(run(maker.make(document)))


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> DiffusionDoc:
    """Al on Al(110), where the adatom crosses the rows by changing places with an atom of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANODEFLOW_HOME", str(tmp_path_factory.mktemp("rows")))
        return diffuse(SlabSpec(miller=(1, 1, 0), layers=6, vacuum=8, min_width=8))


def surface(structure: str, element: str, miller: tuple[int, int, int], width: float = 8.0):
    """Return a slab, with an adatom in each of its hollows, and the exchanges between those."""
    spec = SlabSpec(miller=miller, layers=5, fixed_layers=2, vacuum=8, min_width=width)
    slab = build_slab(load_structure(structure), spec, host_lattice(structure)).structure
    hollows = [site for site in find_sites(slab, element) if "hollow" in site.label]
    minima = [add_adsorbate(slab, site, element) for site in hollows]
    places = [minimum[-1].coords.tolist() for minimum in minima]
    return slab, minima, ExchangeNet(slab, SurfaceNet(slab, places), places, element)


@pytest.mark.parametrize(
    ("structure", "miller", "known"),
    [
        # A hollow of a square face: four atoms around it, each with the hollow behind it and one on either side.
        ("Al", (0, 0, 1), {"sideways": 8, "behind": 4}),
        ("Li", (0, 0, 1), {"sideways": 8, "behind": 4}),
        # Of (110) of fcc: four atoms of the rows, each with three other hollows.
        ("Al", (1, 1, 0), {"along the row": 4, "straight across": 4, "askew": 4}),
    ],
)
def test_which_exchanges_there_are(structure, miller, known):
    found = surface(structure, structure, miller)[2].exchanges()
    assert sorted(each.hop.multiplicity for each in found) == sorted(known.values())
    lengths = [np.linalg.norm(each.hop.displacement) for each in found]
    assert lengths == sorted(lengths)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(
        [
            ("Al", "Al", (0, 0, 1)),
            ("Al", "Al", (1, 1, 1)),
            ("Cu", "Cu", (1, 1, 0)),
            ("Mg", "Mg", (0, 0, 1)),
            ("Li", "Li", (1, 1, 0)),
            ("Li3Mg-Cmcm", "Li", (0, 0, 1)),
            ("Li3Mg7", "Li", (0, 0, 1)),
        ]
    ),
    st.sampled_from([8.0, 10.0]),
)
@pytest.mark.slow
def test_an_exchange_leaves_the_surface_as_it_was(which, width):
    """Its end is that of a hop, atom for atom another one in two places; no fixed atom takes part, and none of another
    element; each atom lies between the ends.
    """
    slab, minima, net = surface(*which, width)
    for each in net.exchanges():
        atom = atom_at(slab, each.atom, which[1])
        assert slab[atom].specie.symbol == which[1]
        assert not fixed_coordinates(slab)[atom].any()
        initial, final = minima[each.hop.initial], minima[each.hop.final]
        target = net.net.positions[net.net.minimum.index(each.hop.initial)] + each.hop.displacement
        carried = carried_end(slab, initial, final, target)
        if carried is None:
            continue
        end, _ = exchanged(initial, carried, atom, each.atom)
        assert end.species == initial.species
        assert same_minimum(end, final, 0.0, 0.0, slab)
        moved = np.linalg.norm(steps_between(initial, end), axis=1)
        assert set(np.flatnonzero(moved > 0.5)) == {atom, len(slab)}
        assert moved[-1] < 0.75 * np.linalg.norm([*each.hop.displacement, 4.0])
        assert lone_adatom(slab, end) == pytest.approx(end[atom].coords)
        forward, backward = net.copies(net.way(each.hop, each.atom))
        assert len(forward) == len(backward)
        assert net.way(each.hop, each.atom) in forward | backward


@pytest.mark.parametrize(
    ("element", "miller", "width"), [("Al", (1, 1, 0), 4.0), ("Li", (0, 0, 1), 4.0), ("Al", (2, 1, 1), 6.0)]
)
def test_both_atoms_go_to_the_images_that_are_meant(element, miller, width):
    """In cells so narrow that another image of the end is as near, or of so little symmetry that ends are guessed."""
    slab, structures, net = surface(element, element, miller, width)
    minima = [
        SurfaceMinimum(index=n, site=n, label="", position=each[-1].coords.tolist(), energy=0.0, multiplicity=1,
                       structure=each) for n, each in enumerate(structures)
    ]  # fmt: skip
    hops = [
        Hop(index=n, initial=each.hop.initial, final=each.hop.final, displacement=each.hop.displacement, state="failed",
            multiplicity=1, exchanged_at=each.atom, exchanged_with=atom_at(slab, each.atom, element))
        for n, each in enumerate(net.exchanges())
    ]  # fmt: skip
    search = SimpleNamespace(adsorption=SimpleNamespace(slab=slab, adsorbate=element), minima=minima, hops=hops)
    for hop in hops:
        try:
            before = hop.model_copy(deep=True)
            ends = exchange_ends(search, hop.index)
            assert hop == before, "looking its ends up changes no hop"
        except InputError:
            assert width == 4.0
            continue
        start = net.net.positions[net.net.minimum.index(hop.initial)]
        found = relaxed_end(ends.initial, ends.final, ends.final, ends.target, ends.atom)
        for end in (ends.final, found):
            into, on = (end.cart_coords - ends.initial.cart_coords)[[-1, ends.atom], :2]
            assert into == pytest.approx(ends.exchanged_at - start, abs=0.3)
            assert into + on == pytest.approx(ends.displacement, abs=0.3)


def test_symmetry_that_turns_an_exchange_round_is_found_in_a_narrow_cell():
    """The atom whose place is taken lies in another image than the adatom beside it."""
    slab, minima, net = surface("Al", "Al", (2, 1, 1), 5.0)
    turned = 0
    for each in net.exchanges():
        if each.hop.initial == each.hop.final:
            atom = atom_at(slab, each.atom, "Al")
            target = net.net.positions[net.net.minimum.index(each.hop.initial)] + each.hop.displacement
            carried = carried_end(slab, minima[each.hop.initial], minima[each.hop.final], target)
            end, beside = exchanged(minima[each.hop.initial], carried, atom, each.atom)
            turned += path_symmetry(slab, minima[each.hop.initial], end, atom, beside) is not None
    assert turned == 8


def test_an_atom_that_is_not_there_is_refused():
    slab, _, net = surface("Al", "Al", (0, 0, 1))
    hop = net.exchanges()[0].hop
    with pytest.raises(InputError, match="touches no atom at"):
        net.way(hop, (0.7, 0.3))
    with pytest.raises(InputError, match="has no Al at"):
        atom_at(slab, (0.9, 0.9), "Al")


def test_atoms_of_other_elements_are_told():
    assert surface("Li3Mg-Cmcm", "Li", (0, 0, 1))[2].others == {"Mg"}
    assert surface("Al", "Al", (0, 0, 1))[2].others == set()
    net = surface("Li3Mg-Cmcm", "Mg", (0, 0, 1))[2]
    assert net.others == {"Li"}


@pytest.mark.parametrize(
    ("structure", "element", "fixed", "words"),
    [
        ("Li3Mg-Cmcm", "Li", False, "another element (Mg)"),
        ("Al", "Al", True, "no free Al"),
    ],
)
def test_what_was_not_searched_is_told(structure, element, fixed, words):
    slab, structures, _ = surface(structure, element, (0, 0, 1))
    if fixed:
        slab.add_site_property("selective_dynamics", [[False] * 3] * len(slab))
    minima = [
        SurfaceMinimum(index=n, site=n, label="", position=each[-1].coords.tolist(), energy=0.0, multiplicity=1,
                       structure=each) for n, each in enumerate(structures)
    ]  # fmt: skip
    search = SimpleNamespace(adsorption=SimpleNamespace(slab=slab, adsorbate=element), minima=minima)
    (told_of,) = _not_searched(search, [], exchange=True)
    assert told_of.code == "exchange-not-searched"
    assert words in told_of.text
    (alone,) = _not_searched(search, [], exchange=False)
    assert alone.code == "exchange-not-searched"
    assert "exchange: true" in alone.text, "what to set"


@pytest.mark.slow
def test_barriers_on_a_square_face_are_those_of_plain_ase(home):
    """Plain climbing bands of ASE between ends that are made by hand."""
    found = diffuse(SlabSpec(layers=4, vacuum=8, min_width=8))
    exchanges = [hop for hop in found.hops if hop.is_exchange]
    assert [(hop.state, hop.negative_modes, hop.multiplicity) for hop in exchanges] == [("done", 1, 8), ("done", 1, 4)]
    assert "exchange-not-searched" not in [warning.code for warning in found.warnings]
    for hop in exchanges:
        ends = [AseAtomsAdaptor.get_atoms(hop.images[image], msonable=False) for image in (0, -1)]
        path = [ends[0].copy() for _ in range(6)] + [ends[1]]
        for image in path:
            image.calc = EMT()
        band = NEB(path, k=1.0, method="improvedtangent")
        band.interpolate("idpp", mic=True)
        FIRE(band, logfile=None).run(fmax=0.3, steps=200)
        band.climb = True
        FIRE(band, logfile=None).run(fmax=0.03, steps=400)
        energies = [image.get_potential_energy() for image in path]
        assert hop.barrier_forward == pytest.approx(max(energies) - energies[0], abs=0.02)
        assert hop.barrier_forward < max(energies) - energies[0] + 0.002
    labels = [row.label for row in found.rows() if row.property == "negative_modes"]
    assert sum("exchange" in label for label in labels) == 2


@pytest.mark.slow
def test_rows_of_fcc_110_are_crossed_by_exchanges(rows):
    """Through a dumbbell over a row, from which four ways lead on: two of them across."""
    across = [hop for hop in rows.hops if hop.via is not None]
    alone = max(hop.barrier_forward for hop in rows.hops if not hop.is_exchange)
    assert len(across) == 2
    for hop in across:
        assert hop.state == "done"
        assert hop.negative_modes == 1
        assert 0.5 * hop.barrier_forward < hop.via.energy < hop.barrier_forward < 0.5 * alone
    barrier = min(hop.barrier_forward for hop in across)
    network = with_exchange_minima(build_network(rows.slab, rows.minima, rows.hops), rows.slab, rows.minima, rows.hops)
    assert len(network.energies) == 2
    # Into a dumbbell over each of four atoms, and in half of the cases on to the other side, one spacing of the rows.
    spacing = max(np.linalg.norm(rows.surface_cell, axis=1))
    rate = ATTEMPTS * np.exp(-barrier / (kB * 300.0))
    values = np.linalg.eigvalsh(diffusion_tensor(network, 300.0, ATTEMPTS))
    assert values[0] == pytest.approx(rate * spacing**2 * 1e-16, rel=0.01)
    assert rows.diffusivities[0].principal[1][0] == pytest.approx(values[0])


@pytest.mark.slow
def test_ways_out_of_one_minimum_are_not_counted_as_ways_of_their_own(rows):
    """Were each exchange through a dumbbell a way of its own, the rows would be crossed about four times as fast."""
    direct = build_network(rows.slab, rows.minima, rows.hops)
    slow = np.linalg.eigvalsh(diffusion_tensor(direct, 300.0, ATTEMPTS))[0]
    exact = rows.diffusivities[0].principal[1][0]
    assert 3 < slow / exact < 5


@pytest.mark.slow
def test_a_dumbbell_below_all_minima_is_what_barriers_count_from(rows):
    """As the slope of an Arrhenius plot has it: most adatoms are there."""
    deep = [
        hop if hop.via is None else hop.model_copy(update={"via": hop.via.model_copy(update={"energy": -0.2})})
        for hop in rows.hops
    ]
    network = build_network(rows.slab, rows.minima, deep)
    walked = with_exchange_minima(network, rows.slab, rows.minima, deep)
    path = cheapest_path(network, lowest=float(walked.energies.min()))
    over_minima = cheapest_path(network)
    assert path.barrier == pytest.approx(over_minima.barrier + 0.2)
    largest = [np.linalg.eigvalsh(diffusion_tensor(walked, t, ATTEMPTS))[1] for t in (300.0, 303.0)]
    slope = -np.log(largest[1] / largest[0]) * kB / (1 / 303.0 - 1 / 300.0)
    assert slope == pytest.approx(path.barrier, abs=0.01)


@pytest.mark.slow
def test_words_of_a_path_say_what_is_an_exchange(rows):
    hop = next(hop for hop in rows.hops if hop.is_exchange)
    step = HopStep(hop=hop.index, reverse=False, displacement=hop.displacement)
    path = rows.path.model_copy(update={"start": hop.initial, "steps": [step]})
    assert path_words(rows, path).endswith(", by exchange")
    assert "exchange" not in path_words(rows, rows.path)


@pytest.mark.slow
def test_the_atom_that_moves_on_is_drawn_beside_the_adatom(rows):
    """Its copy that the adatom replaces, in whatever cell the file has it."""
    for hop in (hop for hop in rows.hops if hop.is_exchange):
        places = exchange_positions(hop)
        assert places[0, :2] == pytest.approx(hop.exchanged_at, abs=0.6)
        assert np.linalg.norm(path_positions(hop.images)[-1] - places[0], axis=-1) < 1.0, "the adatom takes its place"


@pytest.mark.slow
def test_a_saddle_that_was_walked_up_to_stays_the_saddle(rows):
    """Others may lie higher then: on the other half of a path that symmetry turns round, the same saddle as it was."""
    one = next(hop for hop in rows.hops if hop.via is not None and hop.symmetric)
    top, last = one.saddle_image, len(one.profile) - 1
    assert one.profile[top].energy == one.barrier_forward
    assert one.profile[last - top].energy == one.barrier_forward == max(point.energy for point in one.profile)
    for image in (top, last - top):
        atoms = AseAtomsAdaptor.get_atoms(one.images[image], msonable=False)
        atoms.calc = EMT()
        assert np.abs(atoms.get_forces()).max() < 0.02
    high = [point.model_copy(update={"energy": point.energy + 0.01 * (n == last - top)})
            for n, point in enumerate(one.profile)]  # fmt: skip
    half = one.model_copy(update={"symmetric": False, "profile": high})
    assert half.saddle_image == top
    assert half.saddles_about_via == ((one.barrier_forward, True), (one.barrier_forward, False))


@pytest.mark.slow
def test_a_dip_too_shallow_to_tell_is_the_minimum_of_another_exchange(rows):
    """One of the two ways through the dumbbell does not say so; its path leads there all the same."""
    one = next(hop for hop in rows.hops if hop.via is not None and hop.symmetric)
    hops = [hop.model_copy(update={"via": None}) if hop.index == one.index else hop for hop in rows.hops]
    network = with_exchange_minima(build_network(rows.slab, rows.minima, hops), rows.slab, rows.minima, hops)
    found = diffusion_tensor(network, 300.0, ATTEMPTS)
    assert found == pytest.approx(np.array(rows.diffusivities[0].tensor), rel=0.02)


@pytest.mark.slow
def test_where_no_image_climbed_another_exchange_that_did_is_believed(rows):
    """On the far side of a minimum the highest image lies below the saddle, which would make the adatom too fast."""
    one = next(hop for hop in rows.hops if hop.via is not None)
    low = [
        point.model_copy(update={"energy": min(point.energy, one.via.energy + 0.01)})
        if image > one.via.image and image < len(one.profile) - 1
        else point
        for image, point in enumerate(one.profile)
    ]
    half = one.model_copy(update={"symmetric": False, "profile": low})
    assert half.saddles_about_via == ((one.barrier_forward, True), (pytest.approx(one.via.energy + 0.01), False))
    hops = [half if hop.index == one.index else hop for hop in rows.hops]
    network = with_exchange_minima(build_network(rows.slab, rows.minima, hops), rows.slab, rows.minima, hops)
    found = diffusion_tensor(network, 300.0, ATTEMPTS)
    exact = with_exchange_minima(build_network(rows.slab, rows.minima, rows.hops), rows.slab, rows.minima, rows.hops)
    assert found == pytest.approx(diffusion_tensor(exact, 300.0, ATTEMPTS), rel=0.1)


@pytest.mark.slow
def test_prefactors_of_their_own_keep_the_balance(rows):
    """As many go into the intermediate minimum as come back, whatever the vibrations at the ends."""
    minima = [minimum.model_copy(update={"frequencies": [2.0, 3.0]}) for minimum in rows.minima]
    own = {"prefactor_forward": 4e12, "prefactor_reverse": 4e12}
    hops = [hop.model_copy(update=own) for hop in rows.hops]
    network = with_exchange_minima(build_network(rows.slab, minima, hops), rows.slab, minima, hops)
    found = diffusion_tensor(network, 300.0, ATTEMPTS)
    plain = with_exchange_minima(build_network(rows.slab, rows.minima, rows.hops), rows.slab, rows.minima, rows.hops)
    assert found == pytest.approx(0.4 * diffusion_tensor(plain, 300.0, ATTEMPTS), rel=1e-6)
    weights = np.exp(network.entropies - network.energies / (kB * 300.0))
    net = np.zeros(len(weights))
    for link in network.links:
        flux = link.prefactor * np.exp(network.entropies[link.start] - link.saddle / (kB * 300.0))
        net[link.start] -= flux
        net[link.end] += flux
    assert net == pytest.approx(0.0, abs=1e-9 * ATTEMPTS)


@pytest.mark.slow
def test_what_the_manual_says_of_al_110():
    """docs/campaigns.md, from docs/results/al110-exchange.json.gz."""
    docs = Path(__file__).parents[1] / "docs"
    (found,) = [each for each in load_results(docs / "results/al110-exchange.json.gz") if each.study == "diffusion"]
    words = (docs / "campaigns.md").read_text(encoding="utf-8")
    across = min(hop.barrier_forward for hop in found.hops if hop.via is not None)
    over = max(hop.barrier_forward for hop in found.hops if not hop.is_exchange)
    assert f"costs {across:.3f} eV by EMT, the hop over a row {over:.3f} eV" in words


@pytest.mark.slow
def test_exchanges_over_one_saddle_are_told(rows):
    """A hop over the same saddle as another one; those through an intermediate minimum are counted once as it is."""
    assert same_saddles(rows.slab, rows.minima, rows.hops) == []
    alone = next(hop for hop in rows.hops if hop.is_exchange and hop.via is None)
    twice = [*rows.hops, alone.model_copy(update={"index": 17})]
    (told_of,) = same_saddles(rows.slab, rows.minima, twice)
    assert (told_of.code, told_of.about[0].number) == ("same-saddle", 17)
    assert f" hop {alone.index}" in told_of.text


@pytest.mark.slow
def test_exchanges_that_failed_are_not_said_to_count(rows):
    context = SimpleNamespace(text=lambda _, __, value: f"{value:.3f}", published=lambda *_: None)
    assert "by hops of the adatom alone" not in _answer(rows, context)
    hops = [hop.model_copy(update={"state": "failed", "barrier_forward": None}) if hop.is_exchange else hop
            for hop in rows.hops]  # fmt: skip
    assert "by hops of the adatom alone" in _answer(rows.model_copy(update={"hops": hops}), context)


def test_options_of_before_are_written_as_before():
    """Jobs keep their uuids, and documents their settings, where exchanges are not asked for."""
    before = DiffusionContext(input=DiffusionInput(adsorbate="Li"))
    assert "exchange" not in before.as_dict()
    assert "exchange" not in before.asked
    asked = DiffusionContext(input=DiffusionInput(adsorbate="Li", exchange=True))
    assert asked.asked["exchange"] is True
    assert DiffusionContext.from_dict(asked.as_dict()).input.exchange
