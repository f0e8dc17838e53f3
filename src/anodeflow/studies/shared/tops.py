"""The highest images of paths that turn out to be minima: they are relaxed, and their hops are split there."""

from collections.abc import Callable, Mapping
from typing import Any

from jobflow import Job, Maker, Response

from anodeflow.core.errors import AnodeflowError
from anodeflow.studies.shared.hop_rounds import HopContext
from anodeflow.studies.shared.saddle_search import SaddleSearch
from anodeflow.studies.shared.saddles import relax_further
from anodeflow.studies.shared.steps import followed


def relax_tops(
    maker: Maker,
    search: SaddleSearch,
    study: HopContext,
    failures: Mapping[str, AnodeflowError],
    split: Callable[[dict[str, int], dict[str, Any], list[Any]], Job],
) -> Response:
    """Relax the highest images of paths that have no negative mode and are curved as minima.

    Parameters
    ----------
    maker
        Maker that relaxes positions.
    search, study
        The search, its `tops` among it, and what was asked for.
    failures
        Label of what cannot be computed -> why.
    split
        Makes the job that goes on with them, of the indices of the images and of their relaxations, by that of the hop,
        and of the outputs of jobs that only say what could not be done. It ends with :func:`take_tops`.
    """
    jobs = {
        key: search.relaxation(
            maker,
            search.hops[int(key)].images[image],
            study.label(str(search.image_step(int(key)))),
            by_potential=False,
            nearby=True,
        )
        for key, image in search.tops.items()
    }
    images, relaxed = dict(search.tops), {key: made.output for key, made in jobs.items()}
    return followed(
        list(jobs.values()), failures, lambda told: split(images, relaxed, told), f"{study.of_system}: minima on hops"
    )


def take_tops(search: SaddleSearch) -> None:
    """Forget the highest images that were relaxed; a path that has no minimum there is relaxed further."""
    for index in [int(key) for key in search.tops if search.hops[int(key)].state == "no saddle"]:
        relax_further(search, index, search.hops[index].max_force or 0.0)
    search.tops = {}
