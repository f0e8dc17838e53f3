"""Stands in for VASP in tests: reads INCAR and POSCAR, writes VASP's output files, of numbers from a Morse potential.

What it does besides is told by FAKE_VASP: "exit 3", "box" (an error of VASP's own), "kill 9" (after two ionic steps),
"cut" (a vasprun.xml cut short, and exit status 0), "scf" (no SCF converges), "fast" (it does with ALGO = All only),
"no-vtst", "replay FOLDER" (recorded output files are copied into place). The formats are those of VASP 6.3 and VTST 4.1
as pymatgen, ASE and custodian read them; no line of VASP itself is here. It imports numpy alone, to start quickly.
"""

import itertools
import os
import shutil
import sys
from pathlib import Path

import numpy as np

MODE = os.environ.get("FAKE_VASP", "").split()
GPA_KB, EV_A3_KB = 10.0, 1602.1766208
WELL = {"Al": 0.2703, "Li": 0.20, "Mg": 0.25, "H": 0.30}
STEEPNESS, LENGTH, INNER, OUTER = 1.1646, 3.253, 6.0, 7.0  # Girifalco and Weizer's Al, smoothed at the end
ENTROPY = 0.002  # eV per atom: the free energy lies so far below the extrapolated one, twice


def read_incar(file: Path) -> dict:
    tags = {}
    for line in file.read_text().splitlines():
        key, _, value = line.partition("=")
        tags[key.strip()] = value.strip()
    return tags


def true(tags: dict, key: str) -> bool:
    return tags.get(key, "F").strip(".").upper().startswith("T")


class Atoms:
    """Cell (rows), fractional positions, symbols, and which directions are free."""

    def __init__(self, file: Path) -> None:
        lines = file.read_text().splitlines()
        self.cell = np.array([[float(x) for x in line.split()] for line in lines[2:5]]) * float(lines[1])
        self.elements, self.counts = lines[5].split(), [int(n) for n in lines[6].split()]
        self.symbols = [e for e, n in zip(self.elements, self.counts, strict=True) for _ in range(n)]
        selective = lines[7].lower().startswith("s")
        rows = [line.split() for line in lines[8 + selective : 8 + selective + len(self.symbols)]]
        self.x = np.array([[float(word) for word in row[:3]] for row in rows])
        self.free = np.array([[word == "T" for word in row[3:6]] if selective else [True] * 3 for row in rows])

    def write(self, file: Path) -> None:
        rows = [
            " ".join([f"{c:.16f}" for c in x % 1] + ["T" if free else "F" for free in flags])
            for x, flags in zip(self.x, self.free, strict=True)
        ]
        cell = [" ".join(f"{c:.16f}" for c in row) for row in self.cell]
        head = ["stand-in", "1.0", *cell, " ".join(self.elements), " ".join(map(str, self.counts))]
        file.write_text("\n".join([*head, "Selective dynamics", "Direct", *rows]) + "\n")


def compute(atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy (eV), forces (eV/Å) and stress (eV/Å³, positive under tension)."""
    depth = np.sqrt(np.outer(*[[WELL[s] for s in atoms.symbols]] * 2))
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell), axis=0)
    reach = [range(-n, n + 1) for n in np.ceil(OUTER / heights).astype(int)]
    shifts = np.array(list(itertools.product(*reach))) @ atoms.cell
    positions = atoms.x @ atoms.cell
    apart = positions[None, :, None] - positions[:, None, None] + shifts  # i, j, image: from i to j
    r = np.linalg.norm(apart, axis=-1)
    near = (r > 1e-9) & (r < OUTER)
    i, j, _ = np.nonzero(near)
    vectors, r = apart[near], r[near]
    wells = depth[i, j]
    decay = np.exp(-STEEPNESS * (r - LENGTH))
    pair, slope = wells * (decay**2 - 2 * decay), 2 * STEEPNESS * wells * (decay - decay**2)
    t = np.clip((r - INNER) / (OUTER - INNER), 0, 1)
    smooth, smooth_slope = 1 - t**3 * (10 - 15 * t + 6 * t**2), -30 * t**2 * (1 - t) ** 2 / (OUTER - INNER)
    slope, pair = slope * smooth + pair * smooth_slope, pair * smooth
    pull = (slope / r)[:, None] * vectors
    forces = np.zeros_like(positions)
    np.add.at(forces, i, pull)
    stress = 0.5 * np.einsum("na,nb->ab", vectors, pull) / abs(np.linalg.det(atoms.cell))
    return 0.5 * float(pair.sum()) - 2 * ENTROPY * len(positions), forces, stress


class Output:
    """The output files of one geometry's run, or of one image of a band."""

    def __init__(self, place: Path, tags: dict, atoms: Atoms, vtst: bool = False) -> None:
        self.place, self.tags, self.atoms, self.steps = place, tags, atoms, 0
        self.head = xml_head(tags, atoms)
        self.cycles = 4
        if MODE[:1] == ["scf"] or (MODE[:1] == ["fast"] and tags["ALGO"].upper() != "ALL"):
            self.cycles = int(tags["NELM"])
        self.calculations: list[str] = []
        self.oszicar = ""
        self.outcar = " vasp.6.3.0 20Jan22 (stand-in, no VASP)\n" + (" VTST: version 4.1, (05/19/21)\n" if vtst else "")
        moments = [float(word.split("*")[-1]) for word in tags.get("MAGMOM", "").split()]
        repeats = [int(word.split("*")[0]) if "*" in word else 1 for word in tags.get("MAGMOM", "").split()]
        self.moment = sum(m * n for m, n in zip(moments, repeats, strict=True))

    def step(self, energy: float, forces: np.ndarray, stress: np.ndarray) -> None:
        self.steps += 1
        n = len(self.atoms.symbols)
        zero, without = energy + ENTROPY * n, energy + 2 * ENTROPY * n
        words = f'<i name="e_fr_energy">{energy:20.8f}</i><i name="e_wo_entrp">{without:20.8f}</i>'
        energies = f'<energy>{words}<i name="e_0_energy">{zero:20.8f}</i></energy>'
        scf = "".join(f"<scstep>{energies}</scstep>" for _ in range(self.cycles))
        self.calculations.append(
            f"<calculation>{scf}{xml_structure(self.atoms)}{varray('forces', forces)}"
            f"{varray('stress', -EV_A3_KB * stress)}{energies}</calculation>"
        )
        magnetic = f"  mag= {self.moment:11.4f}" if self.tags["ISPIN"] == "2" else ""
        for cycle in range(1, self.cycles + 1):
            self.oszicar += f"DAV: {cycle:3d}    {energy:.12E}    0.1E-06   -0.1E-06   100   0.1E-02\n"
            self.outcar += f"--------------- Iteration {self.steps:6d}({cycle:4d})  ---------------\n"
            self.outcar += f"  free energy    TOTEN  = {energy + 1 / cycle:18.8f} eV\n"
            self.outcar += f"  energy without entropy ={energy:18.8f}  energy(sigma->0) ={energy:18.8f}\n"
        if self.cycles < int(self.tags["NELM"]):
            self.outcar += "----------- aborting loop because EDIFF is reached -----------\n"
        self.oszicar += f"{self.steps:4d} F= {energy:.8E} E0= {zero:.8E}  d E =-.1E-03{magnetic}\n"
        rows = zip((self.atoms.x % 1) @ self.atoms.cell, forces, strict=True)
        table = "\n".join("".join(f"{v:13.5f}" for v in x) + "".join(f"{v:14.6f}" for v in f) for x, f in rows)
        line = "-" * 83
        self.outcar += f" POSITION                        TOTAL-FORCE (eV/Angst)\n {line}\n{table}\n {line}\n"
        self.outcar += f"  free  energy   TOTEN  = {energy:18.8f} eV\n\n"
        self.outcar += f"  energy  without entropy={without:18.8f}  energy(sigma->0) ={zero:18.8f}\n"
        self.outcar += "      LOOP+:  cpu time    1.2000: real time    1.2500\n"
        self.write(whole=False)
        if MODE[:1] == ["kill"] and self.steps == 2:
            os.kill(os.getpid(), int(MODE[1]))

    def write(self, whole: bool) -> None:
        xml = self.head + "\n".join(self.calculations)
        if whole:
            xml += xml_structure(self.atoms, "finalpos") + "\n</modeling>\n"
        if MODE[:1] == ["cut"]:
            xml = xml[: len(xml) * 3 // 4]
        (self.place / "vasprun.xml").write_text(xml)
        (self.place / "OSZICAR").write_text(self.oszicar)
        (self.place / "OUTCAR").write_text(self.outcar)
        self.atoms.write(self.place / "CONTCAR")


def varray(name: str, rows: np.ndarray) -> str:
    lines = "".join("<v>" + "".join(f"{value:17.8f}" for value in row) + "</v>" for row in rows)
    return f'<varray name="{name}">{lines}</varray>'


def xml_structure(atoms: Atoms, name: str = "") -> str:
    named = f' name="{name}"' if name else ""
    crystal = f"<crystal>{varray('basis', atoms.cell)}</crystal>"
    return f"<structure{named}>{crystal}{varray('positions', atoms.x % 1)}</structure>"


def xml_head(tags: dict, atoms: Atoms) -> str:
    integers = "".join(
        f'<i type="int" name="{key}">{tags.get(key, default)}</i>'
        for key, default in (("NELM", 60), ("NSW", 0), ("IBRION", -1), ("ISIF", 2))
    )
    lines = [line for line in Path("POTCAR").read_text().splitlines() if "PAW_PBE" in line or "ZVAL" in line]
    titles, valences = lines[::3], [float(line.split("ZVAL   =")[1].split()[0]) for line in lines[2::3]]
    electrons = sum(v * n for v, n in zip(valences, atoms.counts, strict=True))
    names = "".join(f"<rc><c>{s:2s}</c><c>{atoms.elements.index(s) + 1}</c></rc>" for s in atoms.symbols)
    types = "".join(
        f"<rc><c>{n}</c><c>{e:2s}</c><c>1.0</c><c>{v}</c><c>{title}</c></rc>"
        for e, n, v, title in zip(atoms.elements, atoms.counts, valences, titles, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n'
        '<generator><i name="program" type="string">vasp </i><i name="version" type="string">6.3.0  </i></generator>\n'
        f'<incar><i type="string" name="ALGO">{tags["ALGO"]}</i>'
        f'<i type="int" name="ISMEAR">{tags["ISMEAR"]}</i></incar>\n'
        f'<parameters>{integers}<i name="NELECT">{electrons:.8f}</i></parameters>\n'
        f"<atominfo><atoms>{len(atoms.symbols)}</atoms><types>{len(atoms.elements)}</types>"
        '<array name="atoms"><dimension dim="1">ion</dimension><field type="string">element</field>'
        f'<field type="int">atomtype</field><set>{names}</set></array><array name="atomtypes">'
        '<dimension dim="1">type</dimension><field type="int">atomspertype</field><field type="string">element</field>'
        "<field>mass</field><field>valence</field><field type='string'>pseudopotential</field>"
        f"<set>{types}</set></array></atominfo>\n{xml_structure(atoms, 'initialpos')}\n"
    )


class Minimizer:
    """BFGS with a longest step, as good as any."""

    def __init__(self, size: int) -> None:
        self.hessian, self.before = 5.0 * np.eye(size), None

    def step(self, x: np.ndarray, force: np.ndarray) -> np.ndarray:
        if self.before is not None:
            dx, dg = x - self.before[0], self.before[1] - force
            if dx @ dg > 1e-10:
                hx = self.hessian @ dx
                self.hessian += np.outer(dg, dg) / (dg @ dx) - np.outer(hx, hx) / (dx @ hx)
        self.before = (x.copy(), force.copy())
        move = np.linalg.solve(self.hessian, force)
        return move * min(1.0, 0.2 / max(np.abs(move).max(), 1e-12))


def run_one(tags: dict) -> None:
    atoms = Atoms(Path("POSCAR"))
    output = Output(Path(), tags, atoms)
    cell_moves, steps = tags.get("ISIF") == "3", int(tags.get("NSW", 0))
    threshold = -float(tags.get("EDIFFG", -1))
    count = len(atoms.symbols)
    minimizer = Minimizer(3 * count + 9)
    strain = np.zeros((3, 3))
    start = atoms.cell.copy()
    for number in range(max(steps, 1)):
        energy, forces, stress = compute(atoms)
        output.step(energy, forces, stress)
        moving = forces * atoms.free
        tension = -stress * abs(np.linalg.det(atoms.cell)) * cell_moves
        calm = np.linalg.norm(moving, axis=1).max() < threshold and np.abs(tension).max() < threshold
        if steps == 0 or calm or number + 1 == steps:
            if steps and calm:
                print(" reached required accuracy - stopping structural energy minimisation")
            break
        x = np.concatenate([(atoms.x @ start).ravel(), strain.ravel() * count])
        move = minimizer.step(x, np.concatenate([moving.ravel(), tension.ravel() / count]))
        atoms.x = atoms.x + (move[: 3 * count].reshape(-1, 3) * atoms.free) @ np.linalg.inv(start)
        strain = strain + move[3 * count :].reshape(3, 3) / count
        atoms.cell = start @ (np.eye(3) + strain)
    output.write(whole=True)
    if true(tags, "LAECHG"):
        write_densities(tags, atoms)


def run_band(tags: dict) -> None:
    count = int(tags["IMAGES"])
    band = [Atoms(Path(f"{index:02}") / "POSCAR") for index in range(count + 2)]
    vtst = MODE[:1] != ["no-vtst"]
    outputs = [Output(Path(f"{index:02}"), tags, band[index], vtst) for index in range(1, count + 1)]
    climb, k, threshold = true(tags, "LCLIMB"), -float(tags["SPRING"]), -float(tags["EDIFFG"])
    ends = (float(tags["EFIRST"]), float(tags["ELAST"]))
    minimizer = Minimizer(3 * len(band[0].symbols) * count)
    for number in range(int(tags["NSW"])):
        results = [compute(image) for image in band[1:-1]]
        for output, result in zip(outputs, results, strict=True):
            output.step(*result)
        energies = [ends[0], *(energy for energy, _, _ in results), ends[1]]
        forces = np.array(
            [
                band_force(band[i - 1 : i + 2], energies[i - 1 : i + 2], results[i - 1][1], k) * band[i].free
                if not (climb and i == 1 + int(np.argmax(energies[1:-1])))
                else climbing_force(band[i - 1 : i + 2], energies[i - 1 : i + 2], results[i - 1][1]) * band[i].free
                for i in range(1, count + 1)
            ]
        )
        calm = np.linalg.norm(forces, axis=-1).max() < threshold
        if calm:
            for output in outputs:
                output.outcar += " reached required accuracy - stopping structural energy minimisation\n"
        if calm or number + 1 == int(tags["NSW"]) or not vtst:
            break
        x = np.array([image.x @ image.cell for image in band[1:-1]])
        moves = minimizer.step(x.ravel(), forces.ravel()).reshape(forces.shape)
        for image, move in zip(band[1:-1], moves, strict=True):
            image.x = image.x + move @ np.linalg.inv(image.cell)
    for output in outputs:
        output.write(whole=True)


def tangent(three: list, energies: list) -> tuple[np.ndarray, float, float]:
    """Return the improved tangent (unit) and the distances to both neighbours, Å."""
    cell = three[1].cell
    back, ahead = (((b.x - a.x + 0.5) % 1 - 0.5) @ cell for a, b in itertools.pairwise(three))
    before, here, after = energies
    if after > here > before:
        line = ahead
    elif after < here < before:
        line = back
    else:
        most, least = sorted((abs(after - here), abs(before - here)), reverse=True)
        line = ahead * (most if after > before else least) + back * (least if after > before else most)
    return line / np.linalg.norm(line), float(np.linalg.norm(back)), float(np.linalg.norm(ahead))


def band_force(three: list, energies: list, force: np.ndarray, k: float) -> np.ndarray:
    line, back, ahead = tangent(three, energies)
    return force - np.vdot(force, line) * line + k * (ahead - back) * line


def climbing_force(three: list, energies: list, force: np.ndarray) -> np.ndarray:
    line, _, _ = tangent(three, energies)
    return force - 2 * np.vdot(force, line) * line


def write_densities(tags: dict, atoms: Atoms) -> None:
    """Write a core of 10 electrons and a valence of 3 around each atom, in CHGCAR's format, sampled as they are."""
    shape = [int(tags[key]) for key in ("NGXF", "NGYF", "NGZF")]
    grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in shape], indexing="ij"), axis=-1)
    volume = abs(np.linalg.det(atoms.cell))
    core, valence = np.zeros(shape), np.zeros(shape)
    for x in atoms.x:
        r2 = ((((grid - x + 0.5) % 1 - 0.5) @ atoms.cell) ** 2).sum(axis=-1)
        core += 10 * 20**3 / (8 * np.pi) * np.exp(-20 * np.sqrt(r2))  # narrower than a grid cell
        valence += np.exp(-r2 / 0.5)
    valence *= 0.999 * 3 * len(atoms.x) / (valence.sum() * volume / valence.size)
    for name, values in (("AECCAR0", core), ("AECCAR2", valence), ("CHGCAR", valence)):
        atoms.write(Path(name))
        head = [line for line in Path(name).read_text().splitlines() if not line.startswith("Selective")]
        head = [" ".join(line.split()[:3]) if number > 7 else line for number, line in enumerate(head)]
        numbers = (values * volume).ravel(order="F")
        rows = [" ".join(map("{:.11E}".format, numbers[n : n + 5])) for n in range(0, len(numbers), 5)]
        Path(name).write_text("\n".join([*head, "", " ".join(map(str, shape)), *rows]) + "\n")


def main() -> int:
    tags = read_incar(Path("INCAR"))
    print(" running on    1 total cores\n vasp.6.3.0 20Jan22 (stand-in)", flush=True)
    if MODE[:1] == ["exit"]:
        print("forrtl: severe (174): stand-in was told to fail", file=sys.stderr)
        return int(MODE[1])
    if MODE[:1] == ["box"]:
        line = "-" * 77
        words = ["EEEEEEE  RRRRRR   RRRRRR   OOOOOOO  RRRRRR      ###     ###     ###", ""]
        words += ["ERROR FEXCP: supplied Exchange-correlation table is too small,", "maximal index : 5000", ""]
        words += ["---->  I REFUSE TO CONTINUE WITH THIS SICK JOB ... BYE!!! <----"]
        print(f" {line}", *[f"|{word:^77}|" for word in words], f" {line}", sep="\n")
        return 1
    if MODE[:1] == ["replay"]:
        for file in Path(MODE[1]).iterdir():
            shutil.copy(file, file.name)
        return 0
    run_band(tags) if "IMAGES" in tags else run_one(tags)
    return 0


if __name__ == "__main__":
    sys.exit(main())
