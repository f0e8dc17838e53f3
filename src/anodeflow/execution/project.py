"""Opens a project of jobflow-remote, whose results must go into the database that anodeflow's commands read."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anodeflow.core.errors import DatabaseError, InputError
from anodeflow.core.install import install_command
from anodeflow.core.masking import masked
from anodeflow.core.settings import Settings, get_settings
from anodeflow.database.embedded import ServerFolder
from anodeflow.database.place import find_database
from anodeflow.database.secret import write_private
from anodeflow.database.server_store import is_refusal
from anodeflow.database.store import open_store

if TYPE_CHECKING:
    from jobflow import JobStore
    from jobflow_remote.config.base import Project, WorkerBase
    from jobflow_remote.jobs.jobcontroller import JobController

_INSTALL = f"jobflow-remote is not installed: {install_command('remote')}."


@dataclass(frozen=True)
class Remote:
    """A project, its queue, and the database of results."""

    project: "Project"
    controller: "JobController"
    store: "JobStore"

    def worker(self, name: str) -> "WorkerBase":
        """Return a worker of the project.

        Raises
        ------
        InputError
            If it has none of that name.
        """
        try:
            return self.project.workers[name]
        except KeyError:
            known = ", ".join(self.project.workers) or "none"
            raise InputError(f"project {self.project.name} has no worker {name!r}; there is {known}.") from None


def projects_folder() -> Path:
    """Return the folder of jobflow-remote's project files (JFREMOTE_PROJECTS_FOLDER, or ~/.jfremote)."""
    # As jobflow-remote has it: its own settings are read once a process, when it is imported.
    folder = os.environ.get("JFREMOTE_PROJECTS_FOLDER")
    if folder:
        return Path(folder).expanduser()
    try:
        from jobflow_remote import SETTINGS
    except ImportError:
        raise InputError(_INSTALL) from None
    return Path(SETTINGS.projects_folder).expanduser()


def load_project(name: str) -> "Project":
    """Read the project file called `name`.

    Raises
    ------
    InputError
        If there is none, or it is wrong.
    """
    try:
        from jobflow_remote import SETTINGS
        from jobflow_remote.config.base import ConfigError
        from jobflow_remote.config.manager import ConfigManager
    except ImportError:
        raise InputError(_INSTALL) from None
    folder = projects_folder()
    SETTINGS.projects_folder = str(folder)
    file = folder / f"{name}.yaml"
    try:
        manager = ConfigManager()
        if name in manager.projects:
            return manager.projects[name]
        if file.is_file():
            _explain(file)
    except ConfigError as error:
        raise InputError(f"the projects in {folder} contradict each other: {_line(error)}.") from error
    known = ", ".join(sorted(manager.projects)) or "none"
    raise InputError(f"no project {name!r} in {folder} (there is {known}): make one with anodeflow cluster init.")


def _explain(file: Path) -> None:
    """Raise InputError with what is wrong with a project file."""
    from jobflow_remote.config.base import Project
    from pydantic import ValidationError

    from anodeflow.core.yamlfile import YamlFile

    content = YamlFile.read(file)
    try:
        Project.model_validate(content.content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{content.where(*first['loc'])}: {place}: {first['msg'].splitlines()[0]}.") from error
    raise InputError(f"{file} is the file of another project: its `name` must be {file.stem}.")


@contextmanager
def open_project(name: str, settings: Settings | None = None) -> Iterator[Remote]:
    """Open a project's queue and the database for the time of the context.

    Raises
    ------
    InputError
        If there is no such project, or its results go elsewhere.
    DatabaseError
        If a database does not answer.
    """
    from pymongo.errors import PyMongoError

    settings = settings or get_settings()
    project = load_project(name)
    quieten()
    with open_store(settings) as store:
        if _renew_login(name, settings):
            project = load_project(name)
        theirs = project.get_jobstore()
        if theirs is None:
            raise InputError(f"project {name} has no `jobstore`: write it anew with anodeflow cluster init --force.")
        try:
            theirs.connect()
            _check_same(name, store, theirs)
            controller = project.get_job_controller()
        except PyMongoError as error:
            said = _line(error)
            if is_refusal(error):
                raise DatabaseError(
                    f"the server refuses the user and password in {projects_folder() / name}.yaml ({said}): correct "
                    f"them, or write the file anew with anodeflow cluster init --force."
                ) from error
            raise DatabaseError(f"the queue of project {name} does not answer ({said}): start its server.") from error
        finally:
            with suppress(Exception):
                theirs.close()
        try:
            yield Remote(project, controller, store)
        finally:
            controller.close()


def _renew_login(name: str, settings: Settings) -> bool:
    """Write the password of the embedded server into the project file, where the file has another or none.

    The server gets a password when an older anodeflow made it without one, and when its folder was copied. What else
    stands in the file is the user's and stays. Return whether the file was changed.
    """
    place = find_database(settings)
    server = ServerFolder(place.folder).recorded() if place.kind == "secantusd" else None
    file = projects_folder() / f"{name}.yaml"
    if server is None or not file.is_file():
        return False
    text = file.read_text(encoding="utf-8")
    # A URI of this port is this server's: it is the one that answers there.
    # It ends where a quoted or a plain scalar of YAML may, be it in a mapping on one line.
    renewed = re.sub(rf"mongodb://(?:[^\s\"'/@]*@)?127\.0\.0\.1:{server.port}/[^\s\"',}}\]]*", server.uri, text)
    if renewed == text and not file.stat().st_mode & 0o077:
        return False
    write_private(file, renewed)
    return renewed != text


def _check_same(name: str, ours: "JobStore", theirs: "JobStore") -> None:
    """Raise InputError unless both stores are one collection of one server."""

    def place(store: "JobStore") -> tuple[Any, ...]:
        collection: Any = getattr(store.docs_store, "_collection", None)
        if not hasattr(collection, "database") or not hasattr(collection.database.client, "nodes"):
            return (type(store.docs_store).__name__,)
        collection.database.client.admin.command("ping")
        return sorted(collection.database.client.nodes), collection.database.name, collection.name

    here, there = place(ours), place(theirs)
    if here != there:
        raise InputError(
            f"project {name} keeps its results in {_shown(there)}, but here they are looked for in {_shown(here)}: set "
            "ANODEFLOW_HOME or ANODEFLOW_DATABASE as they were at anodeflow cluster init, or start the embedded server "
            "on its port (anodeflow db start --port PORT)."
        )


def _shown(place: tuple[Any, ...]) -> str:
    if len(place) == 1:
        return f"a {place[0]}"
    nodes, database, collection = place
    return f"{'/'.join(f'{host}:{port}' for host, port in nodes)}, {database}.{collection}"


def quieten() -> None:
    """Keep the libraries' warnings off the terminal: what matters becomes a sentence of ours."""
    for name in ("jobflow_remote", "paramiko", "maggma"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _line(error: BaseException) -> str:
    return masked(" ".join(str(error).split()))[:300].rstrip(".")
