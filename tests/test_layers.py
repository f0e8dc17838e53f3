"""Who may import whom (docs/architecture.md), how fast the command answers, and what the wheel holds."""

import ast
import re
import resource
import subprocess
import sys
import zipfile
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import anodeflow
from anodeflow.studies.registry import studies

SOURCE = Path(__file__).parents[1] / "src" / "anodeflow"
# From the ground up: nothing imports from a floor above its own, be it in a function or for type checkers alone.
FLOORS = (
    ("core",),
    ("structures",),
    ("calculation documents",),
    ("backends",),
    ("learning",),
    ("calculations",),
    ("screening",),
    ("studies",),
    ("campaign",),
    ("database", "execution"),
    ("interchange",),
    ("report",),
    ("study objects", "testing"),
    ("api",),
    ("serve",),
    ("cli",),
)
# What describes, finds and records a calculation lies below the codes; what makes jobs of it, above.
DOCUMENTS = {
    *("document", "neb_document", "modes_document", "screening_document", "request", "folder", "steps", "follow"),
    *("progress", "finished", "vibrations", "placement", "rehearsal"),
}
# What a study joins by, and what it draws: with the tools of reports, which name no study.
DRAWING = {"study", "report", "figures", "levels", "profiles", "paths", "path_view", "view", "scenes", "stops_table"}
PROGRAMS = {  # room -> packages that it must not import
    "structures": ("jobflow", "atomate2", "gpaw", "sevenn", "maggma"),
    "studies": ("gpaw", "sevenn"),
    "execution": ("gpaw", "sevenn"),
    "database": ("gpaw", "sevenn"),
    "report": ("gpaw", "sevenn"),
    "serve": ("gpaw", "sevenn"),
}


def _modules() -> dict[str, Path]:
    found = {}
    for file in sorted(SOURCE.rglob("*.py")):
        parts = ("anodeflow", *file.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = _modules()


def _behind_the_door(name: str) -> set[str]:
    return {anodeflow._PUBLIC[name]} if name in anodeflow._PUBLIC else set()


def imports(module: str) -> set[str]:
    """Modules that a module imports, anywhere in it; behind a name of the public interface stands its module."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "anodeflow":
            found |= _behind_the_door(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module == "anodeflow":
            found |= {each for alias in node.names for each in _behind_the_door(alias.name)}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inside & set(MODULES)) or {node.module}
    return found - {module}


def floor(module: str) -> int | None:
    """Number of the floor on which a module lies; none: it is the package itself or its door (__main__)."""
    _, *parts = module.split(".")
    if not parts or parts[0] == "__main__":
        return None
    room, last = parts[0], parts[-1]
    if room == "calculations" and last in DOCUMENTS:
        room = "calculation documents"
    elif room in ("studies", "screening") and last in DRAWING:
        room = "study objects"
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_imports_from_above(module):
    mine = floor(module)
    ours = {name for name in imports(module) if name in MODULES and floor(name) is not None}
    above = set() if mine is None else {name for name in ours if floor(name) > mine}
    assert above == set()
    banned = PROGRAMS.get(module.split(".")[1] if "." in module else "", ())
    assert not [name for name in imports(module) if name.split(".")[0] in banned]


def test_there_is_no_circle():
    # The package itself is imported with whatever lies in it.
    graph = {module: {name for name in imports(module) & set(MODULES) if name != "anodeflow"} for module in MODULES}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def _folder(module: str) -> str:
    """Folder within a room in which a module lies: structures/bulk; empty: it lies in the room itself."""
    parts = MODULES[module].relative_to(SOURCE).parts[:-1]
    return "/".join(parts[:2]) if len(parts) > 1 else ""


def test_there_is_no_circle_of_folders():
    """Of one room: each can be read when those that it builds upon were read."""
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        others = {_folder(name) for name in imports(module) & set(MODULES)} - {"", _folder(module)}
        graph.setdefault(_folder(module), set()).update(others)
    graph.pop("")
    assert {"structures/geometry", "studies/shared", "backends/drivers"} < set(graph)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


# Rooms above the studies; they ask the registry.
ROOMS_ABOVE = tuple(
    f"anodeflow.{room}" for room in ("campaign", "database", "interchange", "report", "serve", "cli", "execution")
)
# A convergence test is made of any other study: campaigns make it, and reports take every error from it.
ANY_STUDY = {"convergence"}
# InterfaceCandidate is what the builder of interfaces returns.
ALLOWED = {"anodeflow.cli.build_interface": {"anodeflow.studies.interface.document"}}


def _named_studies(tree: ast.AST) -> set[str]:
    """Studies, modules of studies and study documents that the code names; docstrings and help texts may."""
    ours = {name for name in studies() if (SOURCE / "studies" / name).is_dir()} - ANY_STUDY
    classes = {type(studies()[name]).__name__ for name in ours} | {studies()[name].Document.__name__ for name in ours}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for module in modules:
                parts = module.split(".")
                if parts[:2] == ["anodeflow", "studies"] and len(parts) > 2 and parts[2] in ours:
                    found.add(module)
        words = {getattr(node, key, None) for key in ("id", "attr", "name", "arg")}
        names = {word for word in words if isinstance(word, str)}
        found |= {name for name in names if re.search("adsorption|vacancy|diffusion|bader", name, re.I)}
        found |= names & classes
        # as a key, or to compare with; "interface", "charge" and "orderings" are words of the field, too
        if isinstance(node, ast.Constant) and node.value in ours - {"interface", "charge", "orderings"}:
            found.add(node.value)
    return found


@pytest.mark.parametrize("module", [name for name in sorted(MODULES) if name.startswith(ROOMS_ABOVE)])
def test_nothing_above_names_a_study(module):
    tree = ast.parse(MODULES[module].read_text())
    assert _named_studies(tree) - ALLOWED.get(module, set()) == set()


@pytest.mark.parametrize(
    ("folder", "words"),
    [("surface_energy", r"surface_energy|SurfaceEnergy"), ("work_function", r"work_function|WorkFunction")],
)
def test_a_study_is_one_folder_and_one_entry_point(folder, words):
    """Those two came when the house stood: no file of ours beside their folders knows their names."""
    outside = [file for file in SOURCE.rglob("*.py") if SOURCE / "studies" / folder not in file.parents]
    assert not [file for file in outside if re.search(words, file.read_text())]
    project = (SOURCE.parents[1] / "pyproject.toml").read_text()
    assert [line.partition(" = ")[0] for line in project.splitlines() if re.search(words, line)] == [folder]


@pytest.mark.parametrize(
    "line",
    [
        "from anodeflow.studies.adsorption.document import AdsorptionDoc",
        "import anodeflow.studies.charge.figures",
        "if isinstance(document, VacancyDoc): pass",
        "def vacancy_table(): pass",
        "rows = [row for row in rows if row.study == 'diffusion']",
    ],
)
def test_what_names_a_study_is_found(line):
    assert _named_studies(ast.parse(line))
    assert not _named_studies(ast.parse('"""Of an adsorption study."""\nhelp = "adsorption shows each site"'))


def _changed_arguments(function: ast.FunctionDef) -> list[str]:
    """What a function changes in place of what it is handed, by assignment or by a method of lists and mappings."""
    own = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)} - {"self", "cls"}
    own -= {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def is_own(node: ast.AST) -> bool:
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        return isinstance(node, ast.Name) and node.id in own

    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            found += [ast.unparse(node)] * is_own(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changes = {"append", "extend", "insert", "pop", "remove", "clear", "sort", "update", "add", "setdefault"}
            found += [ast.unparse(node)] * (node.func.attr in changes and is_own(node.func.value))
    return found


# The searches themselves, what a report has drawn so far, and how jobs are made.
GO_ON = {
    *(
        "diffusion/exchanges",
        "diffusion/false_minima",
        "diffusion/hop_choice",
        "diffusion/rounds",
        "diffusion/routes",
        "diffusion/splitting",
    ),
    *("vacancy/hops", "vacancy/merge", "vacancy/prescreen", "vacancy/rounds", "vacancy/search", "vacancy/stops"),
    *("shared/hop_rounds", "shared/hops", "shared/saddles", "shared/steps", "shared/once_more", "shared/tops"),
    *("convergence/report", "dry"),
}


@pytest.mark.parametrize(
    "module",
    [
        name
        for file in sorted((SOURCE / "studies").rglob("*.py"))
        if (name := file.relative_to(SOURCE / "studies").with_suffix("").as_posix()) not in GO_ON
    ],
)
def test_analysis_changes_nothing_that_it_is_handed(module):
    """A search that goes on from job to job changes itself; what looks something up, or makes documents, does not."""
    file = SOURCE / "studies" / f"{module}.py"
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    assert {each.name: changed for each in functions if (changed := _changed_arguments(each))} == {}


def test_names_are_those_of_the_field():
    """Recovery steps of an SCF, intermediate minima of a path, the parent lattice of an ordering."""
    ours = re.compile(r"\bladder|\brungs?\b|minim(um|a) on (the|its|their) way|\bhost lattice", re.IGNORECASE)
    root = SOURCE.parents[1]
    files = [*SOURCE.rglob("*.py"), *(root / "docs").glob("*.md"), root / "README.md"]
    assert not [str(file.relative_to(root)) for file in files if ours.search(file.read_text())]


@pytest.mark.slow
def test_help_answers_at_once():
    seconds = []
    for _ in range(3):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run([sys.executable, "-m", "anodeflow", "--help"], capture_output=True, text=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(used.ru_utime + used.ru_stime - began.ru_utime - began.ru_stime)
        assert ended.returncode == 0
    for command in ("doctor", "build", "check", "run", "status", "query", "report"):
        assert command in ended.stdout
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "anodeflow", "--help"], capture_output=True, text=True
    ).stderr
    heavy = [name for name in ("numpy", "pymatgen", "jobflow", "ase", "pandas") if f"| {name}\n" in loaded]
    assert heavy == []
    assert min(seconds) < 2.0  # of the processor, for the machine may be busy: 0.3 s


@pytest.mark.slow
def test_wheel_holds_code_and_data(tmp_path):
    root = SOURCE.parents[1]
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=root, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "anodeflow/py.typed",
        "anodeflow/backends/gpaw/driver.py",
        "anodeflow/data/structures/Li3Mg7.cif",
        "anodeflow/data/structures/Li3Mg7.yaml",
        "anodeflow/data/workflows/quickstart.yaml",
        "anodeflow/data/configs/backends/gpaw-demo.yaml",
    ):
        assert wanted in names
    assert any(name.startswith("anodeflow/report/") and name.endswith((".html", ".j2")) for name in names)
