"""Slabs: planes, terminations, lateral cells, and the room that a hop needs."""
