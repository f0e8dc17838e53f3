"""What every figure keeps to: colours that are told apart, words that stay words, curves that peak at saddles."""

import re
import zlib
from itertools import combinations, pairwise

import numpy as np
import pytest
from factories import adsorption_document
from matplotlib.colors import to_rgb
from surface_factories import alloy_diffusion, charge_document, diffusion_document, surface_adsorption

from anodeflow.report import figures, palette
from anodeflow.report.build import write_report
from anodeflow.report.context import Context
from anodeflow.report.figures import COLUMNS, PIXELS_PER_INCH, WIDEST, new_figure, save, with_pdfs
from anodeflow.report.labels import Label, write_labels, write_row
from anodeflow.report.provenance import settings_tables
from anodeflow.studies.adsorption.levels import site_levels, site_state, site_words, surfaces
from anodeflow.studies.adsorption.report import adsorption_section
from anodeflow.studies.charge.figures import common_isovalue, difference_surfaces, planar_average
from anodeflow.studies.diffusion.path_view import hop_graph, hop_images, plot_colour
from anodeflow.studies.diffusion.paths import through_images
from anodeflow.studies.diffusion.profiles import path_profile
from anodeflow.studies.vacancy.figures import COLOURS

SEEN = {
    "everybody": np.eye(3),
    # Machado, Oliveira and Fernandes (2009), severity 1, linear RGB
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
GROUPS = {
    "series": palette.SERIES,
    "ours, paper, mark, ground": (palette.OURS, palette.PAPER, palette.MARK, "#ffffff"),
    "density": (palette.ACCUMULATION, palette.DEPLETION, palette.MARK),
    "paths of a vacancy": tuple(COLOURS.values()),
    "minima": tuple(plot_colour(index) for index in range(6)),
}


def lab(colour: str, seen: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a colour as somebody sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(
        seen @ linear, 0, 1
    )
    f = np.cbrt(np.maximum(xyz / [0.9505, 1.0, 1.089], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", SEEN)
@pytest.mark.parametrize("group", GROUPS)
def test_colours_are_told_apart(eye, group):
    for one, other in combinations(GROUPS[group], 2):
        assert np.linalg.norm(lab(one, SEEN[eye]) - lab(other, SEEN[eye])) > 15, (one, other)


def test_the_old_red_and_green_would_not_pass():
    red, green = lab("#a04000", SEEN["deuteranope"]), lab("#5a6a00", SEEN["deuteranope"])
    assert np.linalg.norm(red - green) < 15


@pytest.mark.parametrize("residual", [0.0, 0.15, -0.3])
def test_a_curve_peaks_at_the_saddle(residual):
    """A climbing image that is not quite at rest leaves a slope; the curve must not invent a higher point beside it."""
    distance = np.array([0.0, 0.6, 1.1, 1.5, 2.1, 2.8])
    energy = np.array([0.0, 0.06, 0.128, 0.131, 0.05, 0.02])
    slope = np.array([0.0, 0.25, 0.2, residual, -0.1, 0.0])
    x, y = through_images(distance, energy, slope)
    assert y.max() == pytest.approx(0.131, abs=1e-12)
    assert x[np.argmax(y)] == pytest.approx(1.5)
    assert np.interp(distance, x, y) == pytest.approx(energy, abs=1e-12), "through all images"


def test_a_path_that_rises_all_the_way_has_no_peak_before_its_end():
    distance, energy = np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.2, 0.22])
    _, y = through_images(distance, energy, np.array([0.0, 0.4, 0.0]))
    assert y.max() == pytest.approx(0.22)


def pictures():
    adsorption, diffusion = surface_adsorption(), diffusion_document()
    yield site_levels(adsorption, None, "levels")
    yield surfaces([adsorption, surface_adsorption("LiH(001)", -0.7, "H")], [None, None], "surfaces")
    yield path_profile(diffusion, None, "profile")
    yield path_profile(alloy_diffusion(), None, "alloy")
    yield hop_graph(diffusion, "graph")
    yield hop_images(diffusion, diffusion.hops[0], "hop")
    yield planar_average(charge_document(), "planar")


@pytest.mark.slow
def test_words_of_drawings_are_words_without_boxes():
    for picture in pictures():
        picture = picture.drawn()
        drawing = picture.svg.decode("utf-8")
        assert re.search(r"<text[^>]*>[^<]*eV|<text[^>]*>[^<]*Å", drawing), picture.name
        assert "DejaVuSans-" not in drawing, "no outlines of letters"
        width = int.from_bytes(picture.png[16:20], "big")
        assert width <= WIDEST * PIXELS_PER_INCH


@pytest.mark.slow
def test_a_hundred_sites_are_no_wider_than_three():
    many = adsorption_document()
    many.sites = [many.sites[0].model_copy(update={"site": n}) for n in range(100)]
    few = site_levels(adsorption_document(), None, "few").drawn()
    drawn = site_levels(many, None, "many").drawn()
    assert drawn.width == few.width
    assert drawn.height < 1300
    assert "The 40 strongest of 100 sites." in drawn.caption


def test_labels_do_not_cover_each_other_nor_the_curve():
    figure = new_figure(5, 4)
    axes = figure.subplots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    curve = np.stack([np.linspace(0, 10, 200), np.full(200, 5.0)], axis=1)
    write_labels(axes, [Label(5, 5, f"hop {n}\n0.12 eV", "black") for n in range(4)], curve)
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    shown = axes.transData.transform(curve)
    assert not any(box.contains(*point) for box in boxes for point in shown)


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "inches"), COLUMNS.items())
def test_a_pdf_has_the_width_of_columns_and_its_words(columns, inches):
    with with_pdfs(True):
        pdf = path_profile(diffusion_document(), None, "profile").drawn().pdfs[columns]
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    assert float(box[0]) / 72 == pytest.approx(inches, abs=1e-3)
    assert b"/Type /Font" in pdf, "words, not outlines"
    content = b"".join(
        zlib.decompress(part) for part in re.findall(rb"FlateDecode.*?stream\n(.*?)\nendstream", pdf, re.S)[:1]
    )
    scale = float(re.search(rb"([\d.]+) 0 0 [\d.]+ 0 0 cm", content)[1])
    assert 0.7 < scale < 1.35, "words stay between 5 and 12 points"
    right = max(float(x) for x in re.findall(rb"\n([\d.]+) [\d.]+ [lm]\b", content))
    assert 0.9 * inches < scale * right / 72 <= inches + 1e-3, "nothing is cut off"


def test_a_legend_wider_than_a_column_is_made_narrower_there(monkeypatch):
    figure = new_figure(6, 3)
    axes = figure.subplots()
    for n in range(3):
        axes.plot([0, 1], [n, n], label=f"a path with a rather long name, {n}")
    figure.legend(loc="outside lower center", ncols=3, fontsize=6, frameon=False)
    seen = []
    monkeypatch.setattr(figures, "place_again", lambda _: seen.append((legend_box(figure), figure.bbox.width)))
    with with_pdfs(True):
        save(figure, "wide", "")
    assert len(seen) == len(COLUMNS)
    assert all(box.x0 >= -1 and box.x1 <= width + 1 for box, width in seen), "nothing is cut off"
    assert len(figure.legends) == 1
    assert figure.legends[0]._ncols == 3


def legend_box(figure):
    return figure.legends[0].get_window_extent(figure.canvas.get_renderer())


def test_words_in_a_row_do_not_lie_on_each_other():
    figure = new_figure(3, 1)
    axes = figure.subplots()
    axes.set(ylim=(0, 40))
    write_row(axes, [axes.annotate(f"metal {n}", (0.5, n)) for n in range(40)])
    save(figure, "row", "")
    shown = [text for text in axes.texts if text.get_visible()]
    boxes = [text.get_window_extent() for text in shown]
    assert 2 < len(shown) < 20
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_of_words_that_would_lie_on_others_the_first_stay():
    figure = new_figure(3, 1)
    axes = figure.subplots()
    places = {"strongest": 0.5, "weak": 0.52, "weaker, but alone": 0.1, "weakest": 0.48}
    write_row(axes, [axes.annotate(words, (x, 0.1), rotation=90, fontsize=4) for words, x in places.items()])
    save(figure, "lines", "")
    assert [text.get_text() for text in axes.texts if text.get_visible()] == ["strongest", "weaker, but alone"]


@pytest.mark.slow
def test_pdfs_are_written_when_asked_for(tmp_path):
    index = write_report("page", [surface_adsorption()], {}, tmp_path, pdf=True)
    names = {file.stem for file in (tmp_path / "figures").glob("*.png")}
    assert {file.stem for file in (tmp_path / "figures").glob("*.pdf")} == {
        f"{n}-{c}column" for n in names for c in COLUMNS
    }
    assert "-2column.pdf" in index.read_text(encoding="utf-8")


def test_circles_of_drawings_are_circles():
    figure = new_figure(2, 2)
    from matplotlib.patches import Circle, Ellipse

    axes = figure.subplots()
    axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    axes.add_patch(Circle((0, 0), 1.0))
    axes.add_patch(Ellipse((0, 0), 1.0, 0.5))
    drawing = save(figure, "round", "").svg.decode("utf-8")
    assert len(re.findall("<circle ", drawing)) == 1, "the ellipse stays what it is"


def test_all_charges_are_drawn_at_one_isovalue():
    one, other = charge_document(), charge_document()
    other.difference.isovalue = 2.3 * one.difference.isovalue
    value = common_isovalue([one, other])
    assert value <= one.difference.isovalue * 1.5
    assert value == common_isovalue([other, one])
    assert [name for name, *_ in difference_surfaces(one, value)] == ["accumulation", "depletion"]
    drawn = planar_average(one, "planar").drawn().svg.decode("utf-8")
    assert "lanar average" not in drawn, "what has e/Å is no average"
    assert "density difference in the plane (e/Å)" in drawn


def test_an_equal_site_is_not_zero_higher():
    document = surface_adsorption()
    document.sites[0].binding_energy = document.sites[document.most_stable].binding_energy + 2e-4
    (answer, *_) = adsorption_section([document], Context(tell=lambda words: None)).answer
    assert "Another site is as low." in answer
    assert "0 meV higher" not in answer


def test_an_adatom_that_stayed_has_not_moved_elsewhere():
    site = surface_adsorption().sites[0]
    stayed = site.model_copy(
        update={"label": "bridge", "final_label": "hollow", "state": "stayed", "displacement": 0.1}
    )
    moved = stayed.model_copy(update={"state": "moved", "displacement": 1.2})
    assert (site_words(stayed), site_state(stayed)) == ("hollow", "stayed, 0.10 Å")
    assert (site_words(moved), site_state(moved)) == ("bridge → hollow", "moved, 1.20 Å")
    section = adsorption_section([surface_adsorption()], Context(tell=lambda words: None))
    assert section.explanation.endswith("may bear another name though it stayed.")


def test_settings_have_their_code_s_units():
    settings = {"energy_tolerance": 1e-6, "orderings": {"window": 0.01}, "prescreen": {"window": 0.1}}
    made = [
        adsorption_document(code="gpaw 26.7.0", settings=settings, settings_hash="a"),
        adsorption_document(code="vasp 6.5.1", settings={"energy_tolerance": 1e-6}, settings_hash="b"),
    ]
    (table,) = settings_tables(made)
    units = {row["setting"]: row["unit"] for row in table.rows}
    assert units["energy_tolerance"] == "eV per valence electron, eV per cell"
    assert (units["orderings.window"], units["prescreen.window"]) == ("eV/atom", "eV")
