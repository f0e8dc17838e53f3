"""Codes that are started as programs and read from their files."""
