"""anodeflow: the first-principles study of protected metal anodes, from YAML file to report.

The public API is small and imported on first use, so that ``import anodeflow`` costs nothing:

>>> import anodeflow
>>> anodeflow.Campaign.from_file("workflows/quickstart.yaml").run()   # doctest: +SKIP
>>> anodeflow.query(study="adsorption")                               # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from anodeflow.campaign import Campaign
    from anodeflow.database.query import query
    from anodeflow.errors import AnodeflowError

_PUBLIC = {
    "AnodeflowError": "anodeflow.errors",
    "Campaign": "anodeflow.campaign",
    "query": "anodeflow.database.query",
}
__all__ = ["AnodeflowError", "Campaign", "__version__", "query"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'anodeflow' has no attribute {name!r}")
