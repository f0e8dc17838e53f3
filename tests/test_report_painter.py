"""Surfaces of one value, and the painter of balls and translucent surfaces."""

import numpy as np
import pytest
from surface_factories import compact_grid

from anodeflow.report.view3d.fields import Field, Mesh
from anodeflow.report.view3d.painter import Camera, Painting

RED, YELLOW, BLUE = np.array([1.0, 0, 0]), np.array([1.0, 1, 0]), np.array([0.0, 0, 1])
ABOVE = Camera(-90, 90)
FRAME = (-2.0, 2.0, -2.0, 2.0)


def bump(centre: list[float], points: int = 30, length: float = 6.0) -> Field:
    """A Gaussian of width 1 Å in a periodic cubic cell."""
    axis = np.arange(points) * length / points
    away = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1) - centre
    away -= length * np.round(away / length)
    return Field(np.exp(-np.sum(away**2, axis=-1) / 2), np.zeros(3), np.eye(3) * length / points)


def square(height: float) -> Mesh:
    """A square of 2 Å in the plane z = `height`."""
    corners = np.array([[-1, -1, height], [1, -1, height], [1, 1, height], [-1, 1, height]], float)
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]]))


def middle(painting: Painting) -> np.ndarray:
    image = painting.paint(FRAME, 20)
    return image[image.shape[0] // 2, image.shape[1] // 2]


def test_a_stored_grid_comes_back():
    values = np.arange(24.0).reshape(2, 3, 4)
    steps = np.array([[0.1, 0, 0], [0.02, 0.2, 0], [0, 0, 0.3]])
    field = Field.from_document(compact_grid(values, np.array([1.0, 2.0, 3.0]), steps))
    assert np.array_equal(field.values, values)
    assert np.array_equal(field.origin, [1.0, 2.0, 3.0])
    assert np.array_equal(field.steps, steps)


@pytest.mark.parametrize("sign", [1, -1])
def test_isosurface_of_a_gaussian_is_a_sphere_with_normals_outwards(sign):
    field = bump([3.0, 3.0, 3.0])
    mesh = Field(sign * field.values, field.origin, field.steps).isosurface(sign * np.exp(-0.5))
    away = mesh.vertices - [3.0, 3.0, 3.0]
    assert np.linalg.norm(away, axis=1) == pytest.approx(1.0, abs=0.01)
    assert np.all(np.sum(mesh.normals * away, axis=1) > 0.9)
    assert field.isosurface(2.0) is None


def test_a_surface_at_the_edge_of_the_cell_is_made_whole():
    centre = [0.1, 5.9, 3.0]
    field = bump(centre).centred(np.array(centre), np.eye(3) * 6.0)
    away = field.isosurface(np.exp(-0.5)).vertices - centre
    assert np.linalg.norm(away, axis=1) == pytest.approx(1.0, abs=0.01)


def test_a_grid_on_part_of_the_cell_stays_where_it_is():
    field = bump([3.0, 3.0, 3.0])
    assert np.array_equal(field.centred(np.array([1.0, 1.0, 1.0]), np.eye(3) * 8.0).values, field.values)


def test_a_ball_is_painted_at_its_place_in_its_colour():
    painting = Painting(ABOVE)
    painting.balls.append((np.array([1.0, 0.5, 0.0]), 0.4, RED, 0.0))
    image = painting.paint(FRAME, 20)
    assert image.shape == (80, 80, 3)
    painted = np.argwhere(image.min(axis=2) < 0.9)
    rows, columns = painted.mean(axis=0)
    assert columns == pytest.approx(60, abs=1)  # 1 Å right of the middle
    assert rows == pytest.approx(30, abs=1)  # 0.5 Å above it
    red, green, blue = image[30, 60]
    assert red > 0.8 > 0.5 > max(green, blue)


def test_the_nearer_ball_hides_the_other_in_whatever_order():
    balls = [(np.array([0, 0, 2.0]), 0.5, RED, 0.0), (np.array([0, 0, -2.0]), 1.0, BLUE, 0.0)]
    colours = []
    for order in (balls, balls[::-1]):
        painting = Painting(ABOVE, balls=list(order))
        colours.append(middle(painting))
    assert np.array_equal(*colours)
    assert colours[0][0] > 0.8 > colours[0][2]


def test_translucent_surfaces_lie_over_each_other_by_depth():
    above, below = (square(1.0), YELLOW, 0.5), (square(-1.0), BLUE, 0.5)
    first = middle(Painting(ABOVE, surfaces=[above, below]))
    assert first == pytest.approx(middle(Painting(ABOVE, surfaces=[below, above])))
    alone = middle(Painting(ABOVE, surfaces=[above]))
    white = np.ones(3)
    blue = middle(Painting(ABOVE, surfaces=[below]))
    assert first == pytest.approx(alone + 0.5 * (blue - white), abs=1e-6)  # half of what is behind comes through


def test_a_surface_behind_a_ball_is_hidden():
    ball = (np.zeros(3), 1.0, RED, 0.0)
    hidden = Painting(ABOVE, balls=[ball], surfaces=[(square(-1.5), BLUE, 0.5)])
    assert middle(hidden) == pytest.approx(middle(Painting(ABOVE, balls=[ball])))
    in_front = Painting(ABOVE, balls=[ball], surfaces=[(square(1.5), BLUE, 0.5)])
    assert middle(in_front)[2] > middle(hidden)[2] + 0.2


def test_a_stick_joins_its_ends():
    painting = Painting(Camera(-90, 0))
    painting.stick(np.array([-1.5, 0, 0]), np.array([1.5, 0, 0]), 0.2, BLUE)
    painted = painting.paint(FRAME, 20)[:, :, 0] < 0.9
    rows, columns = np.nonzero(painted)
    assert (np.ptp(columns) + 1) / 20 == pytest.approx(3.0, abs=0.1)
    assert (np.ptp(rows) + 1) / 20 == pytest.approx(0.4, abs=0.1)


def test_the_view_from_the_side_has_z_up():
    painting = Painting(Camera(-72, 14))
    low, high = painting.project(np.array([[0, 0, 0], [0, 0, 1.0]]))
    assert high[1] - low[1] == pytest.approx(np.cos(np.radians(14)))
    assert high[0] == pytest.approx(low[0])
