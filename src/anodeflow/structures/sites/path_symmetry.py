"""The operation that turns a path round."""

from pydantic import BaseModel, Field


class PathSymmetry(BaseModel):
    """The operation that turns a path round: it takes every image i to image N - 1 - i.

    Atom a of the one stands where the operation puts atom ``permutation[a]`` of the other, up to a lattice vector:
    ``x'_a = rotation @ x_permutation[a] + translation``.
    """

    rotation: list[list[float]] = Field(description="Cartesian rotation or reflection (3, 3).")
    translation: list[float] = Field(description="Cartesian translation (3,), Å.")
    permutation: list[int] = Field(description="For each atom the one that the operation puts into its place.")
