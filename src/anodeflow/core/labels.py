"""Names that are made of parts: labels of calculations and jobs, of systems, and of properties.

Their parts are fields here. Jobs, documents and files hold the whole names, as they always have, and this is the one
place where these are read.
"""

import re
from dataclasses import dataclass

_BY = re.compile(r"(.*) \[([^\]]+)\]", re.DOTALL)


@dataclass(frozen=True)
class Label:
    """What a calculation or a job is, for people.

    Attributes
    ----------
    what
        What is done.
    system
        The system that it belongs to; empty: several share it.
    by
        Potential that does it before the code; empty: the code does.

    Examples
    --------
    >>> str(Label("clean slab", "Li(001)", "emt"))
    'Li(001): clean slab [emt]'
    >>> str(Label("Li bulk"))
    'Li bulk'
    """

    what: str
    system: str = ""
    by: str = ""

    def __str__(self) -> str:
        """Return the whole label."""
        text = f"{self.system}: {self.what}" if self.system else self.what
        return f"{text} [{self.by}]" if self.by else text

    @classmethod
    def read(cls, text: str) -> "Label":
        """Return a label of the form that they are kept in."""
        system, colon, what = text.partition(": ")
        system, what = (system, what) if colon else ("", text)
        by = _BY.fullmatch(what)
        return cls(by[1], system, by[2]) if by else cls(what, system)


@dataclass(frozen=True)
class SystemName:
    """The name of a system in results.

    Attributes
    ----------
    base
        What the campaign calls it.
    face
        Its ordering and termination, or its termination: `Li3Mg-Cmcm:1`; empty: there is one.
    variant
        What a convergence test changed: `layers 6`; empty: nothing.

    Examples
    --------
    >>> SystemName.read("Li3Mg(001):Li3Mg-Cmcm:1 [layers 6]")
    SystemName(base='Li3Mg(001)', face='Li3Mg-Cmcm:1', variant='layers 6')
    """

    base: str
    face: str = ""
    variant: str = ""

    def __str__(self) -> str:
        """Return the whole name."""
        return f"{self.own}{f' [{self.variant}]' if self.variant else ''}"

    @property
    def own(self) -> str:
        """The name without what a convergence test changed."""
        return f"{self.base}{f':{self.face}' if self.face else ''}"

    @classmethod
    def read(cls, text: str) -> "SystemName":
        """Return a name of the form that documents hold."""
        own, _, variant = text.partition(" [")
        base, _, face = own.partition(":")
        return cls(base, face, variant.removesuffix("]"))


@dataclass(frozen=True)
class PropertyName:
    """The name of a property of which a study has several values.

    Attributes
    ----------
    property
        binding_energy, barrier_forward ...
    label
        Which of them; empty: there is one.

    Examples
    --------
    >>> str(PropertyName("binding_energy", "fourfold hollow"))
    'binding_energy (fourfold hollow)'
    """

    property: str
    label: str = ""

    def __str__(self) -> str:
        """Return the whole name."""
        return f"{self.property} ({self.label})" if self.label else self.property

    @classmethod
    def read(cls, text: str) -> "PropertyName":
        """Return a name of the form that documents hold."""
        name, _, label = text.removesuffix(")").partition(" (")
        return cls(name, label)
