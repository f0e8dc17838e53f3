#!/bin/sh
# Tries an installed anodeflow from end to end in the working directory, with EMT:  sh smoke.sh FOLDER_OF_PROGRAMS
set -eu
bin=$1
export ANODEFLOW_HOME="$PWD/home"
say() { printf 'smoke: %s\n' "$*"; }
"$bin/anodeflow" --help >/dev/null
"$bin/python" -m pip check
"$bin/anodeflow" build slab Cu --miller 1 1 1 --layers 3 -o slab.cif
cat >copper.yaml <<'YAML'
name: copper
backend: emt
systems:
  - {name: Cu(111), structure: Cu, miller: [1, 1, 1], layers: 3, fixed_layers: 1, vacuum: 8, min_width: 5}
studies:
  - adsorption: {adsorbate: Cu, systems: [Cu(111)]}
YAML
"$bin/anodeflow" check copper.yaml
"$bin/anodeflow" run copper.yaml
"$bin/anodeflow" query campaign=copper property=binding_energy_bulk --format csv | tee rows.csv
test "$(wc -l <rows.csv)" -ge 2
"$bin/anodeflow" report copper -o report
test -s report/index.html
"$bin/anodeflow" export copper -o copper.json.gz
say "built, checked, ran, queried, reported and exported"
