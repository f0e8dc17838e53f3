"""The manual as a site: it is built without a warning, and its reference pages hold every key, command and name."""

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

import anodeflow
from anodeflow.backends.registry import codes
from anodeflow.campaign.model import Campaign
from anodeflow.studies.registry import studies

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for package in ("mkdocs", "material", "mkdocstrings", "mkdocs_jupyter"):
        pytest.importorskip(package, reason="pip install 'anodeflow[docs]'")
    folder = tmp_path_factory.mktemp("site")
    environment = os.environ | {"ANODEFLOW_DOCS_EXECUTE": "false", "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def text(site: Path, page: str) -> str:
    """A page without its tags."""
    return unescape(re.sub(r"<[^>]+>", "", (site / page).read_text()))


@pytest.mark.slow
def test_every_key_study_and_code_is_in_the_reference(site):
    page = text(site, "reference/campaign.html")
    kinds = [Campaign, *(study.Input for study in studies().values() if study.Input is not None)]
    missing = [
        name for kind in kinds for name in kind.model_fields if not re.search(rf"^\s*{name}\b", page, re.MULTILINE)
    ]
    assert missing == []
    page = text(site, "reference/backends.html")
    assert [code for code in codes() if f"code: {code}" not in page] == []


@pytest.mark.slow
def test_every_command_and_public_name_is_in_the_reference(site):
    page = text(site, "reference/commands.html")
    listed = subprocess.run([sys.executable, "-m", "anodeflow", "--help"], capture_output=True, text=True).stdout
    names = re.findall(r"^│ ([a-z]+) ", listed, re.MULTILINE)
    assert len(names) > 10
    assert [name for name in names if f"anodeflow {name}" not in page] == []
    page = text(site, "reference/python.html")
    assert [name for name in anodeflow.__all__ if name != "__version__" and name not in page] == []
    assert [
        name for name in ("from_file", "check", "flow", "run") if not re.search(rf"^{name}\b", page, re.MULTILINE)
    ] == []


@pytest.mark.slow
def test_links_lead_to_files_of_the_site(site):
    """MkDocs has checked those of pages; these are all, those of generated pages and notebooks among them."""
    dead = []
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text()):
            if (
                not re.match(r"[a-z]+:", link)
                and page.name != "404.html"
                and not (page.parent / unescape(link)).exists()
            ):
                dead.append(f"{page.name}: {link}")
    assert dead == []


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site):
    loads = [
        f"{page.name}: {link}"
        for page in site.rglob("*.html")
        for link in re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)', page.read_text())
    ]
    assert loads == []


def test_figures_are_those_of_the_script_and_all_are_shown():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from docs_figures import FIGURES, LIVE_VIEW
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    made = {f"{short}.png" for wanted in (*(each.values() for each in FIGURES.values()), LIVE_VIEW) for short in wanted}
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    assert {file.name for file in (ROOT / "docs" / "figures").iterdir()} == made
    assert set(re.findall(r"!\[[^\]]{20,}\]\(figures/([\w-]+\.png)\)", pages)) == made


def test_words_of_messages_are_in_the_glossary():
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    words = re.findall(r"^([A-Z].*)\n:   ", glossary, re.MULTILINE)
    assert words == sorted(words, key=str.lower)
    assert len(words) == glossary.count("\n:   ")
    wanted = {
        "Adopted",
        "Crate",
        "Edition",
        "Held-out error",
        "Hessian",
        "Image",
        "Lesson",
        "Mode",
        "SCF cycle",
        "Worker",
    }
    assert wanted <= set(words)
