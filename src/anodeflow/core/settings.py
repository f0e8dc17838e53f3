"""Where anodeflow keeps its files, and which database it talks to.

Every value comes from an environment variable (``ANODEFLOW_HOME``, ``ANODEFLOW_DATABASE``, ...) or its default.
"""

import errno
import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from anodeflow.core.errors import InputError


class Settings(BaseSettings):
    """Settings of this user on this machine, read from ``ANODEFLOW_*`` environment variables."""

    model_config = SettingsConfigDict(env_prefix="ANODEFLOW_", extra="ignore")

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

    @property
    def calculations(self) -> Path:
        """Folder with one sub-folder a content-addressed calculation."""
        return self.home / "calculations"

    @property
    def campaigns(self) -> Path:
        """Folder with the state of every campaign that was run from here."""
        return self.home / "campaigns"

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
            probe = self.home / f".write-test-{os.getpid()}"  # others may be trying, too
            probe.touch()
            probe.unlink()
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


def get_settings() -> Settings:
    """Return the settings as the environment has them now."""
    settings = Settings()
    try:
        home = settings.home.expanduser().resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, or no such user
        raise InputError(
            f"ANODEFLOW_HOME={settings.home} leads nowhere ({error}): set it to another folder."
        ) from error
    return settings.model_copy(update={"home": home})
