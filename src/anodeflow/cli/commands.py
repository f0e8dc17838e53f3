"""Registers every command of the command line."""

from importlib import import_module

for _name in (
    *(
        "new",
        "doctor",
        "build",
        "build_interface",
        "catalogue",
        "check",
        "trust",
        "run",
        "status",
        "submit",
        "retry",
        "cancel",
    ),
    *("cluster", "query", "compare", "report", "learn", "serve", "export", "delete", "db", "db_exchange", "adopt"),
):
    import_module(f"anodeflow.cli.{_name}")
