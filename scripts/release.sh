#!/bin/sh
# Builds sdist and wheel into dist/ and tries the wheel in a clean environment ("make release").
#   sh scripts/release.sh PYTHON     a Python that has hatchling
set -eu
cd -P "$(dirname "$0")/.."
python=$1
unset PYTHONPATH  # what stands there would count as installed
rm -rf dist
"$python" -m hatchling build
version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')

# The part of the changelog that belongs to this version, else the unreleased one.
notes() { awk -v head="## [$1]" 'index($0, "## [") == 1 { on = index($0, head) == 1; next } on' CHANGELOG.md; }
if grep -q "^## \[Unreleased\]" CHANGELOG.md && [ -n "$(notes Unreleased | tr -d '[:space:]')" ]; then
    echo "release: CHANGELOG.md has unreleased changes: give them a number and a date before publishing." >&2
    notes Unreleased >dist/RELEASE.md
else
    notes "$version" >dist/RELEASE.md
fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" -m venv "$place/venv"
wheel=$(ls "$PWD"/dist/anodeflow-"$version"-*.whl)
extras=$("$python" -c 'if True:
    import tomllib
    extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
    print(*(extra for extra in extras if extra != "dev"))')
for extra in $extras; do
    echo "release: can pip find all of [$extra]?"
    "$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check --dry-run "$wheel[$extra]"
done
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel[report]"
(cd "$place" && sh "$OLDPWD/scripts/smoke.sh" "$place/venv/bin")
echo "release: dist/ holds $(cd dist && echo *)"
