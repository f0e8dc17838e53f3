"""Makes the figures of docs/ from the results files beside it: `python scripts/docs_figures.py`, when they changed.

`python scripts/docs_figures.py docs/figures serve` makes those of the live view alone, which need Chromium.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import anodeflow

DOCS = Path(__file__).parents[1] / "docs"
_WIDTH = 1000  # pixels: twice the width of a page's column
FIGURES = {
    # results file -> {start of the figure's name in a report: its name in docs/figures}
    "surfaces": {
        "binding-energies-Li": "binding-energies",
        "sites-Li3Mg7-001": "sites-li3mg7",
    },
    "convergence": {"convergence-Li-001": "convergence-li001"},
    "lih-wide": {"difference-LiH-001": "difference-lih"},
    "li001-six": {"hop-Li-001": "hop-li001"},
    "al110-exchange": {"graph-Al-110": "exchange-al110"},
    "dendrite-free-anode-mlip": {
        "interdiffusion-Mg": "interdiffusion",
        "interface-Li3Mg7-Li": "interface-li3mg7",
        "vacancy-Li3Mg-Li-1": "vacancy-li3mg",
        "hull-Li-Mg": "hull",
    },
}


LIVE_VIEW = ("serve-results", "serve-study")
"""Pictures of the live view."""


def main(folder: Path) -> None:
    """Write all figures to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, wanted in FIGURES.items():
        with tempfile.TemporaryDirectory() as place:
            anodeflow.load_results(DOCS / "results" / f"{name}.json.gz").report(place)
            for start, short in wanted.items():
                (found,) = (Path(place) / "figures").glob(f"{start}*.png")
                with Image.open(found) as picture:
                    picture.thumbnail((_WIDTH, 2 * _WIDTH))
                    picture.convert("RGB").quantize(128).save(folder / f"{short}.png", optimize=True)
        print(name)


def live_view(folder: Path) -> None:
    """Take the pictures of ``anodeflow serve``, of the results file `surfaces`."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from browser import browser

    with tempfile.TemporaryDirectory() as place:
        home = os.environ | {"ANODEFLOW_HOME": place, "ANODEFLOW_EMBEDDED": "sqlite", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "anodeflow"]
        subprocess.run([*command, "db", "import", str(DOCS / "results" / "surfaces.json.gz")], env=home, check=True)
        served = subprocess.Popen([*command, "serve", "--no-open"], env=home, stdout=subprocess.PIPE, text=True)
        assert served.stdout is not None
        address = served.stdout.readline().strip()
        base = address.partition("/?")[0]
        try:
            with browser(Path(place)) as tab:
                tab.size(1000, 620)
                tab.open(address)
                tab.wait("document.querySelector('#live')")
                tab.open(f"{base}/results?property=binding_energy&sort=value")
                tab.picture(Path(place) / "serve-results.png")
                tab.open(f"{base}/results?study=charge&system=Li3Mg7*")
                tab.run("document.querySelector('#row-1').click()")
                tab.wait("document.querySelector('figure.scene')")
                tab.size(1000, 1300)
                tab.run("document.querySelector('figure.scene').scrollIntoView()")
                tab.wait("document.querySelector('figure.scene .modebar')")
                tab.run("document.querySelector('#figures').scrollIntoView()")
                tab.wait("[...document.images].every(image => image.complete)")
                tab.picture(Path(place) / "serve-study.png")
        finally:
            served.terminate()
            served.wait()
        for name in LIVE_VIEW:
            with Image.open(Path(place) / f"{name}.png") as picture:
                picture.convert("RGB").quantize(128).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "figures"
    if sys.argv[2:] != ["serve"]:
        main(target)
    live_view(target)
