import sys
from dataclasses import dataclass

import lily_session


@dataclass
class Settings:
    theme: str = "light"
    user: str = ""
    visits: int = 0


settings = Settings()
with lily_session.open("visits", settings) as session:  # fills the settings from the file
    verb, name = [*sys.argv[1:], "", ""][:2]
    if verb == "logout":
        session.storage.clear()  # removes all that is stored; the settings keep their values
        session.refresh()  # gives them the values that they had before open()
    else:
        if verb == "login":
            settings.user = name
        elif verb == "theme":
            settings.theme = name
        session.persist()  # stores what changed
        session.modify("visits", lambda visits: visits + 1, default=0)  # loses no visit, even if another program counts one now
    print(f"visit {settings.visits}, theme {settings.theme}, user {settings.user or 'nobody'}")
