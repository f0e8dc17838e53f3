"""Lowest orderings of an alloy."""
