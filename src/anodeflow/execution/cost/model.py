"""What calculations of one code cost: regressions on those that it has finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from anodeflow.backends.base import Backend
from anodeflow.backends.work import Work
from anodeflow.execution.cost.history import Past
from anodeflow.execution.cost.regression import Expected, LogRegression

FEWEST = 3
"""Finished calculations of a code below which nothing is predicted."""
TASKS = ("relax", "relax_cell", "static", "density", "neb", "modes", "hessian")
_ONE_GEOMETRY = ("static", "density")
_ATOMS, _WEIGHT, _SECOND, _MEMORY = 20.0, 1e7, 0.1, 500.0  # what logarithms are taken of

# What is known before there is any history, wide enough that a few calculations overrule it. Number of geometries,
# cycles of each, time of a cycle, which grows about as what the wave functions hold, and memory, of which a part is the
# program's own.
_OF_TASK = [Expected(0.0, 1.0)] * len(TASKS)
_EVALUATIONS = [Expected(2.0, 1.0), *_OF_TASK, Expected(-0.5, 0.7), Expected(0.2, 0.3)]
_CYCLES = [Expected(2.5, 0.7), Expected(0.4, 0.3), Expected(0.2, 0.3), Expected(0.1, 0.2)]
_SECONDS = [Expected(0.0, 3.0), *([Expected(0.0, 0.3)] * len(TASKS)), Expected(0.9, 0.3), Expected(0.1, 0.3)]
_PEAK = [Expected(0.0, 1.0), Expected(0.3, 0.2)]


@dataclass(frozen=True)
class Asked:
    """A calculation to come, as far as its cost goes.

    Attributes
    ----------
    task
        What is done.
    guided
        Whether a potential goes before it.
    work
        What one of its force evaluations has to do.
    most
        Force evaluations after which it ends, whatever has come out; none: its thresholds decide.
    """

    task: str
    guided: bool
    work: Work
    most: int | None = None

    @classmethod
    def of(cls, task: str, guided: bool, work: Work, backend: Backend) -> Self:
        """Return a calculation to come of a backend, whose settings may bound its evaluations."""
        bounds = {"relax": backend.relaxation.evaluations, "neb": backend.path.evaluations} if guided else {}
        return cls(task, guided, work, bounds.get(task))


@dataclass(frozen=True)
class Draws:
    """Possible costs, each an array (draws, calculations).

    Attributes
    ----------
    force_evaluations, scf_cycles
        Their numbers; cycles: none for a code without an SCF.
    processor_seconds
        Time of all processors together, s.
    peak_memory
        MiB; none: too few calculations tell.
    """

    force_evaluations: np.ndarray
    scf_cycles: np.ndarray | None
    processor_seconds: np.ndarray
    peak_memory: np.ndarray | None


class CostModel:
    """Predicts what calculations of a code cost.

    Parameters
    ----------
    history
        At least :data:`FEWEST` finished calculations of the code.
    """

    def __init__(self, history: Sequence[Past]) -> None:
        asked = [Asked(each.task, each.guided, each.work) for each in history]
        evaluations = np.array([max(each.force_evaluations, 1) for each in history], dtype=float)
        cycles = np.array([each.scf_cycles or 0 for each in history], dtype=float)
        seconds = np.array([max(each.processor_seconds, 1e-3) for each in history])
        self.count = len(history)
        self.has_scf = bool((cycles > 0).sum() >= FEWEST)
        free = np.array([each.task not in _ONE_GEOMETRY and not each.cut_short for each in history])
        scf = cycles > 0 if self.has_scf else np.ones(len(history), dtype=bool)
        units = cycles if self.has_scf else evaluations
        self._evaluations = LogRegression(_way_rows(asked)[free], np.log(evaluations[free]), _EVALUATIONS)
        self._cycles = LogRegression(_scf_rows(asked)[scf], np.log(units[scf] / evaluations[scf]), _CYCLES)
        self._seconds = LogRegression(_work_rows(asked)[scf], np.log(seconds[scf] / units[scf] / _SECOND), _SECONDS)
        known = [index for index, each in enumerate(history) if each.peak_memory]
        self._memory: LogRegression | None = None
        if len(known) >= FEWEST:
            memory = np.log([(history[index].peak_memory or 0.0) / _MEMORY for index in known])
            self._memory = LogRegression(_memory_rows([asked[index] for index in known]), memory, _PEAK)
        left_out = np.zeros(len(history))
        left_out[free] += self._evaluations.left_out
        if self.has_scf:
            left_out[scf] += self._cycles.left_out
        left_out[scf] += self._seconds.left_out
        self.error = float(np.exp(np.sqrt(np.mean(left_out[scf] ** 2))))
        """Factor by which the time of one calculation is off, when it is predicted from the others."""

    def median(self, asked: Asked) -> tuple[float, float]:
        """Return the processor hours and the force evaluations of one calculation, the likeliest by half."""
        way = 0.0 if asked.task in _ONE_GEOMETRY else float((_way_rows([asked]) @ self._evaluations.coefficients)[0])
        evaluations = min(max(1.0, float(np.exp(way))), asked.most or np.inf)
        cycles = float(np.exp((_scf_rows([asked]) @ self._cycles.coefficients)[0])) if self.has_scf else 1.0
        second = _SECOND * float(np.exp((_work_rows([asked]) @ self._seconds.coefficients)[0]))
        return evaluations * cycles * second / 3600, evaluations

    def draw(self, asked: Sequence[Asked], draws: int, random: np.random.Generator) -> Draws:
        """Return possible costs of calculations to come."""
        evaluations = np.exp(self._evaluations.draw(_way_rows(asked), draws, random))
        evaluations[:, [each.task in _ONE_GEOMETRY for each in asked]] = 1.0
        evaluations = np.clip(evaluations, 1.0, [each.most or np.inf for each in asked])
        cycles = None
        if self.has_scf:
            cycles = evaluations * np.exp(self._cycles.draw(_scf_rows(asked), draws, random))
        seconds = _SECOND * np.exp(self._seconds.draw(_work_rows(asked), draws, random))
        seconds *= evaluations if cycles is None else cycles
        memory = None
        if self._memory is not None:
            memory = _MEMORY * np.exp(self._memory.draw(_memory_rows(asked), draws, random))
        return Draws(evaluations, cycles, seconds, memory)


def _tasks(asked: Sequence[Asked]) -> np.ndarray:
    """Return (n, tasks) ones where a calculation is of a task."""
    return np.array([[float(each.task == task) for task in TASKS] for each in asked]).reshape(-1, len(TASKS))


def _columns(asked: Sequence[Asked], *columns: np.ndarray | list[float]) -> np.ndarray:
    ones = np.ones(len(asked))
    return np.column_stack([ones, *(np.asarray(column, dtype=float) for column in columns)])


def _atoms(asked: Sequence[Asked]) -> np.ndarray:
    return np.log([each.work.atoms / _ATOMS for each in asked])


def _guided(asked: Sequence[Asked]) -> list[float]:
    return [float(each.guided) for each in asked]


def _weights(asked: Sequence[Asked]) -> np.ndarray:
    return np.log([each.work.weight / _WEIGHT for each in asked])


def _way_rows(asked: Sequence[Asked]) -> np.ndarray:
    return _columns(asked, _tasks(asked), _guided(asked), _atoms(asked))


def _scf_rows(asked: Sequence[Asked]) -> np.ndarray:
    single = [float(each.task in _ONE_GEOMETRY) for each in asked]
    return _columns(asked, single, _guided(asked), _atoms(asked))


def _work_rows(asked: Sequence[Asked]) -> np.ndarray:
    return _columns(asked, _tasks(asked), _weights(asked), _atoms(asked))


def _memory_rows(asked: Sequence[Asked]) -> np.ndarray:
    return _columns(asked, _weights(asked))
