import sys
from dataclasses import dataclass

import lily_session


@dataclass
class Settings:
    theme: str = "light"
    visits: int = 0


settings = Settings()
with lily_session.open("visits", settings) as session:  # fills the settings from the file
    settings.theme = "".join(sys.argv[1:]) or settings.theme
    session.persist()  # stores what changed
    session.modify("visits", lambda visits: visits + 1, default=0)  # loses no visit, even if another program counts one now
    print(f"visit {settings.visits}, theme {settings.theme}")
