"""A program that kept its settings in a shelf, and now keeps them in a session.

    from_shelve.py [VOLUME]     shows the settings, after it has changed the volume
"""
import dbm
import shelve
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from lily_session import Persistence, Runtime, Session, State, Storage

OLD = str(Path.home() / "settings.shelf")


@dataclass
class Settings:
    volume: int = 50
    theme: str = "light"


def import_shelf(settings: Settings, session: Session) -> None:
    try:
        shelf = shelve.open(OLD, "r")
    except dbm.error:  # there is none
        return
    with shelf:
        for field in fields(settings):
            if field.name in shelf and session.field_state(field.name).state is State.ABSENT:
                setattr(settings, field.name, shelf[field.name])


def main() -> None:
    settings = Settings()
    with Storage.open(application="from_shelve") as storage, Runtime(settings) as runtime:
        session = runtime.attach(Persistence.of(Settings), storage)  # sets what is stored
        import_shelf(settings, session)  # sets what is not
        if len(sys.argv) > 1:
            settings.volume = int(sys.argv[1])
        session.persist()
        print(f"volume {settings.volume}, theme {settings.theme}")


main()
