"""What all study documents have in common."""

import re
from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import Field, model_validator

from anodeflow.calculations.identity import first_called
from anodeflow.calculations.screening_document import PrescreenAudit
from anodeflow.core.caveats import Caveats
from anodeflow.core.decoded import DecodedModel
from anodeflow.core.html import table
from anodeflow.core.version import Versioned
from anodeflow.structures.geometry.positions import image_distance
from anodeflow.studies.potentials import OF_POTENTIALS, EnergiesOf, potential_warning, without_vouching
from anodeflow.studies.rows import ResultRow


class StudyDoc(Versioned, DecodedModel):
    """The answer of one study on one system, with the ids of every calculation it rests on.

    Class attributes
    ----------------
    former
        Names that the class had before, the first one first: documents are stored under them. Its module knows it by
        each of them.
    energies_of
        What its energies are of: what is said of a potential goes by it.
    """

    former: ClassVar[tuple[str, ...]] = ()
    energies_of: ClassVar[EnergiesOf] = "adatom"

    document_id: str = Field(description="Content address of the study: hash of its calculations and settings.")
    study: str = Field(description="Name of the study.")
    campaign: str = Field(description="Name of the campaign.")
    system: str = Field(description="Name of the system in the campaign.")
    reference: str | None = Field(default=None, description="DOI of the paper that the campaign compares with.")
    backend: str = Field(description="Name of the backend file.")
    code: str = Field(description="Name and version of the code.")
    settings: dict[str, Any] = Field(description="Settings that all calculations shared.")
    settings_hash: str = Field(description="Hash of those settings.")
    calculation_ids: dict[str, str] = Field(
        description="Step of the study (bulk, slab, atom, site 0 ...) -> id of its calculation."
    )
    variant: dict[str, float] = Field(
        default_factory=dict,
        description="Parameters in which a convergence test made it differ from the study as asked for; empty: the "
        "study itself. The system of a variant is called `Li(001) [layers 5]`.",
    )
    edition: str = Field(
        default="",
        description="Edition of the campaign (hash of what its file asks for), which the database knows; empty: from "
        "before there were editions, or not read from a database.",
    )
    warnings: Caveats = Field(default_factory=list, description="What a reader should know.")
    prescreen: PrescreenAudit | None = Field(
        default=None, description="What a potential did before DFT, and both compared; none: there was no prescreen."
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **keywords: Any) -> None:
        """Declare the class, so that jobs that refer to its documents keep their uuids whatever it is called."""
        super().__pydantic_init_subclass__(**keywords)
        if cls.former:
            first_called(cls.__name__, cls.former[0])

    @model_validator(mode="after")
    def _audited(self) -> "StudyDoc":
        """Say of a potential's study what an audit of it says; documents made before there was this are told it too."""
        self.warnings = [without_vouching(warning) for warning in self.warnings]
        calculation, elements = self.settings.get("calculation"), self._elements()
        if isinstance(calculation, dict) and "force_field_name" in calculation and elements is not None:
            adsorbate = getattr(self, "adsorbate", None) or "Li"
            of_potential = potential_warning(calculation, elements, adsorbate, self.energies_of)
            if of_potential is not None:  # older documents say it without a code, or another thing
                self.warnings = [
                    each for each in self.warnings if each.text != of_potential.text and each.code not in OF_POTENTIALS
                ]
                self.warnings.append(of_potential)
        return self

    def _elements(self) -> list[str] | None:
        """Return the elements that decide what is known of a potential; none: the document does not tell."""
        # By the formula: rows are made of documents whose structures were not read.
        formula = getattr(self, "formula", None)
        if formula:
            return re.findall("[A-Z][a-z]?", formula)
        return [] if self.energies_of == "interface" else None

    @abstractmethod
    def rows(self) -> list[ResultRow]:
        """Return the properties of the study, one row each."""

    def compared_rows(self) -> list[ResultRow]:
        """Return the rows that are compared between backends; a study with more than its answer may return more."""
        return self.rows()

    def facts(self) -> dict[str, Any]:
        """Return what all rows of the document are about: formula, surface, layers, width of the cell (Å)."""
        slab = getattr(self, "slab", None)
        miller = getattr(self, "miller", None)
        return {
            "formula": getattr(self, "formula", None),
            "miller": " ".join(map(str, miller)) if miller else None,
            "termination": getattr(self, "termination", None),
            "layers": getattr(self, "layers", None),
            "width": None if slab is None else image_distance(slab.lattice),
        }

    def headline(self) -> str:
        """Return the document's first number in a few words."""
        rows = self.rows()
        if not rows:
            return "no number"
        first = rows[0]
        words = f"{first.property.replace('_', ' ')} {first.value:.4g} {first.unit}".rstrip()
        return f"{words} ({first.label})" if first.label else words

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.system}, {self.campaign}, {self.backend}: {self.headline()}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        title = f"{self.study} of {self.system} ({self.campaign}, {self.backend}, {self.code})"
        rows = [(row.property, row.label, row.value, row.unit) for row in self.rows()]
        return table(title, ("property", "", "value", "unit"), rows, [each.text for each in self.warnings])

    def _row(
        self,
        name: str,
        value: float,
        unit: str,
        steps: list[str],
        label: str = "",
        temperature: float | None = None,
        part: tuple[str, int] | None = None,
    ) -> ResultRow:
        """One row that rests on the calculations of the named `steps`; `part` is what it is about: ("hop", 3)."""
        return ResultRow(
            campaign=self.campaign,
            system=self.system,
            study=self.study,
            property=name,
            label=label,
            part="" if part is None else part[0],
            part_number=None if part is None else part[1],
            value=value,
            unit=unit,
            temperature=temperature,
            backend=self.backend,
            settings_hash=self.settings_hash,
            document_id=self.document_id,
            adsorbate=getattr(self, "adsorbate", "") or getattr(self, "element", ""),
            edition=self.edition,
            calculation_ids=[self.calculation_ids[step] for step in steps],
            warnings=[each.text for each in self.warnings],
            warning_codes=[each.code for each in self.warnings],
        )
