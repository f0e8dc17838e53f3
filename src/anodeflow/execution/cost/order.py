"""The order of a run with a budget: cheap studies before dear ones, minima before saddles."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
from jobflow import Flow, Job

from anodeflow.core.jobs import in_sequence
from anodeflow.execution.cost.expected import Expectation

if TYPE_CHECKING:
    from anodeflow.studies.plan import Plan

Rank = tuple[bool, float]
"""Whether it is about saddles, and its processor hours."""
_SADDLES = ("neb", "modes", "hessian")
_UNKNOWN = float("inf")


def study_ranks(
    plan: "Plan", expected: Sequence[Expectation], hours: Sequence[float | None]
) -> dict[tuple[Any, ...], Rank]:
    """Return key of a study on a subject -> its rank: what all that its document waits for takes, once.

    Parameters
    ----------
    plan
        Plan of the campaign.
    expected, hours
        What its entries are going to become, and the processor hours of each; none: nothing is predicted.
    """
    costs: dict[str, float] = {}
    for each, time in zip(expected, hours, strict=True):
        costs[each.entry.label] = costs.get(each.entry.label, 0.0) + (time or 0.0)
    ranks = {}
    for key, labels in plan.documents.items():
        needed = _needed(plan, labels)
        saddles = any(plan.calculations[label].task in _SADDLES for label in needed)
        ranks[key] = saddles, sum(costs.get(label, 0.0) for label in needed)
    return ranks


def _needed(plan: "Plan", labels: set[str]) -> set[str]:
    """Return the labels, and those of all calculations that they wait for."""
    found: set[str] = set()
    waiting = [label for label in labels if label in plan.calculations]
    while waiting:
        label = waiting.pop()
        if label not in found:
            found.add(label)
            waiting += [before for before in plan.calculations[label].after if before in plan.calculations]
    return found


def in_order(flow: Flow, keys: Sequence[Any], ranks: Mapping[tuple[Any, ...], Rank]) -> Flow:
    """Return the flow, whose jobs come in the order of their studies' ranks, each after those that it needs.

    Parameters
    ----------
    flow
        Flow of a campaign.
    keys
        Key of each of its parts.
    ranks
        Key of a study -> rank. A part without one (a bulk, a slab) comes before the first study that needs it.
    """
    last: Rank = (True, _UNKNOWN)
    own: dict[str, Rank] = {}
    for key, part in zip(keys, flow.jobs, strict=True):
        for uuid in [part.uuid] if isinstance(part, Job) else part.all_uuids:
            own[uuid] = ranks.get(key, last)
    graph = flow.graph
    rank: dict[str, Rank] = {}
    for node in reversed(list(nx.topological_sort(graph))):
        rank[node] = min([own.get(node, last), *(rank[after] for after in graph.successors(node))])
    place = {node: index for index, node in enumerate(nx.topological_sort(graph))}
    order = list(nx.lexicographical_topological_sort(graph, key=lambda node: (*rank[node], place[node])))

    return in_sequence(flow, order)
