"""Documents that anodeflow stores. Every field of physics states its unit and its sign convention."""

from anodeflow.schemas.adsorption import AdatomState, AdsorbedSite, AdsorptionDoc
from anodeflow.schemas.calculation import CalculationDoc, Task
from anodeflow.schemas.charge import ChargeDifference, ChargeTransferDoc, CompactGrid, NonNuclearBasin
from anodeflow.schemas.convergence import ConvergenceDoc, ConvergencePoint, ConvergenceSeries, JointPoint
from anodeflow.schemas.diffusion import (
    DiffusionPath,
    Diffusivity,
    Hop,
    HopStep,
    MigrationDoc,
    ProfilePoint,
    RejectedSite,
    SurfaceMinimum,
)
from anodeflow.schemas.electrochemistry import (
    ElectrochemistryDoc,
    HullPoint,
    PhaseCapacity,
    SearchedComposition,
    VoltageStep,
)
from anodeflow.schemas.interdiffusion import DiluteExchange, ExchangeLevel, ExchangePoint, InterdiffusionDoc
from anodeflow.schemas.interface import InterfaceCandidate, InterfaceDoc, MiddleLayer, RegistryPoint
from anodeflow.schemas.metal_reference import ComparedSurface, MetalReferenceDoc
from anodeflow.schemas.neb import NebDoc, PathSymmetry
from anodeflow.schemas.orderings import DiffractionPattern, DiffractionPeak, OrderingsDoc, RankedOrdering
from anodeflow.schemas.prescreen import AuditEntry, BandRecord, Candidate, Effort, PrescreenAudit, PrescreenRecord
from anodeflow.schemas.rows import ResultRow
from anodeflow.schemas.study import StudyDoc
from anodeflow.schemas.vacancy import Extraction, VacancyDoc, VacancyHop, VacancyPath, VacancyStop, VacancyTrial

__all__ = [
    "AdatomState",
    "AdsorbedSite",
    "AdsorptionDoc",
    "AuditEntry",
    "BandRecord",
    "CalculationDoc",
    "Candidate",
    "ChargeDifference",
    "ChargeTransferDoc",
    "CompactGrid",
    "ComparedSurface",
    "ConvergenceDoc",
    "ConvergencePoint",
    "ConvergenceSeries",
    "DiffractionPattern",
    "DiffractionPeak",
    "DiffusionPath",
    "Diffusivity",
    "DiluteExchange",
    "Effort",
    "ElectrochemistryDoc",
    "ExchangeLevel",
    "ExchangePoint",
    "Extraction",
    "Hop",
    "HopStep",
    "HullPoint",
    "InterdiffusionDoc",
    "InterfaceCandidate",
    "InterfaceDoc",
    "JointPoint",
    "MetalReferenceDoc",
    "MiddleLayer",
    "MigrationDoc",
    "NebDoc",
    "NonNuclearBasin",
    "OrderingsDoc",
    "PathSymmetry",
    "PhaseCapacity",
    "PrescreenAudit",
    "PrescreenRecord",
    "ProfilePoint",
    "RankedOrdering",
    "RegistryPoint",
    "RejectedSite",
    "ResultRow",
    "SearchedComposition",
    "StudyDoc",
    "SurfaceMinimum",
    "Task",
    "VacancyDoc",
    "VacancyHop",
    "VacancyPath",
    "VacancyStop",
    "VacancyTrial",
    "VoltageStep",
]
