"""Convex hull, voltages and capacities of a binary alloy."""
