"""A session in asyncio's loop: the program notices at once what another program changes, and what expires.

It shares the file of examples/c/theme.c: `theme set dark` is the other program, and `theme set end` ends this one.
"""
import asyncio
from dataclasses import dataclass
from datetime import timedelta

from lily_session import EventKind, Persistence, Runtime, Session, Storage


@dataclass
class App:
    theme: str = "light"
    code: str = ""  # good for a second


async def follow(session: Session, app: App) -> None:
    async for event in session.changes():  # refreshes, and waits for the next change or expiry
        if event.kind is EventKind.EXPIRED:
            print(event.key, "has expired", flush=True)
        elif event.key == "theme":
            print("theme", app.theme, flush=True)
        if app.theme == "end":
            break


def main() -> None:
    app = App()
    fields = Persistence.of(App).field("code", expires_after=timedelta(seconds=1))
    with Storage.open(application="theme") as storage, Runtime(app) as runtime:
        session = runtime.attach(fields, storage)
        app.code = "4711"
        session.persist()
        print(f"theme {app.theme}, code {app.code}", flush=True)
        asyncio.run(follow(session, app))


main()
