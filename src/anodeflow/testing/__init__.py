"""Conformance of backends and of studies, for those who add one."""
