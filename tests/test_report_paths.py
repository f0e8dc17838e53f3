"""Energies along a path, in both directions, and the adatom's positions without jumps."""

import numpy as np
import pytest
from surface_factories import alloy_diffusion, diffusion_document, surface_slab

from anodeflow.report.comparison import Published
from anodeflow.report.reference import Reference, ReferenceValue
from anodeflow.report.view3d.neighbourhood import around_adatom
from anodeflow.studies.diffusion import profiles
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
