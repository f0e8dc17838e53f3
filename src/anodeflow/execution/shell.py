"""A machine without a queue, as qtoolkit drives it, for jobs with the names that ours have."""

from qtoolkit.io.shell import ShellIO


class NamedShellIO(ShellIO):
    """As :class:`qtoolkit.io.shell.ShellIO`, whose scripts break on the brackets of a name like ``Li(001)``."""

    header_template_file = ""
    header_template = "exec > $${qout_path}\nexec 2> $${qerr_path}\n\n# $${job_name}\n$${qverbatim}\n"
