"""Interfaces: matched cells, registry, and what touches what."""
