"""What a study of orderings tells its jobs."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anodeflow.studies.context import StudyContext
from anodeflow.studies.inputs import StudyInput
from anodeflow.studies.orderings.input import OrderingsInput, OrderingsShortlist


@dataclass(frozen=True, kw_only=True)
class OrderingsContext(StudyContext):
    """What is asked of the orderings of one alloy.

    Attributes
    ----------
    input
        What was asked for.
    volumes
        Element -> volume of an atom in its bulk, Å³, by the ranking backend; none: not known yet.
    enumerated
        Parent lattice -> number of orderings; none: not known yet.
    """

    unsaid: ClassVar[tuple[str, ...]] = ("confirm_at_most", "volumes", "enumerated")
    uncounted: ClassVar[frozenset[str]] = frozenset({"rank_with"})

    input: OrderingsInput
    volumes: dict[str, float] | None = None
    enumerated: dict[str, int] | None = None

    @classmethod
    def written(cls, input: StudyInput) -> dict[str, Any]:
        """Return options by the names that they had before there was a `prescreen` of orderings."""
        assert isinstance(input, OrderingsInput)
        kept = input.model_dump(include={"hosts", "max_atoms", "keep", "sqs_atoms"})
        shortlist = input.shortlist
        kept |= {"window": shortlist.window, "confirm_at_most": shortlist.keep, "rank_with": shortlist.backend}
        return {"formula": input.composition} | kept

    @classmethod
    def read(cls, options: dict[str, Any]) -> OrderingsInput:
        """Return the options that a job keeps; `rank_with` is missing in jobs made before there was this."""
        kept = dict(options)
        shortlist = OrderingsShortlist(
            backend=kept.pop("rank_with", OrderingsShortlist().backend),
            keep=kept.pop("confirm_at_most", None),
            window=kept.pop("window"),
        )
        return OrderingsInput(composition=kept.pop("formula"), prescreen=shortlist, **kept)
