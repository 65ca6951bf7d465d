import sys
from dataclasses import dataclass

from lily_session import Persistence, Runtime, Storage


@dataclass
class Settings:
    theme: str = "light"
    visits: int = 0


def update(settings: Settings, theme: str) -> None:
    settings.theme = theme or settings.theme
    settings.visits += 1


with Storage.open(application="visits") as storage, Runtime(Settings(), update) as runtime:
    runtime.attach(Persistence.of(Settings), storage)  # fills the settings from the file
    runtime.dispatch("".join(sys.argv[1:]))  # updates them, and stores what changed
    print(f"visit {runtime.model.visits}, theme {runtime.model.theme}")
