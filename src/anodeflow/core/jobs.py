"""Jobs: how functions become some, and their names."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from typing import Any, overload

import jobflow
from jobflow import Flow, Job


@overload
def job(function: Callable[..., Any]) -> Callable[..., Job]: ...
@overload
def job(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Job]]: ...
def job(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """As jobflow's ``@job``, but arguments are not written out for every job that is made.

    jobflow writes all of them, structures too, to warn of a job that stands where its output is meant: much of the time
    that a campaign of thousands of jobs took to build. So a job is made without arguments and is given them then. Where
    a job does stand among them, itself or in lists and mappings, jobflow makes it, and warns.

    Parameters
    ----------
    function
        Function, or method of a Maker (with `self`).
    options
        As of jobflow's: `output_schema`, and names of additional stores.
    """
    if function is None:
        return partial(job, **options)
    if isinstance(function, classmethod | staticmethod):
        raise TypeError("@job stands below @classmethod and @staticmethod, not above them")
    make: Callable[..., Job] = jobflow.job(function, **options)
    hosts = int(next(iter(inspect.signature(function).parameters), "") == "self")

    @wraps(make)
    def made(*arguments: Any, **keywords: Any) -> Job:
        if _holds_job((arguments, keywords)):
            return make(*arguments, **keywords)
        return told(make(*arguments[:hosts]), arguments[hosts:], keywords)

    return made


def told(one: Job, arguments: Sequence[Any], keywords: dict[str, Any]) -> Job:
    """Return a job that was made without arguments, and has them now."""
    one.function_args, one.function_kwargs = tuple(arguments), keywords
    return one


def _holds_job(value: Any) -> bool:
    """Whether a value is a job or a flow, or a list or a mapping that holds one."""
    if isinstance(value, dict):
        return any(map(_holds_job, value.values()))
    return any(map(_holds_job, value)) if isinstance(value, list | tuple) else isinstance(value, Flow | Job)


def named(made: Any, name: str) -> Job:
    """Return the job that a Maker made, under a name."""
    made.name = name
    return made


def in_sequence(flow: Flow, order: Sequence[str] | None = None) -> Flow:
    """Return the flow, whose jobs jobflow takes in this order, each after those that it needs.

    Parameters
    ----------
    flow
        Flow of a campaign; changed.
    order
        Uuids of all jobs; none: one part after the other that has no job in common with the rest, as jobflow does it.
        Of such parts jobflow warns; in a campaign on two metals they are as they should be.
    """
    import networkx as nx  # as jobflow does: what only makes jobs does without

    graph = flow.graph
    if order is None:
        place = {node: index for index, node in enumerate(nx.topological_sort(graph))}
        parts = [sorted(part, key=place.__getitem__) for part in nx.weakly_connected_components(graph)]
        order = [node for part in sorted(parts, key=lambda part: place[part[0]]) for node in part]

    def jobs() -> Iterator[tuple[Job, list[str]]]:
        for node in order:
            if "job" in graph.nodes[node]:
                parents = [parent for parent, _ in graph.in_edges(node) if "job" in graph.nodes[parent]]
                yield graph.nodes[node]["job"], parents

    flow.iterflow = jobs  # type: ignore[method-assign]  # what jobflow's local manager goes through
    return flow
