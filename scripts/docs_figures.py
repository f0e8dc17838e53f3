"""Makes the figures of docs/ from the results files beside it: `python scripts/docs_figures.py`, when they changed."""

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
        "difference-LiH-001": "difference-lih",
    },
    "li001-six": {"hop-Li-001": "hop-li001"},
    "dendrite-free-anode-mlip": {
        "interdiffusion-Mg": "interdiffusion",
        "interface-Li3Mg7-Li": "interface-li3mg7",
        "vacancy-Li3Mg-Li-1": "vacancy-li3mg",
        "hull-Li-Mg": "hull",
    },
}


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


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "figures")
