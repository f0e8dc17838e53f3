"""Studies: a folder each, with input, flow, analysis, document and report.

The Makers of their flows can be imported from here: ``from anodeflow.studies import AdsorptionMaker``. Which there are
follows from the folders: no study is entered here.
"""

from importlib import import_module
from pathlib import Path
from typing import Any


def _flows() -> dict[str, Path]:
    """Return what the Maker of each study is called, if it has one -> where: AdsorptionMaker, adsorption/flow.py."""
    files = sorted(Path(__file__).parent.glob("*/flow.py"))
    return {"".join(word.capitalize() for word in file.parent.name.split("_")) + "Maker": file for file in files}


def __getattr__(name: str) -> Any:
    if (file := _flows().get(name) if name.endswith("Maker") else None) is not None:
        found = getattr(import_module(f"{__name__}.{file.parent.name}.flow"), name, None)
        if found is not None:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    makers = [name for name, file in _flows().items() if f"class {name}(" in file.read_text(encoding="utf-8")]
    return sorted({*globals(), *makers})
