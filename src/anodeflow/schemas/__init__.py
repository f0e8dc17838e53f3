"""Documents that anodeflow stores. Every field of physics states its unit and its sign convention."""

from anodeflow.schemas.adsorption import AdatomState, AdsorbedSite, AdsorptionDoc
from anodeflow.schemas.calculation import CalculationDoc, Task
from anodeflow.schemas.rows import ResultRow
from anodeflow.schemas.study import StudyDoc

__all__ = ["AdatomState", "AdsorbedSite", "AdsorptionDoc", "CalculationDoc", "ResultRow", "StudyDoc", "Task"]
