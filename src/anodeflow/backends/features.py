"""Numbers that describe the surroundings of atoms, in which the error of a potential is linear enough to be learned.

A correction to a potential is a weighted sum of features. Any potential can have the radial ones of this module; one
that has better ones of its own gives them instead (:mod:`anodeflow.backends.mlip.sevennet_features`).
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress


class Features(Protocol):
    """What describes a structure: sums over its atoms, each with its derivatives.

    Attributes
    ----------
    name
        Of the kind of features; those of different kinds are not mixed.
    """

    name: str

    def labels(self, elements: Sequence[str]) -> list[str]:
        """Return the names of the features of structures of these elements, in the order of the values."""

    def evaluate(self, atoms: Atoms, elements: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the features (f,) of a structure, and their derivatives by the positions (f, n, 3), 1/Å."""

    def values(self, atoms: Atoms, elements: Sequence[str]) -> np.ndarray:
        """Return the features (f,) alone."""

    def corrected(self, weights: dict[str, float]) -> Any:
        """Return an ASE calculator of the potential plus the sum of features times `weights` (eV, by label)."""


COUNTS = {f"{element} atoms": element for element in chemical_symbols[1:]}
"""Names of the features that count atoms, the zero of the energies of both codes -> element."""


def count_labels(elements: Sequence[str]) -> list[str]:
    """Return the names of the features that count atoms of some elements."""
    return [f"{element} atoms" for element in elements]


def elements_of(labels: Iterable[str]) -> set[str]:
    """Return the elements whose atoms are counted among features."""
    return {COUNTS[label] for label in labels if label in COUNTS}


class RadialFeatures:
    """Sums over pairs of atoms, and products of the densities of neighbours around each atom.

    Pairs: Gaussians of the distance at ten places, 1.6 to 6 Å. Densities: sums over the neighbours of an element of two
    Gaussians at zero distance, 1.6 and 2.4 Å wide; their products tell how crowded an atom is.

    Parameters
    ----------
    calculator
        ASE calculator of the potential that is corrected.
    """

    name: str = "radial"
    cutoff: ClassVar[float] = 6.5
    places: ClassVar[np.ndarray] = np.linspace(1.6, 6.0, 10)
    widths: ClassVar[np.ndarray] = np.array([1.6, 2.4])

    def __init__(self, calculator: Any) -> None:
        self.calculator = calculator

    def labels(self, elements: Sequence[str]) -> list[str]:
        """Return the names of the features (see :class:`Features`)."""
        pairs = [f"{a}-{b} {k}" for a, b in _pairs(elements) for k in range(len(self.places))]
        return count_labels(elements) + pairs + [f"{c}: {a}·{b}" for c, a, b in self._products(elements)]

    def _products(self, elements: Sequence[str]) -> list[tuple[str, str, str]]:
        densities = [f"{element}{m}" for element in elements for m in range(len(self.widths))]
        return [(c, a, b) for c in elements for i, a in enumerate(densities) for b in densities[i:]]

    def evaluate(self, atoms: Atoms, elements: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return features and derivatives (see :class:`Features`)."""
        return self.derived(atoms, elements)[:2]

    def derived(self, atoms: Atoms, elements: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, derivatives by positions, and those by strains of the cell (f, 3, 3)."""
        kind = np.array([list(elements).index(symbol) for symbol in atoms.symbols])
        count, kinds = len(atoms), len(elements)
        first, second, vectors, lengths = neighbor_list("ijDd", atoms, self.cutoff)
        towards = vectors / lengths[:, None]
        pair, pair_slope = self._faded(lengths, (lengths[:, None] - self.places) / 0.6, 0.6)
        near, near_slope = self._faded(lengths, lengths[:, None] / self.widths, self.widths)

        def derivative(slopes: np.ndarray) -> np.ndarray:
            strains.append(np.einsum("p,pi,pj->ij", slopes * lengths, towards, towards))
            gradient = np.zeros((count, 3))
            np.add.at(gradient, second, slopes[:, None] * towards)
            np.add.at(gradient, first, -slopes[:, None] * towards)
            return gradient

        values = [float(np.sum(kind == each)) for each in range(kinds)]
        gradients = [np.zeros((count, 3)) for _ in range(kinds)]
        strains = [np.zeros((3, 3)) for _ in range(kinds)]
        for a, b in _pairs(range(kinds)):
            mine = ((kind[first] == a) & (kind[second] == b)) | ((kind[first] == b) & (kind[second] == a))
            for k in range(pair.shape[1]):
                values.append(float(pair[mine, k].sum()) / 2)
                gradients.append(derivative(np.where(mine, pair_slope[:, k], 0.0) / 2))
        density = np.zeros((count, kinds, len(self.widths)))
        np.add.at(density, (first, kind[second]), near)
        flat = density.reshape(count, -1)
        for centre in range(kinds):
            around = kind == centre
            for a in range(flat.shape[1]):
                for b in range(a, flat.shape[1]):
                    slopes = np.zeros(len(lengths))
                    for one, other in ((a, b), (b, a)):
                        element, m = divmod(one, len(self.widths))
                        mine = around[first] & (kind[second] == element)
                        slopes[mine] += near_slope[mine, m] * flat[first[mine], other]
                    values.append(float((flat[around, a] * flat[around, b]).sum()))
                    gradients.append(derivative(slopes))
        return np.array(values), np.array(gradients), np.array(strains)

    def values(self, atoms: Atoms, elements: Sequence[str]) -> np.ndarray:
        """Return the features alone (see :class:`Features`)."""
        return self.evaluate(atoms, elements)[0]

    def _faded(self, lengths: np.ndarray, scaled: np.ndarray, width: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return Gaussians that end smoothly at the cutoff (pairs, k), and their slopes, 1/Å."""
        fade = (np.cos(np.pi * lengths / self.cutoff) + 1)[:, None] / 2
        fade_slope = -np.pi / (2 * self.cutoff) * np.sin(np.pi * lengths / self.cutoff)[:, None]
        gaussian = np.exp(-(scaled**2) / 2)
        return gaussian * fade, gaussian * (fade_slope - fade * scaled / width)

    def corrected(self, weights: dict[str, float]) -> Any:
        """Return the calculator of the corrected potential (see :class:`Features`)."""
        return _Corrected(self, weights)


def _pairs(elements: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [(a, b) for i, a in enumerate(elements) for b in elements[i:]]


class _Corrected(Calculator):
    """A potential plus weighted radial features."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (as ASE has it)

    def __init__(self, features: RadialFeatures, weights: dict[str, float]) -> None:
        super().__init__()
        self.features, self.weights = features, weights

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        """Set the results for `atoms`; the stress where it is asked for."""
        super().calculate(atoms, properties, system_changes)
        free = atoms.copy()
        free.set_constraint()
        free.calc = self.features.calculator
        elements = sorted(set(atoms.symbols))
        values, gradients, strains = self.features.derived(free, elements)
        weights = np.array([self.weights.get(label, 0.0) for label in self.features.labels(elements)])
        energy = float(free.get_potential_energy() + weights @ values)
        forces = free.get_forces() - np.einsum("f,fnx->nx", weights, gradients)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if "stress" in properties:
            own = np.einsum("f,fxy->xy", weights, strains) / free.get_volume()
            self.results["stress"] = free.get_stress() + full_3x3_to_voigt_6_stress(own)
