"""Where anodeflow keeps its files, and which database it talks to.

Every value comes from an environment variable (``ANODEFLOW_HOME``, ``ANODEFLOW_DATABASE``, ...), else from
``config.toml`` in the home folder, else from ``~/.config/anodeflow.toml``, else it is the default.
"""

import errno
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from anodeflow.core.errors import InputError


class Settings(BaseSettings):
    """Settings of this user on this machine: ``ANODEFLOW_*`` environment variables, then the two files."""

    # A variable that is empty is one that was not set, as shells and job scripts leave them.
    model_config = SettingsConfigDict(env_prefix="ANODEFLOW_", env_ignore_empty=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the strongest first."""
        user = _from_file(user_file(), cls.model_fields)
        own = _from_file(_own_file(user), cls.model_fields.keys() - {"home"})
        return init_settings, env_settings, *(InitSettingsSource(settings_cls, values) for values in (own, user))

    home: Path = Field(
        default_factory=lambda: Path.home() / ".anodeflow",
        description="Folder of the embedded database and of all calculations.",
    )
    database: str | None = Field(
        default=None,
        description="URI of a MongoDB server (mongodb://...); none: the embedded database under home.",
    )
    database_name: str = Field(default="anodeflow", description="Name of the database on that server.")
    embedded: str = Field(
        default="auto",
        description="Embedded database: auto (secantusd where installed, else sqlite), secantusd or sqlite.",
    )

    threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,  # beyond what any node has, torch ends the process without a word
        description="Threads in which a machine-learned potential computes; none: OMP_NUM_THREADS, else all cores.",
    )
    optimade: dict[str, str] = Field(
        default_factory=dict,
        description="Further OPTIMADE providers: name -> address; in the environment as JSON.",
    )

    @property
    def calculations(self) -> Path:
        """Folder with one sub-folder per content-addressed calculation."""
        return self.home / "calculations"

    def calculation(self, address: str) -> Path:
        """Return the folder of the calculation with a content address."""
        return self.calculations / address[:2] / address

    @property
    def campaigns(self) -> Path:
        """Folder with the state of every campaign that was run from here."""
        return self.home / "campaigns"

    def prepare_to_read(self) -> "Settings":
        """Create the home folder, unless one is there that may not be written to: it can be read as it is.

        Raises
        ------
        InputError
            If it cannot be created, or may not be read.
        """
        for folder in (self.home, self.campaigns):
            if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
                raise InputError(
                    f"cannot read {folder} (no permission): ask its owner, or set ANODEFLOW_HOME to another folder."
                )
        return self if self.home.is_dir() and not os.access(self.home, os.W_OK) else self.prepare()

    def prepare(self) -> "Settings":
        """Create the home folder.

        Raises
        ------
        InputError
            If it cannot be created or written to.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody else's business, unless the user opens it
            for folder in (self.home, self.calculations, self.campaigns):
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.home):  # of its own for each process and thread that tries
                pass
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise InputError(
                    f"the disk of {self.home} is full ({error.strerror}): make room and run the same command again; "
                    "what was recorded before is kept."
                ) from error
            raise InputError(
                f"cannot write to {self.home} ({error.strerror}): set ANODEFLOW_HOME to a folder you may write to."
            ) from error
        return self


def user_file() -> Path:
    """Return the user's settings file: ``ANODEFLOW_CONFIG``, else ``anodeflow.toml`` in ``XDG_CONFIG_HOME``."""
    named = os.environ.get("ANODEFLOW_CONFIG")
    return Path(named or Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "anodeflow.toml").expanduser()


def _from_file(file: Path, known: Any) -> dict[str, Any]:
    """Return the values of a settings file; none if there is no such file.

    Raises
    ------
    InputError
        If it cannot be read, is no TOML, or sets what is no setting.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RuntimeError) as error:
        raise InputError(
            f"the settings file {file} cannot be read ({error}): mend or remove it, or have "
            "ANODEFLOW_HOME name a folder that can be read."
        ) from error
    for name in values:
        if name not in known:
            names = ", ".join(sorted(known))
            raise InputError(f"{file} sets {name!r}, which is no setting there: take one of {names}.")
    return values


def _source(name: str) -> str:
    """Return where a setting has its value from: a variable of the environment, or a file."""
    variable = f"ANODEFLOW_{name.upper()}"
    if os.environ.get(variable):
        return f"the environment ({variable})"
    user = _from_file(user_file(), Settings.model_fields)
    own = _own_file(user)
    return str(own if name in _from_file(own, Settings.model_fields) else user_file())


def _own_file(user: dict[str, Any]) -> Path:
    """Return the settings file of the home folder, which the values of the user's file may name."""
    home = os.environ.get("ANODEFLOW_HOME") or user.get("home") or Path.home() / ".anodeflow"
    return Path(home).expanduser() / "config.toml"


def get_settings() -> Settings:
    """Return the settings as the environment and the settings files have them now."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise InputError(f"the setting {name} is wrong ({first['msg']}): correct it in {_source(name)}.") from error
    except SettingsError as error:
        raise InputError(f"a setting in the environment is no JSON ({error}): see ANODEFLOW_OPTIMADE.") from error
    try:
        home = settings.home.expanduser().resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, or no such user
        raise InputError(
            f"ANODEFLOW_HOME={settings.home} leads nowhere ({error}): set it to another folder."
        ) from error
    return settings.model_copy(update={"home": home})
