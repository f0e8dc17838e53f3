"""What SevenNet knows of each atom before it makes an energy of it: the features in which its error is learned.

Its last layer is linear, so that a correction which is linear in the 64 numbers that go into it is SevenNet with other
weights there, some for each element: forces come from the same derivatives, at the same cost.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
from ase import Atoms

from anodeflow.backends.features import count_labels

_READOUT, _SCALED, _FORCES = "reduce_hidden_to_energy", "rescale_atomic_energy", "force_output"


class SevenNetFeatures:
    """The numbers that go into the last layer, summed over the atoms of each element.

    Parameters
    ----------
    calculator
        ``sevenn.calculator.SevenNetCalculator``.
    """

    name: str = "sevennet"

    def __init__(self, calculator: Any) -> None:
        self.calculator = calculator

    @classmethod
    def fits(cls, calculator: Any) -> bool:
        """Return whether a calculator is one of SevenNet whose layers are those that are known here."""
        modules = getattr(getattr(calculator, "model", None), "_modules", {})
        return type(calculator).__name__ == "SevenNetCalculator" and {_READOUT, _SCALED, _FORCES} <= set(modules)

    @property
    def size(self) -> int:
        """How many numbers there are for each atom."""
        return int(self._module(_READOUT).linear.irreps_in.dim)

    def _module(self, name: str) -> Any:
        return self.calculator.model._modules[name]

    def labels(self, elements: Sequence[str]) -> list[str]:
        """Return the names of the features (see :class:`anodeflow.backends.features.Features`)."""
        return count_labels(elements) + [f"{element} {k}" for element in elements for k in range(self.size)]

    def evaluate(self, atoms: Atoms, elements: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return features and derivatives (see :class:`anodeflow.backends.features.Features`)."""
        import torch
        from sevenn import _keys as keys

        symbols, count = np.array(atoms.symbols), len(atoms)
        seen = self._seen(atoms)
        hidden, (source, target) = seen["hidden"], seen["data"][keys.EDGE_IDX]
        edges = seen["data"][keys.EDGE_VEC]
        values = [float(np.sum(symbols == element)) for element in elements]
        gradients = [np.zeros((count, 3)) for _ in elements]
        for element in elements:
            mine = torch.tensor(symbols == element, device=hidden.device)
            for k in range(hidden.shape[1]):
                total = hidden[mine, k].sum()
                values.append(float(total.detach()))
                gradient = np.zeros((count, 3))
                if mine.any():
                    (along,) = torch.autograd.grad(total, [edges], retain_graph=True)
                    summed = torch.zeros(count, 3, dtype=along.dtype, device=along.device)
                    summed.index_add_(0, target, along).index_add_(0, source, -along)
                    gradient = summed.cpu().numpy().astype(float)
                gradients.append(gradient)
        return np.array(values), np.array(gradients)

    def values(self, atoms: Atoms, elements: Sequence[str]) -> np.ndarray:
        """Return the features alone (see :class:`anodeflow.backends.features.Features`), which takes no derivatives."""
        symbols, hidden = np.array(atoms.symbols), self._seen(atoms)["hidden"].detach().cpu().numpy().astype(float)
        counts = [np.sum(symbols == element) for element in elements]
        return np.concatenate([counts, *(hidden[symbols == element].sum(axis=0) for element in elements)])

    def _seen(self, atoms: Atoms) -> dict[str, Any]:
        """Return what goes into the last layer (hidden, data), from which derivatives can be taken."""
        seen: dict[str, Any] = {}
        force = self._module(_FORCES)
        usual = force.forward
        force.forward = lambda data: data  # it would free what the derivatives need
        try:
            with self._watched(seen):
                self._run(atoms)
        finally:
            force.forward = usual
        return seen

    @contextmanager
    def _watched(self, seen: dict[str, Any]) -> Iterator[None]:
        """Put what goes into the last layer into `seen` (hidden, data), while the model runs."""
        key = self._module(_READOUT).key_input

        def watch(_: Any, args: tuple[Any, ...]) -> None:
            seen["data"], seen["hidden"] = args[0], args[0][key]

        handle = self._module(_READOUT).register_forward_pre_hook(watch)
        try:
            yield
        finally:
            handle.remove()

    def _run(self, atoms: Atoms) -> Any:
        from sevenn import _keys as keys
        from sevenn.atom_graph_data import AtomGraphData
        from sevenn.train.dataload import unlabeled_atoms_to_graph

        calculator = self.calculator
        graph = unlabeled_atoms_to_graph(atoms, calculator.cutoff, with_shift=False)
        data: Any = AtomGraphData.from_numpy_dict(graph)
        if calculator.modal:
            data[keys.DATA_MODALITY] = calculator.modal
        data.to(calculator.device)
        return calculator.model(data)

    def corrected(self, weights: dict[str, float]) -> Any:
        """Return the calculator of the corrected potential (see :class:`anodeflow.backends.features.Features`)."""
        own = copy(self.calculator)
        own.results, own.atoms = {}, None
        plain = own.calculate

        def calculate(atoms: Atoms, properties: Any = None, system_changes: Any = None) -> None:
            with self._corrected(weights, np.array(atoms.symbols)):
                plain(atoms, properties, system_changes or [])

        own.calculate = calculate
        return own

    @contextmanager
    def _corrected(self, weights: dict[str, float], symbols: np.ndarray) -> Iterator[None]:
        """Add the correction to the energies of the atoms, while the model runs."""
        import torch
        from sevenn import _keys as keys

        table = np.array([[weights.get(f"{symbol} {k}", 0.0) for k in range(self.size)] for symbol in symbols])
        zero = np.array([[weights.get(f"{symbol} atoms", 0.0)] for symbol in symbols])
        seen: dict[str, Any] = {}

        def add(_: Any, __: Any, data: Any) -> Any:
            hidden = seen["hidden"]
            own = torch.as_tensor(table, dtype=hidden.dtype, device=hidden.device)
            shift = torch.as_tensor(zero, dtype=hidden.dtype, device=hidden.device)
            data[keys.ATOMIC_ENERGY] = data[keys.ATOMIC_ENERGY] + (hidden * own).sum(dim=1, keepdim=True) + shift
            return data

        handle = self._module(_SCALED).register_forward_hook(add)
        try:
            with self._watched(seen):
                yield
        finally:
            handle.remove()
