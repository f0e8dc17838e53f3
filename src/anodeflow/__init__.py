"""anodeflow: the first-principles study of protected metal anodes, from YAML file to report.

The public interface is imported on first use, so that ``import anodeflow`` costs nothing:

>>> import anodeflow
>>> anodeflow.Campaign.from_file("workflows/quickstart.yaml").run()   # doctest: +SKIP
>>> anodeflow.query(study="adsorption")                               # doctest: +SKIP
>>> anodeflow.results("quickstart").table()                           # doctest: +SKIP
>>> anodeflow.report("quickstart", "report")                          # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anodeflow.core import moved

__version__ = "0.1.0"
moved.install()

if TYPE_CHECKING:
    from anodeflow.api.campaign import Campaign
    from anodeflow.api.results import Results, load_results, results
    from anodeflow.api.slabs import build_slab
    from anodeflow.api.viewing import view
    from anodeflow.backends.registry import load_backend
    from anodeflow.core.errors import AnodeflowError
    from anodeflow.database.query import query
    from anodeflow.execution.local import RunReport, run_campaign
    from anodeflow.report.public import report
    from anodeflow.structures.bulk.catalogue import load_structure

_PUBLIC = {
    "AnodeflowError": "anodeflow.core.errors",
    "Campaign": "anodeflow.api.campaign",
    "Results": "anodeflow.api.results",
    "RunReport": "anodeflow.execution.local",
    "build_slab": "anodeflow.api.slabs",
    "load_backend": "anodeflow.backends.registry",
    "load_results": "anodeflow.api.results",
    "load_structure": "anodeflow.structures.bulk.catalogue",
    "query": "anodeflow.database.query",
    "results": "anodeflow.api.results",
    "run_campaign": "anodeflow.execution.local",
    "view": "anodeflow.api.viewing",
}
__all__ = [
    "AnodeflowError",
    "Campaign",
    "Results",
    "RunReport",
    "__version__",
    "build_slab",
    "load_backend",
    "load_results",
    "load_structure",
    "query",
    "report",
    "results",
    "run_campaign",
    "view",
]


def __getattr__(name: str) -> Any:
    if name == "report":  # a package, which is called as the function is
        return import_module("anodeflow.report")
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'anodeflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
