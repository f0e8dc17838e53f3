"""Conformance of backends, for those who add one."""
