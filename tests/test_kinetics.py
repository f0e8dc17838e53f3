"""Rates, the exact diffusivity (against textbooks and kinetic Monte Carlo), and the cheapest way from cell to cell."""

from dataclasses import replace

import numpy as np
import pytest
from ase.units import kB
from hypothesis import given, settings
from hypothesis import strategies as st

from anodeflow.studies.diffusion.document import Diffusivity
from anodeflow.studies.diffusion.kinetics import diffusion_tensor, hop_rate
from anodeflow.studies.diffusion.network import Link, Network
from anodeflow.studies.diffusion.percolation import cheapest_path

CELL = np.array([[3.0, 0.0], [0.0, 4.0]])


def network(energies, links, vectors=CELL, positions=None) -> Network:
    """Network of `links`, each ``(start, end, cell, saddle)``, and their reverses."""
    positions = np.zeros((len(energies), 2)) if positions is None else np.array(positions)
    both = []
    for index, (start, end, cell, saddle) in enumerate(links):
        step = positions[end] + np.array(cell) @ vectors - positions[start]
        both.append(Link(start, end, tuple(cell), tuple(step), index, False, saddle))
        both.append(Link(end, start, (-cell[0], -cell[1]), tuple(-step), index, True, saddle))
    return Network(vectors, np.array(energies, dtype=float), list(range(len(energies))), both)


def monte_carlo(net: Network, temperature: float, hops: int, walkers: int, seed: int) -> np.ndarray:
    """Diffusion tensor (cm²/s, prefactor 1/s) from the mean squared displacement of random walks."""
    random = np.random.default_rng(seed)
    weights = np.exp(-net.energies / (kB * temperature))
    outgoing = [[link for link in net.links if link.start == node] for node in range(len(net.energies))]
    rates = [
        np.exp(-np.array([k.saddle - net.energies[k.start] for k in ways]) / (kB * temperature)) for ways in outgoing
    ]
    tensor = np.zeros((2, 2))
    duration = hops * sum(w / weights.sum() / r.sum() for w, r in zip(weights, rates, strict=True))
    for _ in range(walkers):
        node = random.choice(len(weights), p=weights / weights.sum())
        place, time = np.zeros(2), 0.0
        while (time := time + random.exponential(1 / rates[node].sum())) < duration:
            link = outgoing[node][random.choice(len(rates[node]), p=rates[node] / rates[node].sum())]
            place, node = place + link.displacement, link.end
        tensor += np.outer(place, place)
    return tensor / walkers / (2 * duration) * 1e-16


def test_rate_is_that_of_transition_state_theory():
    assert hop_rate(0.0, 300, 1e13) == pytest.approx(1e13)
    assert hop_rate(0.3, 300, 1e13) == pytest.approx(1e13 * np.exp(-0.3 / 0.02585199), rel=1e-5)


def test_square_net_is_the_textbooks():
    """D = rate * length² on a square net: Γ l² / 4 with Γ of four neighbours."""
    net = network([0.0], [(0, 0, (1, 0), 0.1), (0, 0, (0, 1), 0.1)], vectors=3 * np.eye(2))
    expected = hop_rate(0.1, 300, 1e13) * 9 * 1e-16
    assert diffusion_tensor(net, 300, 1e13) == pytest.approx(expected * np.eye(2))


def test_honeycomb_net_is_the_textbooks():
    """Two kinds of hollows of a fcc (111) face: D = l² / 4 / (mean time of a hop), the hops being uncorrelated."""
    a = 2.5
    vectors = a * np.array([[1, 0], [-0.5, np.sqrt(0.75)]])
    places = [[0, 0], (2 * vectors[0] + vectors[1]) / 3]
    links = [(0, 1, (0, 0), 0.2), (0, 1, (-1, 0), 0.2), (0, 1, (-1, -1), 0.2)]
    net = network([0.0, 0.0], links, vectors, places)
    expected = 3 * hop_rate(0.2, 300, 1e13) * (a**2 / 3) / 4 * 1e-16
    assert diffusion_tensor(net, 300, 1e13) == pytest.approx(expected * np.eye(2))


def test_chain_of_two_barriers_is_two_resistances_in_series():
    """Along a line, 1/D is the sum over hops of 1/(flux), as for resistances: the low barrier hardly counts."""
    net = network([0.0, 0.05], [(0, 1, (0, 0), 0.1), (1, 0, (1, 0), 0.4)], positions=[[0, 0], [0.8, 0]])
    weights = np.exp(-np.array([0.0, 0.05]) / (kB * 300))
    flux = 1e13 * np.exp(-np.array([0.1, 0.4]) / (kB * 300)) / weights.sum()
    expected = 3.0**2 / np.sum(1 / flux) * 1e-16
    tensor = diffusion_tensor(net, 300, 1e13)
    assert tensor[0, 0] == pytest.approx(expected, rel=1e-6)
    assert abs(tensor[[0, 1, 1], [1, 0, 1]]).max() < 1e-9 * expected


def test_stiff_network_keeps_its_slow_hop():
    """Rates 25 orders of magnitude apart: rattling in a pair of minima is not diffusion."""
    links = [(0, 1, (0, 0), 0.01), (1, 0, (1, 0), 1.5)]
    net = network([0.0, 0.0], links, positions=[[0, 0], [0.5, 0]])
    expected = 9.0 * hop_rate(1.5, 300, 1e13) / 2 * 1e-16
    assert diffusion_tensor(net, 300, 1e13)[0, 0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_tensor_is_that_of_kinetic_monte_carlo():
    """Three inequivalent minima, oblique cell: hops forth and back are correlated."""
    vectors = np.array([[3.0, 0.0], [0.7, 4.0]])
    links = [
        (0, 1, (0, 0), 0.10),
        (1, 2, (0, 0), 0.13),
        (2, 0, (1, 0), 0.11),
        (1, 0, (0, 1), 0.14),
        (2, 2, (0, 1), 0.16),
    ]
    net = network([0.0, 0.04, 0.02], links, vectors, [[0, 0], [1.0, 1.5], [2.2, 0.5]])
    exact = diffusion_tensor(net, 300, 1.0)
    simulated = monte_carlo(net, 300, hops=150, walkers=2500, seed=1)
    steps = np.array([link.displacement for link in net.links])
    weights = np.exp(-net.energies / (kB * 300))
    flux = np.exp(-np.array([link.saddle for link in net.links]) / (kB * 300)) / weights.sum()
    uncorrelated = np.einsum("k,ki,kj->ij", flux, steps, steps) / 2 * 1e-16
    assert simulated == pytest.approx(exact, rel=0.08, abs=0.03 * np.trace(exact))
    assert np.trace(uncorrelated) > 1.2 * np.trace(exact), "the test would not see a missing correction"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_leaving_out_a_link_never_speeds_diffusion_up(seed):
    random = np.random.default_rng(seed)
    nodes = int(random.integers(1, 5))
    links = [
        (int(i), int(j), tuple(int(c) for c in random.integers(-1, 2, 2)), 0.3 + float(random.random() / 5))
        for i, j in random.integers(0, nodes, (8, 2))
    ]
    places = random.random((nodes, 2)) * 3
    energies = random.random(nodes) / 5
    full = diffusion_tensor(network(energies, links, positions=places), 400, 1e13)
    part = diffusion_tensor(network(energies, links[:-1], positions=places), 400, 1e13)
    assert np.linalg.eigvalsh(full).min() >= -1e-12 * np.trace(full)
    assert np.linalg.eigvalsh(full - part).min() >= -1e-9 * max(np.trace(full), 1e-300)


def test_cheapest_path_takes_the_lower_pass_although_it_is_longer():
    links = [(0, 0, (1, 0), 0.5), (0, 1, (0, 0), 0.2), (1, 2, (0, 0), 0.3), (2, 0, (1, 0), 0.25), (0, 0, (0, 1), 0.4)]
    net = network([0.1, 0.0, 0.05], links, positions=[[0, 0], [1, 0], [2, 0]])
    path = cheapest_path(net)
    assert path.start == 1, "it begins at its lowest minimum"
    assert [(step.hop, step.reverse) for step in path.steps] in (
        [(1, True), (3, True), (2, True)],
        [(2, False), (3, False), (1, False)],
    )
    assert path.barrier == pytest.approx(0.3)
    assert path.limiting_hop == 2
    assert np.abs(path.displacement) == pytest.approx([3, 0])
    across = cheapest_path(net, across=path)
    assert [step.hop for step in across.steps] == [4]
    assert np.abs(across.displacement) == pytest.approx([0, 4])
    assert across.barrier == pytest.approx(0.4), "over the lowest minimum of the surface, which is not on this way"


def test_barrier_is_the_slope_of_the_arrhenius_plot_of_its_own_network():
    """Three minima; the lowest lies beside the way, and the adatom has to come from there."""
    links = [(0, 1, (0, 0), 0.30), (1, 0, (1, 0), 0.35), (0, 2, (0, 0), 0.25)]
    net = network([0.10, 0.15, 0.0], links, positions=[[0, 0], [1.5, 0], [0, 1.5]])
    path = cheapest_path(net)
    assert (path.start, sorted(step.hop for step in path.steps)) == (0, [0, 1]), "minimum 2 is not on the way"
    temperatures = np.array([60.0, 80.0, 100.0, 120.0])
    spread = [diffusion_tensor(net, temperature, 1e13)[0, 0] for temperature in temperatures]
    slope = -np.polyfit(1 / (kB * temperatures), np.log(spread), 1)[0]
    assert path.barrier == pytest.approx(slope, abs=1e-3)
    assert path.barrier == pytest.approx(0.35)


def test_prefactors_of_their_own_obey_detailed_balance():
    """Hops whose saddles differ in entropy, from minima that do, too: rates from occupations by hand."""
    positions = [[0, 0], [1.2, 0]]
    plain = network([0.0, 0.05], [(0, 1, (0, 0), 0.2), (1, 0, (1, 0), 0.25)], positions=positions)
    entropies = np.array([0.0, 0.7])  # the second minimum is softer: twice as likely as its energy says
    at_saddle = [5e12, 2e13]  # attempt frequencies from the first minimum
    links = [replace(k, prefactor=at_saddle[k.hop] * np.exp(-entropies[k.start])) for k in plain.links]
    net = replace(plain, links=links, entropies=entropies)
    weights = np.exp(entropies - np.array([0.0, 0.05]) / (kB * 300))
    flux = np.array(at_saddle) * np.exp(-np.array([0.2, 0.25]) / (kB * 300)) / weights.sum()
    assert diffusion_tensor(net, 300, 1e13)[0, 0] == pytest.approx(9.0 / np.sum(1 / flux) * 1e-16, rel=1e-6)


def test_equal_passes_are_decided_by_the_number_of_hops():
    links = [(0, 1, (0, 0), 0.3), (1, 0, (1, 0), 0.3), (0, 0, (0, 1), 0.3)]
    path = cheapest_path(network([0.0, 0.0], links, positions=[[0, 0], [1.5, 0]]))
    assert [step.hop for step in path.steps] == [2]


def test_hops_that_close_up_in_one_cell_lead_nowhere():
    links = [(0, 1, (0, 0), 0.1), (0, 1, (0, 0), 0.2)]
    net = network([0.0, 0.0], links, positions=[[0, 0], [1, 0]])
    assert cheapest_path(net) is None
    assert cheapest_path(network([0.0], [])) is None
    assert diffusion_tensor(net, 300, 1e13) == pytest.approx(np.zeros((2, 2)), abs=1e-12)


def test_one_dimensional_network_has_no_way_across():
    net = network([0.0], [(0, 0, (1, 0), 0.1), (0, 0, (2, 0), 0.2)])
    path = cheapest_path(net)
    assert cheapest_path(net, across=path) is None


@pytest.mark.parametrize("noise", [0.0, 1e-5, -1e-5])
def test_directions_of_an_isotropic_tensor_are_the_axes_whatever_its_noise(noise):
    tensor = [[1.0, noise], [noise, 1.0 - 3 * noise]]
    point = Diffusivity(temperature=300, hop_rates=[], tensor=tensor, diffusivity=1.0)
    assert [direction for _, direction in point.principal] == [(1.0, 0.0), (0.0, 1.0)]
    tensor[1][1] = 0.9
    (_, fast), (_, slow) = Diffusivity(temperature=300, hop_rates=[], tensor=tensor, diffusivity=1.0).principal
    assert np.dot(fast, [1, 0]) == pytest.approx(1, abs=1e-6)
    assert np.dot(fast, slow) == pytest.approx(0, abs=1e-9)
