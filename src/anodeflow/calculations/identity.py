"""Jobs that are made again get the uuid they had before, so that running a campaign twice stores it once."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from jobflow import Flow, Job
from monty.json import MontyDecoder, MontyEncoder

from anodeflow.calculations.document import CalculationDoc
from anodeflow.core.address import content_hash
from anodeflow.core.jobs import told

_CIRCUMSTANCES = {
    *("finished_at", "wall_time", "restarts", "directory"),
    *("processors", "processor_time", "peak_memory", "proposal_seconds"),
}
"""Fields of a calculation's document that say when, where and in how many goes it was computed, not what was found."""
_NAMED_LATER = {"crystal_axes", "crystal_calculation"}
"""Facts about a slab that were put beside it when there were jobs already: its axes, and what relaxed its crystal."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


_FLAT: dict[tuple[str, str], frozenset[str]] = {}


def written_flat(module: str, name: str, uncounted: frozenset[str]) -> None:
    """Declare that objects of a class were mappings without a class once, and which of their entries do not count."""
    _FLAT[module, name] = uncounted


_FIRST_NAMES: dict[str, str] = {}


def first_called(name: str, first: str) -> None:
    """Declare what a class of documents was called at first: by that name jobs count that refer to its documents."""
    _FIRST_NAMES[name] = first


def _plain(content: str) -> str:
    """Leave out what does not change a result: where and when calculations run, that no potential guides them, or that
    it learns from them (unless that chooses what is computed), where code lies.

    So a job is the same on any cluster (``placement`` of a backend's recipe), the same as before there were guides,
    the same as when what a study tells its jobs was a mapping without a class and a split hop named its intermediate
    minimum in a sentence alone, the same after a class has moved to another module or has got another name, and the
    same after a calculation that it is handed was made again, because its file had been damaged.
    """
    return json.dumps(_counted(json.loads(content)), sort_keys=True)


def _counted(node: Any) -> Any:
    """Return what counts of plain data."""
    if isinstance(node, dict):
        left_out = {"placement", "@module", "@version", "split_at", *_NAMED_LATER} | (
            _CIRCUMSTANCES if "finished_at" in node else set()
        )
        if node.get("@class") == "Prescreen" or {"code", "settings", "learn"} <= node.keys():  # or as a guide
            left_out |= {"learn"}
        if node.get("by_uncertainty") is False:  # as before there was one
            left_out |= {"by_uncertainty"}
        flat = _FLAT.get((str(node.get("@module")), str(node.get("@class"))))
        if flat is not None:
            left_out |= {"@class"} | flat
        kept = {key: value for key, value in node.items() if key not in left_out and (key, value) != ("guide", {})}
        for key in {"@class", "@callable"} & kept.keys():
            kept[key] = _FIRST_NAMES.get(str(kept[key]), kept[key])
        if {"code", "text"} <= kept.keys() <= {"code", "text", "about"}:  # a warning, which was a sentence
            return kept["text"]
        if "schema_version" in kept:
            kept["schema_version"] = 1
        if "potential_path" in kept:  # as it was called at first
            kept["band"] = kept.pop("potential_path")
        return {key: _counted(value) for key, value in kept.items()}
    return [_counted(item) for item in node] if isinstance(node, list) else node


def with_stable_uuids(flow: Flow, seed: str, edition: str = "") -> Flow:
    """Return a copy of `flow` whose uuids follow from `seed` and from what each job does.

    Parameters
    ----------
    flow
        Flow with random uuids; not changed.
    seed
        What tells flows apart that do the same: the campaign and backend, or the uuid of the job that makes it.
    edition
        What tells jobs apart that do the same in flows of one seed: jobs refer to each other, so what one does follows
        from the whole campaign. The flow itself is the same in all editions, and takes its own place in a queue.

    Returns
    -------
    Flow
        The same flow. A job's uuid depends on `seed`, its name, its function and its arguments (but not on the
        uuids that these refer to), and on how many like it came before.
    """
    of_job = f"{edition}/" if edition else ""
    mapping: dict[str, str] = {}
    written: dict[str, str] = {}
    seen: Counter[str] = Counter()

    for node in _nodes(flow):
        if isinstance(node, Job):
            content = json.dumps([node.name, node.function_args, node.function_kwargs, node.maker], cls=MontyEncoder)
            written[node.uuid] = content
            key = content_hash(_UUID.sub("", _plain(content)))
            # A calculation that refers to no other job (bulk, atom) is the same in all editions.
            within = "" if node.output_schema is CalculationDoc and not _UUID.search(content) else of_job
        else:
            key, within = f"flow {node.name}", ""
        seen[key] += 1
        mapping[node.uuid] = str(uuid5(NAMESPACE_URL, f"anodeflow/{seed}/{within}{key}/{seen[key]}"))

    def renamed(text: str) -> str:
        return _UUID.sub(lambda match: mapping.get(match[0], match[0]), text)

    return _made_again(flow, written, renamed)


def _nodes(node: Flow | Job) -> Iterator[Flow | Job]:
    """Yield a flow and all flows and jobs in it, each before what is in it."""
    yield node
    if isinstance(node, Flow):
        for child in node.jobs:
            yield from _nodes(child)


def _made_again(node: Flow | Job, written: Mapping[str, str], renamed: Callable[[str], str]) -> Any:
    """Return a copy of a flow or a job with the uuids `renamed`; job by job, as the text of a whole flow is large.

    `written` has, by its uuid, what a job is given: name, arguments, keywords and Maker.
    """
    if isinstance(node, Job):
        name, arguments, keywords, maker = _decoded(renamed(written[node.uuid]))
        function = node.function if maker is None else getattr(maker, node.function.__name__)
        own = deepcopy({each: getattr(node, each) for each in _OF_JOBS} | node._kwargs)
        hosts = [renamed(uuid) for uuid in node.hosts]
        return told(Job(function, uuid=renamed(node.uuid), name=name, hosts=hosts, **own), arguments, keywords)
    own = {each: getattr(node, each) for each in ("uuid", "name", "output", "hosts", "metadata", "metadata_updates")}
    jobs = [_made_again(each, written, renamed) for each in node.jobs]
    return Flow(jobs, order=node.order, **_decoded(renamed(json.dumps(own, cls=MontyEncoder))))


_OF_JOBS = ("output_schema", "index", "config", "metadata", "metadata_updates", "config_updates", "name_updates")


def _decoded(text: str) -> Any:
    return MontyDecoder().process_decoded(json.loads(text))
