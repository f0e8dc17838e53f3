"""Starts and stops jobflow-remote's runner, the process that moves jobs between the database and the queue."""

import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from anodeflow.core.errors import AnodeflowError, InputError
from anodeflow.core.settings import get_settings
from anodeflow.database.place import find_database
from anodeflow.execution.project import Remote, open_project, projects_folder

if TYPE_CHECKING:
    from jobflow_remote.jobs.daemon import DaemonManager

State = Literal["running", "stopped", "elsewhere"]
_DEFAULT = Path("~/.jfremote").expanduser()
_PATIENCE = 120.0  # s for a runner to end: it finishes what it has in hand


def runner_state(remote: Remote) -> tuple[State, str]:
    """Return whether the runner of a project runs, and a sentence on it."""
    name = remote.project.name
    if _processes(remote):
        return "running", f"the runner of project {name} runs"
    recorded = remote.controller.get_running_runner()
    if isinstance(recorded, dict) and recorded.get("hostname") not in (None, socket.gethostname()):
        return "elsewhere", f"the runner of project {name} was started on {recorded['hostname']}"
    return "stopped", f"the runner of project {name} does not run: anodeflow cluster start {name}"


def start_runner(project: str, take_over: bool = False) -> str:
    """Start the runner of a project in the background; return what was done, in a sentence.

    Jobs that a killed runner left locked are freed first: jobflow-remote alone would leave them alone for ever.
    The embedded database is kept running too.

    Parameters
    ----------
    project
        Name of the project.
    take_over
        Start although another machine is said to run it.

    Raises
    ------
    InputError
        If another machine runs it, or there is no such project.
    AnodeflowError
        If it does not start.
    """
    place = find_database(get_settings())
    if place.kind == "secantusd":
        from anodeflow.database.service import start_service

        start_service(place.folder)
    with open_project(project) as remote:
        state, sentence = runner_state(remote)
        if state == "running":
            return f"{sentence} already"
        if state == "elsewhere" and not take_over:
            raise InputError(f"{sentence}: stop it there, or take over with --take-over once it is gone.")
        manager, controller = _manager(remote), remote.controller
        controller.clean_running_runner(break_lock=True)
        freed = controller.unlock_jobs() + controller.unlock_flows()
        controller.unlock_runner()
        try:
            if manager.check_supervisord_process():  # it outlives its runner
                _shut_down(manager)
            manager.start(raise_on_error=True)
        except Exception as error:  # supervisord's, of many kinds
            said = " ".join(str(error).split())
            raise AnodeflowError(
                f"the runner of project {project} does not start ({said}): see {remote.project.log_dir}."
            ) from error
    left = f"; {freed} jobs or flows that a runner left locked are free again" if freed else ""
    return f"the runner of project {project} is started{left}"


def stop_runner(project: str) -> str:
    """Stop the runner of a project; jobs in the queue go on, and are collected when it is started again."""
    with open_project(project) as remote:
        state, sentence = runner_state(remote)
        if state == "elsewhere":
            raise InputError(f"{sentence}: stop it there.")
        try:
            _shut_down(_manager(remote))
            left = _processes(remote)  # of a supervisor that was killed
            for process in left:
                process.terminate()
            psutil.wait_procs(left, timeout=_PATIENCE)
        except Exception as error:
            said = " ".join(str(error).split())
            raise AnodeflowError(
                f"the runner of project {project} does not stop ({said}): see {remote.project.log_dir}."
            ) from error
    return f"the runner of project {project} {'has stopped' if state == 'running' else 'was not running'}"


def _shut_down(manager: "DaemonManager") -> None:
    """End supervisord and its runner, and wait until they are gone.

    jobflow-remote's own waiting asks supervisord over its socket, and takes it for an error if that is closed under it.
    """
    manager.shut_down(raise_on_error=True)
    deadline = time.monotonic() + _PATIENCE
    while manager.check_supervisord_process():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still at work after {_PATIENCE:.0f} s")
        time.sleep(0.1)


def _processes(remote: Remote) -> "list[psutil.Process]":
    """Return the processes of this user and machine that are the runner of the project."""
    found = []
    wanted = f"-p {remote.project.name} runner run"
    for process in psutil.process_iter(["cmdline", "username", "status"]):
        if wanted not in " ".join(process.info["cmdline"] or []) or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with suppress(psutil.Error):
            # Another folder of projects may have one of the same name.
            if process.environ().get("JFREMOTE_PROJECTS_FOLDER", str(_DEFAULT)) == str(projects_folder()):
                found.append(process)
    return found


def _manager(remote: Remote) -> "DaemonManager":
    """Return jobflow-remote's manager; it starts programs of this Python's folder by their bare names."""
    from jobflow_remote.jobs.daemon import DaemonManager

    folder = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "").split(os.pathsep)
    if folder not in path:
        os.environ["PATH"] = os.pathsep.join([folder, *path])
    os.environ["JFREMOTE_PROJECTS_FOLDER"] = str(projects_folder())
    project = remote.project
    return DaemonManager(str(project.daemon_dir), str(project.log_dir), project, remote.controller)
