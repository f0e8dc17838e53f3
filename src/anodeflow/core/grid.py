"""Values on a grid that are small enough to be stored in a document."""

import base64
import zlib

import numpy as np
from pydantic import BaseModel, Field

_KEPT_BITS = 11  # of a float32's mantissa: 5e-4 relative, and half the size when compressed


class CompactGrid(BaseModel):
    """A scalar field on part of a periodic grid, coarse enough to be stored in a document and drawn from it."""

    shape: tuple[int, int, int] = Field(description="Number of points along the three lattice directions.")
    origin: list[float] = Field(description="Cartesian position of the first point, Å.")
    steps: list[list[float]] = Field(description="Cartesian vectors (3, 3) from one point to the next, Å.")
    data: str = Field(description="Values, C order, little-endian float32, zlib-compressed, base64.")


def pack_grid(values: np.ndarray, origin: np.ndarray, steps: np.ndarray) -> CompactGrid:
    """Pack values into a document: float32 with 11 bits of mantissa (5e-4 relative), compressed."""
    whole = np.ascontiguousarray(values, dtype="<f4").view("<u4")
    dropped = 23 - _KEPT_BITS
    rounded = (whole + np.uint32(1 << (dropped - 1))) & np.uint32(~((1 << dropped) - 1) & 0xFFFFFFFF)
    return CompactGrid(
        shape=values.shape,
        origin=np.asarray(origin, dtype=float).tolist(),
        steps=np.asarray(steps, dtype=float).tolist(),
        data=base64.b64encode(zlib.compress(rounded.tobytes(), 9)).decode("ascii"),
    )


def unpack_grid(grid: CompactGrid) -> np.ndarray:
    """Return the values of a grid in a document (nx, ny, nz)."""
    packed = zlib.decompress(base64.b64decode(grid.data))
    return np.frombuffer(packed, dtype="<f4").reshape(grid.shape).astype(float)
