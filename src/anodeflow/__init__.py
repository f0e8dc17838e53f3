"""anodeflow: the first-principles study of protected metal anodes, from YAML file to report.

The public API is small and imported on first use, so that ``import anodeflow`` costs nothing:

>>> import anodeflow
>>> anodeflow.Campaign.from_file("workflows/quickstart.yaml").run()   # doctest: +SKIP
>>> anodeflow.query(study="adsorption")                               # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anodeflow.core import moved

__version__ = "0.1.0"
moved.install()

if TYPE_CHECKING:
    from anodeflow.campaign.model import Campaign
    from anodeflow.core.errors import AnodeflowError
    from anodeflow.database.query import query
    from anodeflow.execution.local import RunReport, run_campaign

_PUBLIC = {
    "AnodeflowError": "anodeflow.core.errors",
    "Campaign": "anodeflow.campaign.model",
    "RunReport": "anodeflow.execution.local",
    "query": "anodeflow.database.query",
    "run_campaign": "anodeflow.execution.local",
}
__all__ = ["AnodeflowError", "Campaign", "RunReport", "__version__", "query", "run_campaign"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'anodeflow' has no attribute {name!r}")
