"""The force fields of atomate2: which package each needs, what its calculator takes, and which elements it knows.

atomate2 has one name for a potential and no word on what is missing for it, which arguments it takes, or what it was
trained on; all three are asked for here before anything runs.
"""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anodeflow.core.install import install_packages
from anodeflow.core.versions import version


@dataclass(frozen=True)
class Package:
    """A package that provides a force field.

    Attributes
    ----------
    distribution, module
        What is installed, and what is imported.
    callables
        ``module:name`` of the class or functions whose arguments the user may give.
    own
        Arguments that atomate2 takes itself.
    defaults
        Arguments that atomate2's own Makers give where the user does not; no files: those are named by who has them.
    clash
        What installing it does to other potentials; empty: nothing.
    text
        Whether its model files are text that it parses; else they may be pickles, which run when they are loaded.
    weights
        Where it keeps those of the models that it knows by name, as a pattern: in its own folder, or below the user's
        (``~/``), where it puts what it downloads; empty: not known, or it knows none by name.
    """

    distribution: str
    module: str
    callables: tuple[str, ...]
    own: frozenset[str] = frozenset()
    defaults: tuple[tuple[str, Any], ...] = ()
    clash: str = ""
    text: bool = False
    weights: str = ""

    @property
    def installed(self) -> bool:
        """Whether it can be found, without importing it."""
        try:
            return find_spec(self.module) is not None
        except (ImportError, ValueError):
            return False

    @property
    def version(self) -> str:
        """Name and version; the name alone where it is not installed."""
        try:
            return f"{self.distribution} {version(self.distribution)}"
        except PackageNotFoundError:
            return self.distribution

    @property
    def remedy(self) -> str:
        """How to install it."""
        return f"{install_packages(self.distribution, torch=True)}{self.clash and f' ({self.clash})'}"

    def found_weights(self) -> int | None:
        """Return how many files of weights are here, without opening one; none where it is not known where they are."""
        if not self.weights:
            return None
        if self.weights.startswith("~/"):
            return len(list(Path.home().glob(self.weights[2:])))
        spec = find_spec(self.module)
        folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
        return sum(len(list(folder.glob(self.weights))) for folder in folders)

    def arguments(self) -> list[str]:
        """Return the names of the arguments that it takes; those behind ``**kwargs`` are none: nobody reads them."""
        names = set(self.own)
        for path in self.callables:
            module, _, name = path.partition(":")
            target: Any = import_module(module)
            for part in name.split("."):
                target = getattr(target, part)
            for parameter in inspect.signature(target).parameters.values():
                if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                    names.add(parameter.name)
        return sorted(names - {"self", "atoms", "label", "restart", "ignore_bad_restart_file", "directory"})


_EV = (("stress_unit", "eV/A3"),)  # else it gives GPa
_MATGL = ("matgl.ext.ase:PESCalculator",)
_MACE = Package(
    "mace-torch",
    "mace",
    ("mace.calculators:mace_mp", "mace.calculators:MACECalculator"),
    clash="it asks for e3nn 0.4.4, with which SevenNet does not work: install it into an environment of its own",
    weights="~/.cache/mace/*",
)


def _matgl(*own: str, defaults: tuple[tuple[str, Any], ...] = ()) -> Package:
    return Package(
        "matgl", "matgl", _MATGL, frozenset({"path", *own}), (*_EV, *defaults), weights="~/.cache/matgl/*/*.pt"
    )


def _mace(model: str) -> tuple[Package, ...]:
    return (replace(_MACE, defaults=(("model", model),)),)


def _matpes() -> tuple[Package, ...]:
    return (_matgl("architecture", "version", defaults=(("architecture", "TensorNet"), ("version", "2025.2"))),)


_NEQUIP = Package("nequip", "nequip", ("nequip.integrations.ase:NequIPCalculator.from_compiled_model",))

FORCE_FIELDS: dict[str, tuple[Package, ...]] = {
    "MACE": _mace("medium"),
    "MACE-MP-0": _mace("medium"),
    "MACE-MPA-0": _mace("medium-mpa-0"),
    "MACE-MP-0b3": _mace("medium-0b3"),
    "GAP": (
        Package(
            "quippy-ase",
            "quippy",
            ("quippy.potential:Potential",),
            defaults=(("args_str", "IP GAP"),),
            text=True,
        ),
    ),
    "M3GNet": (_matgl(),),
    # Without chgnet atomate2 takes another potential of this name, from matgl: the version in the address tells.
    "CHGNet": (
        Package("chgnet", "chgnet", ("chgnet.model.dynamics:CHGNetCalculator",), weights="pretrained/**/*.tar"),
        _matgl(),
    ),
    "NEP": (Package("calorine", "calorine", ("calorine.calculators:CPUNEP",), text=True),),
    "Nequip": (_NEQUIP,),
    "Allegro": (_NEQUIP,),
    "SevenNet": (
        Package(
            "sevenn",
            "sevenn",
            ("sevenn.sevennet_calculator:SevenNetCalculator",),
            defaults=(("model", "7net-0"),),
            weights="pretrained_potentials/**/*.pth",
        ),
    ),
    "MatPES-r2SCAN": _matpes(),
    "MatPES-PBE": _matpes(),
    "DeepMD": (Package("deepmd-kit", "deepmd", ("deepmd.calculator:DP",)),),
    "FAIRChem": (
        Package(
            "fairchem-core",
            "fairchem",
            ("fairchem.core:FAIRChemCalculator",),
            frozenset({"predict_unit"}),
            (("predict_unit", {"model_name": "uma-s-1p1"}), ("task_name", "omat")),
        ),
    ),
    "MatterSim": (Package("mattersim", "mattersim", ("mattersim.forcefield:MatterSimCalculator",)),),
    "UPET": (
        Package(
            "upet", "upet", ("upet.calculator:UPETCalculator",), defaults=(("model", "pet-mad-s"), ("version", "1.5.0"))
        ),
    ),
}
"""Name in atomate2 (the values of its MLFF) -> packages that provide it, the preferred one first."""


def force_field(name: str) -> str:
    """Return the name by which `FORCE_FIELDS` has a force field: MACE_MP_0 and MLFF.MACE_MP_0 are MACE-MP-0.

    Raises
    ------
    KeyError
        If atomate2 has none of this name.
    """
    plain = name.removeprefix("MLFF.")
    for known in FORCE_FIELDS:
        if plain.lower().replace("_", "-") == known.lower():
            return known
    raise KeyError(name)


def provider(name: str) -> Package:
    """Return the package that provides a force field here; the one to install where none does."""
    packages = FORCE_FIELDS[force_field(name)]
    return next((package for package in packages if package.installed), packages[0])


def installed() -> dict[Package, list[str]]:
    """Return the packages of force fields that are installed here, and the names by which atomate2 has them.

    Nothing is imported, and no model loaded.
    """
    found: dict[str, tuple[Package, list[str]]] = {}
    for name in FORCE_FIELDS:
        package = provider(name)
        if package.installed:
            found.setdefault(package.distribution, (package, []))[1].append(name)
    return dict(found.values())


_TRAJECTORIES = frozenset(range(1, 84)) | frozenset(range(89, 95))
"""The 89 elements of MPtrj, on which CHGNet was trained; its embedding has places for the others too."""


def known_elements(calculator: Any) -> set[int] | None:
    """Return the atomic numbers that a calculator's potential was trained on; none where it does not tell."""
    from ase.data import atomic_numbers

    if type(calculator).__module__.startswith("chgnet."):
        return set(_TRAJECTORIES)
    if isinstance(known := getattr(calculator, "type_map", None), dict):  # SevenNet
        return set(known)
    if known := getattr(getattr(calculator, "z_table", None), "zs", None):  # MACE
        return set(known)
    symbols: Iterable[str] | None = None
    model = getattr(getattr(calculator, "potential", None), "model", None)
    if model is not None and hasattr(model, "element_types"):  # matgl
        symbols = model.element_types
    elif isinstance(kinds := getattr(calculator, "type_dict", None), dict):  # DeePMD-kit
        symbols = kinds
    elif file := getattr(calculator, "model_filename", None):  # NEP: "nep4 2 Te Pb"
        symbols = Path(file).read_text(encoding="utf-8").splitlines()[0].split()[2:]
    found = {atomic_numbers[symbol] for symbol in symbols or () if symbol in atomic_numbers}
    return found or None
