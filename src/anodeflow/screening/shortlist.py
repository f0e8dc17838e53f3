"""Which of the candidates that a potential ranked are handed on to DFT, and how far the potential is from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from anodeflow.calculations.document import CalculationDoc
from anodeflow.calculations.guide_ranks import LearnedRanking
from anodeflow.calculations.screening_document import (
    AuditEntry,
    BandRecord,
    Candidate,
    PrescreenAudit,
    PrescreenRecord,
)
from anodeflow.core.caveats import Caveat, Subject
from anodeflow.screening.settings import PrescreenSettings

BEYOND_WINDOW, BEYOND_KEEP = "outside the window", "beyond the number that is kept"
BEYOND_DOUBT = "above the lowest by more than two standard deviations"
OTHER_MINIMUM = 0.6
"""Where DFT moved an atom by more than this from the potential's minimum, it is in another one, Å."""
_FEWEST_RANKS = 3
_DEVIATIONS = 2.0  # standard ones
_FAR = 2.0  # windows: a candidate farther above the lowest is left out without doubt


@dataclass(frozen=True)
class Ranked:
    """What the potential found for one candidate.

    Attributes
    ----------
    step, label
        Step of the study (site 2, registry 4), and the candidate in words.
    energy
        Its energy by the potential, eV; none: the potential failed.
    unfit
        Why it is no candidate (the minimum of another one, sunk ...); empty: it is.
    """

    step: str
    label: str
    energy: float | None
    unfit: str = ""


class ScreenedHop(Protocol):
    """A hop of a study's document, of which a potential may have relaxed the path first."""

    @property
    def state(self) -> str:
        """What became of it; done: its barriers are of a converged path."""

    @property
    def band(self) -> BandRecord | None:
        """The potential's path; none: there is none."""

    @property
    def barrier_forward(self) -> float | None:
        """Saddle minus initial minimum, eV."""

    @property
    def barrier_reverse(self) -> float | None:
        """Saddle minus final minimum, eV."""


def record_of(found: CalculationDoc) -> PrescreenRecord:
    """Return what the document of a relaxation by DFT says of the potential's one that came before."""
    return PrescreenRecord(
        backend=found.backend,
        id=found.id,
        energy=found.energy,
        structure=found.structure,
        converged=found.converged,
        force_evaluations=found.force_evaluations,
    )


def start_record(audit: PrescreenAudit | None) -> PrescreenRecord | None:
    """Return the potential's relaxation of the clean slab or pristine interface of a study; none: there is none."""
    return None if audit is None else audit.start


def choose(
    ranked: Sequence[Ranked], keep: int, window: float, learned: LearnedRanking | None = None
) -> list[Candidate]:
    """Choose the candidates that DFT computes.

    Parameters
    ----------
    ranked
        What the potential found.
    keep
        Most of them that are handed on, lowest first.
    window
        Energy above the lowest up to which they are, eV.
    learned
        How the potential ranks the fit ones with what it learned: those that may be the lowest within two standard
        deviations are handed on then, whatever the window.

    Returns
    -------
    list of Candidate
        All of them, the lowest first. One that the potential failed for is handed on, as nothing is known of it; if
        none is fit, the lowest ones are handed on although they are not.
    """
    known = sorted((each for each in ranked if each.energy is not None), key=lambda each: each.energy or 0.0)
    fit = [each for each in known if not each.unfit] or known
    lowest = 0.0 if not fit else fit[0].energy or 0.0
    energies = {} if learned is None else learned.energies
    if learned is not None and set(energies) == {each.step for each in fit}:
        fit.sort(key=lambda each: energies[each.step])
        known = fit + [each for each in known if each not in fit]
    else:
        learned = None
    found = []
    for each in known:
        energy = (each.energy or 0.0) - lowest
        reason = each.unfit
        by_learned: dict[str, Any] = {}
        if each in fit:
            beyond = BEYOND_WINDOW if energy > window else ""
            if learned is not None:
                above, doubt = energies[each.step], learned.uncertainties[each.step]
                by_learned = {"corrected": above, "uncertainty": doubt, "model": learned.model}
                beyond = BEYOND_DOUBT if above > _DEVIATIONS * doubt else ""
            reason = beyond or (BEYOND_KEEP if fit.index(each) >= keep else "")
        found.append(
            Candidate(
                step=each.step, label=each.label, energy=energy, handed_on=not reason, reason=reason, **by_learned
            )
        )
    failed = [each for each in ranked if each.energy is None]
    return found + [Candidate(step=each.step, label=each.label, energy=None, handed_on=True) for each in failed]


def start_audit(settings: PrescreenSettings) -> PrescreenAudit:
    """Return the empty audit of a prescreen."""
    return PrescreenAudit(backend=settings.backend, keep=settings.keep, window=settings.window, paths=settings.paths)


def is_same(relaxed: CalculationDoc) -> bool:
    """Whether DFT converged in the minimum that the potential had found, so that both energies are of one thing."""
    record = relaxed.prescreen
    return relaxed.converged and record is not None and (record.displacement or 0.0) < OTHER_MINIMUM


def difference_entry(
    quantity: str, step: str, plus: Sequence[CalculationDoc | None], minus: Sequence[CalculationDoc | None]
) -> AuditEntry | None:
    """Return the sum of the energies of some relaxations minus that of others, by both.

    None where the potential's is missing, or both did not find the same minimum (:func:`is_same`). Each relaxation by
    DFT carries the energy of the potential at its own minimum.
    """
    dft, potential = 0.0, 0.0
    for sign, calculations in ((1.0, plus), (-1.0, minus)):
        for each in calculations:
            if each is None or each.prescreen is None or not is_same(each):
                return None
            dft += sign * each.energy
            potential += sign * each.prescreen.energy
    return AuditEntry(quantity=quantity, step=step, potential=potential, dft=dft)


def left_out(audit: PrescreenAudit) -> list[Candidate]:
    """Return the candidates that DFT did not compute although they are minima of their own, the lowest first."""
    return [each for each in audit.candidates if each.reason in (BEYOND_WINDOW, BEYOND_KEEP, BEYOND_DOUBT)]


def with_ranking(audit: PrescreenAudit, energies: dict[str, float]) -> tuple[PrescreenAudit, list[Caveat]]:
    """Return the audit with how well the potential ranks, and warnings on what it left out.

    Parameters
    ----------
    audit
        Its `candidates` are known.
    energies
        Step of each distinct candidate -> its energy by DFT, eV, up to one constant.

    Returns
    -------
    PrescreenAudit
        With `rank_correlation` and `ranking_error`, as far as they are known.
    list of Caveat
        What was left out, and whether the potential's error may hide the lowest candidate among it.
    """
    by_potential = {each.step: energy for each in audit.candidates if (energy := _as_ranked(each)) is not None}
    both = [step for step in energies if step in by_potential]
    pairs = np.array([(by_potential[step], energies[step]) for step in both]).reshape(-1, 2)
    from scipy.stats import spearmanr  # half a second of imports

    found: dict[str, float] = {}
    if len(both) >= _FEWEST_RANKS and np.isfinite(rank := float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)):
        found["rank_correlation"] = rank
    if len(both) > 1:
        found["ranking_error"] = float(np.ptp(pairs[:, 0] - pairs[:, 1]))
    audit = audit.model_copy(update=found)
    return audit, _ranking_warnings(audit, {step: (by_potential[step], energies[step]) for step in both})


def _ranking_warnings(audit: PrescreenAudit, both: Mapping[str, tuple[float, float]]) -> list[Caveat]:
    """Return warnings on what a potential left out; `both`: step -> energy by the potential and by DFT, eV."""
    left = left_out(audit)
    if not left:
        return []
    words = ", ".join(f"{each.step} ({each.label}, {_told(each)})" for each in left)
    warnings = [Caveat("left-out-by-prescreen", f"left out by the prescreen with {audit.backend}: {words}")]
    nearest = min(left, key=lambda each: _as_ranked(each) or 0.0)
    above = _as_ranked(nearest) or 0.0
    window = audit.window if nearest.uncertainty is None else _DEVIATIONS * nearest.uncertainty
    if audit.ranking_error is None:
        if above < _FAR * window:
            warnings.append(
                Caveat(
                    "ranking-error-unknown",
                    f"only one candidate was computed by both, so the error of {audit.backend} between them is "
                    "unknown: a larger window or keep would tell",
                )
            )
        return warnings
    best = min(both, key=lambda step: both[step][1])
    gap = above - both[best][0]
    if audit.ranking_error > min(gap, window):
        warnings.append(
            Caveat(
                "window-too-small",
                f"the window was too small: {audit.backend} errs by {audit.ranking_error:.3f} eV between candidates, "
                f"and {nearest.step} ({nearest.label}), which was left out, lies only {gap:.3f} eV above the lowest by "
                "it: raise keep or window",
            )
        )
    return warnings


def _as_ranked(candidate: Candidate) -> float | None:
    """Return the energy by which a candidate was ranked, over the lowest, eV; none: the potential failed."""
    return candidate.energy if candidate.corrected is None else candidate.corrected


def _told(candidate: Candidate) -> str:
    if candidate.uncertainty is None:
        return f"{candidate.energy:.3f} eV"
    return f"{candidate.corrected:.3f} ± {candidate.uncertainty:.3f} eV"


def not_screened(step: str | Subject, found: CalculationDoc, audit: PrescreenAudit | None) -> list[Caveat]:
    """Return the warning that the potential failed before a relaxation, if it did."""
    if audit is None or found.prescreen is not None:
        return []
    text = f"{audit.backend} failed, so that {found.backend} began from the first geometry"
    return [Caveat("prescreen-failed", text).under(step)]


def potential_ids(found: Mapping[str, CalculationDoc | None]) -> dict[str, str]:
    """Return step -> id of the potential's calculation before each of DFT; steps bear the potential's name."""
    return {
        str(Subject(step).by(each.prescreen.backend)): each.prescreen.id
        for step, each in found.items()
        if each is not None and each.prescreen is not None
    }


def barrier_entries(hop: ScreenedHop, step: str) -> list[AuditEntry]:
    """Return both barriers of a hop by both; nothing where one of them has none, or that of DFT is not converged."""
    if hop.band is None or hop.state != "done" or hop.barrier_forward is None or hop.barrier_reverse is None:
        return []
    return [
        AuditEntry(quantity=name, step=step, potential=getattr(hop.band, name), dft=getattr(hop, name))
        for name in ("barrier_forward", "barrier_reverse")
    ]
