"""Geometry that every builder needs: symmetry, displacements, transfer of positions."""
