"""Rates of hops, and the diffusivity that follows from them, exactly."""

from collections.abc import Sequence

import numpy as np
from ase.units import kB

from anodeflow.studies.diffusion.document import Diffusivity
from anodeflow.studies.diffusion.hop_document import Hop
from anodeflow.studies.diffusion.network import Network, has_barrier

_SQUARE_CENTIMETRE = 1e-16  # per Å²


def hop_rate(barrier: float, temperature: float, prefactor: float) -> float:
    """Return the rate of a hop, ``prefactor * exp(-barrier / kT)``, 1/s.

    With Vineyard's prefactor (:func:`anodeflow.calculations.vibrations.vineyard_prefactor`) that is classical harmonic
    transition-state theory.

    Parameters
    ----------
    barrier
        Saddle minus minimum, eV.
    temperature
        K.
    prefactor
        Attempt frequency, 1/s.
    """
    return float(prefactor * np.exp(-barrier / (kB * temperature)))


def diffusion_tensor(network: Network, temperature: float, prefactor: float) -> np.ndarray:
    """Return the long-time diffusion tensor of one adatom that walks at random on a network.

    With several inequivalent nodes, successive hops are correlated (an adatom in a shallow minimum mostly goes back),
    so a sum of rate times squared length is too large. The exact tensor takes the correlations off with the
    pseudo-inverse of the rate matrix (R. Agarwal and D. R. Trinkle, Phys. Rev. B 94, 054106 (2016), arXiv:1605.05650,
    for interstitials in a crystal). By detailed balance it is also a least-squares problem, in which nothing large
    cancels: shift node i by a vector chi_i so that

        ``D = 1/2 sum_i p_i sum_links k (d + chi_end - chi_start) (d + chi_end - chi_start)^T``

    becomes the smallest, with the occupations p of equilibrium, rates k and displacements d. It is solved in this
    form. (For one node all chi are equal, and D is the textbook's: rate * length² on a square net of four neighbours.)

    Parameters
    ----------
    network
        Nodes and links of one cell; links in both directions.
    temperature
        K.
    prefactor
        Attempt frequency of the hops that have none of their own, 1/s.

    Returns
    -------
    np.ndarray
        Tensor (2, 2) in the plane, cm²/s. Each link that is left out makes it smaller (or leaves it alone).
    """
    energies = network.energies
    entropies = np.zeros(len(energies)) if network.entropies is None else network.entropies
    weights = np.exp(entropies - (energies - energies.min()) / (kB * temperature))
    # Flux of each link in equilibrium: occupation times rate, the same in both directions.
    saddles = np.array([link.saddle for link in network.links])
    attempts = np.array([prefactor if link.prefactor is None else link.prefactor for link in network.links])
    states = np.exp(entropies[[link.start for link in network.links]])
    flux = attempts * states * np.exp(-(saddles - energies.min()) / (kB * temperature)) / weights.sum()
    incidence = np.zeros((len(network.links), len(energies)))
    for row, link in enumerate(network.links):
        incidence[row, link.end] += 1
        incidence[row, link.start] -= 1
    steps = np.array([link.displacement for link in network.links]).reshape(-1, 2)
    root = np.sqrt(flux)[:, None]
    shifts = np.linalg.lstsq(root * incidence, -root * steps, rcond=None)[0]
    corrected = root * (steps + incidence @ shifts)
    return corrected.T @ corrected / 2 * _SQUARE_CENTIMETRE


def diffusivity(network: Network, hops: Sequence[Hop], temperature: float, prefactor: float) -> Diffusivity:
    """Return rates and diffusivity at one temperature (K); see :func:`diffusion_tensor`.

    `prefactor` (1/s) is that of the hops that have none of their own.
    """
    tensor = diffusion_tensor(network, temperature, prefactor)
    return Diffusivity(
        temperature=temperature,
        hop_rates=[
            hop_rate(hop.barrier_forward, temperature, hop.prefactor_forward or prefactor)
            if hop.barrier_forward is not None and has_barrier(hop)
            else 0.0
            for hop in hops
        ],
        tensor=tensor.tolist(),
        diffusivity=float(np.trace(tensor) / 2),
    )
