"""Energies along a path, in both directions, and the adatom's positions without jumps."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from surface_factories import alloy_diffusion, diffusion_document, surface_slab

from anodeflow.report.comparison import Published
from anodeflow.report.figures import new_figure
from anodeflow.report.reference import Reference, ReferenceValue
from anodeflow.report.view3d.atoms import SlabView, draw_top
from anodeflow.report.view3d.neighbourhood import around_adatom
from anodeflow.studies.diffusion import path_view, profiles
from anodeflow.studies.diffusion.paths import (
    path_positions,
    path_words,
    stretch,
    stretches,
)


def test_the_curve_goes_through_the_images_with_their_slopes():
    document = diffusion_document()
    part = stretch(document, document.hops[0])
    x, y = part.curve(6001)
    assert np.interp(part.distance, x, y) == pytest.approx(part.energy, abs=1e-9)
    slopes = np.gradient(y, x)
    assert np.interp(part.distance[1:-1], x, slopes) == pytest.approx(part.slope[1:-1], abs=1e-3)
    assert y.max() == pytest.approx(0.131, abs=1e-6)


def test_a_hop_taken_backwards():
    document = alloy_diffusion()
    forward, back = (stretch(document, document.hops[1], reverse) for reverse in (False, True))
    assert back.ends == (1, 0)
    assert back.energy == pytest.approx(forward.energy[::-1])  # both over the lowest minimum
    assert back.slope == pytest.approx(-forward.slope[::-1])
    assert np.all(np.diff(back.distance) > 0)
    assert back.saddle == len(back.energy) - 1 - forward.saddle


def test_hops_of_a_path_join():
    document = alloy_diffusion()
    first, second = stretches(document, document.path)
    assert (first.ends, second.ends) == ((0, 1), (1, 0))
    assert second.distance[0] == first.distance[-1]
    assert second.energy[0] == pytest.approx(first.energy[-1]) == pytest.approx(0.08)
    assert second.energy[-1] == pytest.approx(0.0)
    assert max(second.energy) == pytest.approx(document.path.barrier)
    assert path_words(document, document.path) == "fourfold hollow → bridge → fourfold hollow"


def test_positions_do_not_jump_between_cells():
    images = [surface_slab((x % 6.88, 0.0, 1.66)) for x in np.linspace(5.16, 8.60, 7)]
    positions = path_positions(images)
    assert positions[:, 0] == pytest.approx(np.linspace(5.16, 8.60, 7))
    assert np.ptp(positions[:, 1:], axis=0) == pytest.approx([0, 0], abs=1e-9)


def test_the_adatom_stands_in_the_middle_of_its_neighbourhood():
    atoms = around_adatom(surface_slab((0.0, 0.0, 1.66)))  # at a corner of the cell
    centre = atoms.positions[atoms.centre]
    assert np.abs(atoms.positions[:, :2] - centre[:2]).max() == pytest.approx(3.44, abs=0.3)
    assert (atoms.indices == 16).sum() == 1  # one adatom, its periodic images left out
    assert atoms.corners.mean(axis=0)[:2] == pytest.approx(centre[:2])
    assert len(atoms.bonds) >= 1


def test_a_slab_across_the_edge_of_the_cell_is_not_torn():
    slab = surface_slab((1.72, 1.72, 1.66))
    slab.translate_sites(range(len(slab)), [0, 0, 0.5], to_unit_cell=True)
    heights = around_adatom(slab).positions[:, 2]
    assert np.ptp(heights) == pytest.approx(3 * 1.72 + 1.66, abs=1e-6)


@pytest.mark.parametrize("barrier", [0.05, 5.0])
def test_a_published_barrier_is_named_below_the_figure(barrier, monkeypatch):
    """Written on its line it lay on the curve and on the arrow of the barrier."""
    drawn = []
    monkeypatch.setattr(profiles, "save", lambda figure, name, caption: drawn.append(figure))
    entry = ReferenceValue(system="Li(001)", property="barrier_forward", value=barrier, unit="eV")
    paper = Published(Reference(doi="10.1000/x", name="Somebody 2021", citation="Somebody", values=[entry]), entry)
    profiles.path_profile.__wrapped__(diffusion_document(), paper, "profile")
    (figure,) = drawn
    (axes,) = figure.axes
    assert not [text for text in axes.texts if "Somebody" in text.get_text()]
    (legend,) = figure.legends
    (line,) = legend.get_texts()
    assert line.get_text().startswith("Somebody 2021: ")
    assert ("beyond this figure" in line.get_text()) == (barrier > 1)


def test_every_hop_of_the_graph_ends_at_a_mark():
    """A copy by a rotation is no copy by the lattice: arrows to it ended at nothing."""
    cell, minima = 4.0 * np.eye(2), np.array([[0.0, 0.0], [1.0, 0.5]])
    turned = np.array([0.5, -1.0])
    ways = [(SimpleNamespace(final=1), minima[0], end) for end in (minima[1], turned, turned + cell[0])]
    places = path_view._copies(minima, ways, cell)
    assert {index for index, place in places if np.allclose(place, turned)} == {1}
    assert len(places) == 3 * 81, "two minima and one rotation, each once in every cell"


def test_words_stand_clear_of_the_mark_at_their_point(monkeypatch):
    """Pushed aside by an arrow, the name of a minimum lay under its circle."""
    drawn = []
    monkeypatch.setattr(profiles, "save", lambda figure, name, caption: drawn.append(figure))
    profiles.path_profile.__wrapped__(diffusion_document(), None, "profile")
    axes = drawn[0].axes[0]
    renderer = drawn[0].canvas.get_renderer()
    named = [text for text in axes.texts if "hollow" in text.get_text()]
    assert len(named) == 2
    for text in named:
        box = text.get_window_extent(renderer)
        mark = axes.transData.transform(text.xy)
        nearest = np.clip(mark, box.min, box.max)
        assert np.linalg.norm(nearest - mark) * 72 / drawn[0].dpi > 5, "the circle and its rim"


def test_a_hollow_is_told_from_a_top_where_sites_are_numbered():
    """The first two layers had one colour: the sites of a bcc face looked alike."""
    axes = new_figure(3, 3).subplots()
    view = SlabView(surface_slab((0.0, 0.0, 1.66)))
    draw_top(axes, view, None, faint=0.35)
    balls = next(each for each in axes.collections if isinstance(each, EllipseCollection))
    shades = {tuple(np.round(face, 3)) for face in balls.get_facecolors()}
    highest = view.positions[:, 2].max()
    heights = {min(round(float(highest - z), 2), 5.0) for z in view.positions[:, 2]}
    assert len(shades) == len(heights) > 3, "one for each height down to 5 Å: nothing is held fixed here"
