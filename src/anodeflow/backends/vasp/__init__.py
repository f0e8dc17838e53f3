"""VASP, by way of atomate2 and custodian."""
