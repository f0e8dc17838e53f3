"""Report of a campaign: page, figures and tables. Called, it writes one: ``anodeflow.report("quickstart")``."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class _Called(ModuleType):
    # The public function and this package bear one name: whichever of the two was imported first, both work.
    def __call__(self, *arguments: Any, **options: Any) -> Path:
        from anodeflow.report.public import report

        return report(*arguments, **options)


sys.modules[__name__].__class__ = _Called
