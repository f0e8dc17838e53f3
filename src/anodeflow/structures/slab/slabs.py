"""Surface slabs: every distinct termination of a plane, ready for one-sided adsorption.

A slab has its lattice vectors a and b in the plane, a along x, and c along z. The face to be studied is on top;
for a face that points down in the crystal the slab is turned over. The slab stands in the middle of its cell
(half of the vacuum on either side), so that the jump of a dipole correction at the cell's edge lies in vacuum,
and its lattice is periodic in the plane only. The bottom layers are fixed by `selective_dynamics`.
"""

import numpy as np
from pydantic import BaseModel, Field
from pymatgen.core import Lattice, Structure

from anodeflow.core.errors import InputError
from anodeflow.core.html import table
from anodeflow.structures.bulk.host import HostLattice, crystal_axes, plane_in_cell, recognise_host
from anodeflow.structures.geometry.positions import free_directions
from anodeflow.structures.slab.lateral import upright, wide_supercell
from anodeflow.structures.slab.planes import Face, crystal_faces
from anodeflow.structures.slab.spec import SlabSpec

DEFAULT_LAYERS = 6


class CrystalOrigin(BaseModel):
    """The calculation that relaxed the crystal of which a slab was cut."""

    id: str = Field(description="Content address of the calculation.")
    converged: bool = Field(description="Whether it ended at rest.")
    volume_change: float = Field(default=0.0, description="By how much, a fraction, the crystal's volume changed.")


class SlabCell(BaseModel):
    """A slab and what was measured on it."""

    structure: Structure = Field(description="The slab: studied face on top (+z), pbc in the plane only.")
    bulk_formula: str = Field(description="Reduced formula of the crystal.")
    miller: tuple[int, int, int] = Field(description="Miller indices as they were asked for.")
    setting: str = Field(description="Axes that `miller` refers to: host (and which), conventional or cell.")
    oriented_miller: tuple[int, int, int] = Field(description="The same plane in the axes of the crystal's cell.")
    number: int = Field(description="Number of the termination, from 0.")
    termination: str = Field(description="Composition of the outermost plane: Li2Mg3; with a letter if several.")
    layers: int = Field(description="Number of atomic planes.")
    fixed_layers: int = Field(description="Number of fixed planes at the bottom.")
    thickness: float = Field(description="Distance between the outermost atoms of both faces, Å.")
    vacuum: float = Field(description="Vacuum between the slab and its image, Å.")
    min_image_distance: float = Field(description="Distance between an atom and its nearest image, Å.")
    supercell: tuple[tuple[int, int], tuple[int, int]] = Field(
        description="In-plane vectors of the slab in units of those of the primitive surface cell."
    )
    crystal_axes: list[list[float]] | None = Field(
        default=None,
        description="Axes of the Miller indices as the crystal stands in the slab, three vectors (3, 3), Å; none in "
        "documents made before they were kept.",
    )
    crystal_calculation: CrystalOrigin | None = Field(
        default=None, description="What relaxed the crystal; none: nothing did, or it was not kept yet."
    )

    def __repr__(self) -> str:
        """Return one line: what was cut, and how large it is."""
        plane = " ".join(map(str, self.miller))
        return (
            f"SlabCell({self.bulk_formula}({plane}), termination {self.number} ({self.termination}), {self.layers} "
            f"layers, {len(self.structure)} atoms, {self.thickness:.1f} Å thick, {self.vacuum:g} Å of vacuum)"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        plane = " ".join(map(str, self.miller))
        rows = [
            ("termination", f"{self.number} ({self.termination})"),
            ("layers", f"{self.layers}, {self.fixed_layers} of them fixed"),
            ("atoms", f"{len(self.structure)} ({self.structure.composition.formula.replace(' ', '')})"),
            ("thickness", f"{self.thickness:.2f} Å"),
            ("vacuum", f"{self.vacuum:g} Å"),
            ("distance of images", f"{self.min_image_distance:.2f} Å"),
        ]
        return table(f"Slab of {self.bulk_formula}({plane})", ("", ""), rows)

    @property
    def area(self) -> float:
        """Area of one face, Å²."""
        a, b = self.structure.lattice.matrix[:2]
        return float(np.linalg.norm(np.cross(a, b)))

    @property
    def own_image_distance(self) -> float | None:
        """Length of the shortest vector of the primitive surface cell that leads to an atom's own image, Å; or none."""
        in_slab = np.linalg.inv(np.array(self.supercell))
        lengths = np.linalg.norm(in_slab @ self.structure.lattice.matrix[:2], axis=1)
        own = np.abs(in_slab - in_slab.round()).max(axis=1) < 1e-6
        return float(lengths[own].min()) if own.any() else None


def build_slabs(bulk: Structure, spec: SlabSpec, host: HostLattice | None = None) -> list[SlabCell]:
    """Build the slabs of all distinct terminations of a plane.

    Parameters
    ----------
    bulk
        Crystal, best relaxed with the code that will treat the slab; in the cell that `host` is for.
    spec
        Plane, thickness, vacuum, width and fixed layers; its `termination` is not looked at.
    host
        Parent lattice of an ordered alloy (`catalogue.host_lattice`), for Miller indices in the setting "host";
        without it a bcc, fcc or hcp host is recognised, and else the conventional cell is taken.

    Raises
    ------
    InputError
        If more layers are to be fixed than there are, `bulk` is not in the cell of `host`, or not ordered.
    """
    if not bulk.is_ordered:
        raise InputError(
            f"{bulk.formula} has partly occupied sites, or several elements on one: "
            "give an ordered model of the crystal."
        )
    content = bulk.lattice.matrix.tobytes(), bulk.frac_coords.tobytes(), str(bulk.species), str(bulk.site_properties)
    key = (*content, spec.model_dump_json(exclude={"termination"}), repr(host))
    slabs = _CUT.get(key)
    if slabs is None:
        slabs = _cut(bulk, spec, host)
        if len(_CUT) >= _MOST_KEPT:
            _CUT.clear()
        _CUT[key] = slabs
    return [_own(slab) for slab in slabs]


def _own(slab: SlabCell) -> SlabCell:
    """Return a copy that shares no list with the slab: whoever changes it changes their own (`deep` takes longer)."""
    structure = slab.structure.copy()
    structure.add_site_property("selective_dynamics", free_directions(structure) or [])
    return slab.model_copy(
        update={"structure": structure, "crystal_axes": [list(each) for each in slab.crystal_axes or []] or None}
    )


_CUT: dict[tuple[object, ...], list[SlabCell]] = {}
"""Slabs that were cut: the check of a campaign and the rehearsal of each of its studies ask for the same ones."""
_MOST_KEPT = 4096


def _cut(bulk: Structure, spec: SlabSpec, host: HostLattice | None) -> list[SlabCell]:
    if spec.setting == "host" and host is None:
        host = recognise_host(bulk)
    setting: str = spec.setting
    if setting == "host":
        setting = f"host ({host.lattice})" if host else "conventional"
    plane = plane_in_cell(bulk, spec.miller, spec.setting, host)
    faces = crystal_faces(bulk, plane)
    labels = termination_labels([face.plane.formula for face in faces])
    slabs = []
    for number, (face, label) in enumerate(zip(faces, labels, strict=True)):
        elements, positions, layer = cut_planes(face, spec)
        layers = int(layer.max()) + 1
        fixed = layers // 2 if spec.fixed_layers is None else spec.fixed_layers
        if fixed > layers:
            raise InputError(f"cannot fix {fixed} layers of a slab that has {layers}: lower fixed_layers.")
        supercell = wide_supercell(face.stack.vectors[:2], spec.min_width)
        axes = crystal_axes(bulk, spec.setting, host) @ face.stack.rotation @ _turn(face, supercell)
        structure = _assemble(face, elements, positions, layer, supercell, spec, fixed)
        slabs.append(
            SlabCell(
                structure=structure,
                bulk_formula=bulk.reduced_formula,
                miller=spec.miller,
                setting=setting,
                oriented_miller=plane,
                number=number,
                termination=label,
                layers=layers,
                fixed_layers=fixed,
                thickness=float(np.ptp(positions[:, 2])),
                vacuum=spec.vacuum,
                min_image_distance=min(structure.lattice.abc[:2]),
                supercell=supercell.tolist(),
                crystal_axes=axes.tolist(),
            )
        )
    return slabs


def build_slab(bulk: Structure, spec: SlabSpec, host: HostLattice | None = None) -> SlabCell:
    """Build the slab of the termination that `spec` names; see `build_slabs`.

    Raises
    ------
    InputError
        If there is no such termination, or `spec` asks for all of them.
    """
    slabs = build_slabs(bulk, spec, host)
    if spec.termination == "all" or spec.termination not in range(len(slabs)):
        plane = " ".join(map(str, spec.miller))
        known = ", ".join(f"{slab.number}: {slab.termination}" for slab in slabs)
        raise InputError(
            f"termination {spec.termination!r} of {slabs[0].bulk_formula}({plane}) names no single slab: "
            f"there are {len(slabs)} ({known})."
        )
    return slabs[spec.termination]


def cut_planes(face: Face, spec: SlabSpec) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Take planes from the face downwards; return elements, positions (n, 3) and layer of each atom from below."""
    planes, up = face.stack.planes, face.stack.vectors[2]
    wanted = DEFAULT_LAYERS if spec.layers is None and spec.thickness is None else spec.layers
    taken: list[tuple[tuple[str, ...], np.ndarray]] = []
    while True:
        periods, index = divmod(face.top - len(taken), len(planes))
        taken.append((planes[index].elements, planes[index].positions + periods * up))
        thickness = taken[0][1][:, 2].max() - taken[-1][1][:, 2].min()
        if len(taken) == wanted or (spec.thickness is not None and thickness >= spec.thickness - 1e-6):
            break
    taken.reverse()
    elements = [element for plane, _ in taken for element in plane]
    layer = np.repeat(np.arange(len(taken)), [len(plane) for plane, _ in taken])
    return elements, np.concatenate([positions for _, positions in taken]), layer


def _assemble(
    face: Face,
    elements: list[str],
    positions: np.ndarray,
    layer: np.ndarray,
    supercell: np.ndarray,
    spec: SlabSpec,
    fixed: int,
) -> Structure:
    """Repeat the cut in the plane, put it into the middle of its cell and sort it from the bottom up."""
    a, b = face.stack.vectors[:2]
    vectors = np.vstack([supercell @ face.stack.vectors[:2], [0, 0, np.ptp(positions[:, 2]) + spec.vacuum]])
    # A sublattice whose Hermite normal form is (p, q; 0, r) is filled by p x r translations.
    cells = round(abs(np.linalg.det(supercell)))
    p = int(np.gcd(*supercell[:, 0]))
    shifts = [i * a + j * b for i in range(p) for j in range(cells // p)]
    centred = positions - [0, 0, positions[:, 2].min() - spec.vacuum / 2]
    fractional = np.concatenate([centred + shift for shift in shifts]) @ np.linalg.inv(vectors)
    fractional[:, :2] = (fractional[:, :2] + 1e-6) % 1 - 1e-6
    layer = np.tile(layer, cells)
    order = np.lexsort((*fractional[:, :2].round(3).T, layer))
    return Structure(
        Lattice(vectors @ _turn(face, supercell), pbc=(True, True, False)),
        [(elements * cells)[i] for i in order],
        fractional[order],
        site_properties={"selective_dynamics": [[bool(n >= fixed)] * 3 for n in layer[order]]},
    )


def _turn(face: Face, supercell: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) of Cartesian rows that lays the first vector of the supercell along x."""
    return upright(np.vstack([supercell @ face.stack.vectors[:2], [0, 0, 1]]))


def termination_labels(formulas: list[str]) -> list[str]:
    """Tell terminations of the same composition apart by a letter."""
    seen: dict[str, int] = {}
    labels = []
    for formula in formulas:
        seen[formula] = seen.get(formula, 0) + 1
        letter = f" ({chr(96 + seen[formula])})" if formulas.count(formula) > 1 else ""
        labels.append(formula + letter)
    return labels
