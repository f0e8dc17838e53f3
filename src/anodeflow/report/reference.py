"""Published values that a report prints beside ours: ``workflows/<name>.reference.yaml``, found by DOI."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from anodeflow.core.data import data_folder
from anodeflow.core.errors import InputError
from anodeflow.core.labels import SystemName


class ReferenceValue(BaseModel):
    """One published number, as printed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str = Field(description="Name of the system, as campaigns name it: Li(001).")
    property: str = Field(description="Name of the property, as result rows name it: binding_energy.")
    adsorbate: str | None = Field(default=None, description="Element of the adatom, where there is one.")
    value: FiniteFloat | None = Field(strict=True, description="The number in `unit`; none: not printed, see the note.")
    unit: str = Field(description="Unit of the value.")
    decimals: int = Field(default=2, ge=0, description="Digits after the decimal point, as printed.")
    figure: str = Field(default="", description="Figure or table of the publication.")
    note: str = Field(default="", description="What the publication says instead, or why values may differ.")


class Reference(BaseModel):
    """One publication and its numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    doi: str = Field(description="DOI without the resolver's address.")
    name: str = Field(description="Short name: first author and year.")
    citation: str = Field(description="Authors, title, journal, year.")
    remarks: list[str] = Field(default_factory=list, description="What is known of differences to it, in general.")
    values: list[ReferenceValue] = Field(description="All of its numbers.")

    @model_validator(mode="after")
    def _once(self) -> "Reference":
        seen = set()
        for entry in self.values:
            key = (compact(entry.system), entry.property, entry.adsorbate)
            if key in seen:
                raise ValueError(
                    f"{entry.property} of {entry.adsorbate or 'any adatom'} on {entry.system} is there twice"
                )
            seen.add(key)
        return self

    def value(self, system: str, property: str, adsorbate: str | None = None) -> ReferenceValue | None:
        """Return the published `property` of `system`.

        Parameters
        ----------
        system
            Name of the system; blanks in it do not matter, nor does the number of a termination (``Li3Mg(001):1``).
        property
            Name of the property, ``binding_energy`` for one.
        adsorbate
            Element of the adatom: a publication may have several on one surface. None takes the first entry.

        Returns
        -------
        ReferenceValue or None
            None if the publication says nothing of it. An entry whose ``value`` is None says something in words.
        """
        found = [
            entry
            for entry in self.values
            if entry.property == property and compact(entry.system) == compact(base_name(system))
        ]
        if adsorbate is not None:
            # an entry that names no adatom holds for those that no other entry names
            found = [entry for entry in found if entry.adsorbate == adsorbate] or [
                entry for entry in found if entry.adsorbate is None
            ]
        return found[0] if found else None


def base_name(system: str) -> str:
    """Return the name of a system without ordering and termination: ``Li3Mg(001):Li3Mg-Cmcm:1`` is ``Li3Mg(001)``."""
    name = SystemName.read(system)
    return str(replace(name, face="")) if name.base else system


def compact(name: str) -> str:
    """Return a name without its blanks, which do not matter."""
    return "".join(name.split())


def load_reference(doi_or_path: str) -> Reference:
    """Read one reference file.

    Parameters
    ----------
    doi_or_path
        DOI of a shipped reference (with or without ``https://doi.org/``), or the path of a reference file.

    Raises
    ------
    InputError
        If no shipped reference has that DOI, or the file cannot be read or is not valid.
    """
    if Path(doi_or_path).suffix in (".yaml", ".yml"):
        return _read(Path(doi_or_path))
    doi = doi_or_path.removeprefix("https://doi.org/").removeprefix("doi:").strip().lower()
    known = shipped_references()
    for reference in known:
        if reference.doi.lower() == doi:
            return reference
    raise InputError(
        f"no reference values for {doi_or_path!r}: use one of {', '.join(r.doi for r in known) or 'none shipped'}, "
        "or give the path of a *.reference.yaml file."
    )


def shipped_references() -> list[Reference]:
    """Read every ``*.reference.yaml`` of the workflows folder, in the order of their file names."""
    return [_read(file) for file in sorted(data_folder("workflows").glob("*.reference.yaml"))]


def _read(file: Path) -> Reference:
    try:
        content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
        return Reference.model_validate(content)
    except OSError as error:
        raise InputError(f"cannot read the reference file {file} ({error.strerror}): check its path.") from error
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}, line {mark.line + 1}" if mark else str(file)
        raise InputError(f"{where} is not valid YAML: {getattr(error, 'problem', error)}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{file}: {key}: {first['msg']}; see workflows/zhang-2021.reference.yaml.") from error
