#!/usr/bin/env python3
"""One process of a web shop. Any number of them, on any number of machines, share their users' sessions in Redis.

web_shop.py PORT         serves http://127.0.0.1:PORT, with the sessions in the Redis that $LILY_SESSION_REDIS names; 0 is a free port

POST /login?name=ada     logs in, and sets a cookie; there are no passwords here
POST /add?item=apple     puts one more into the cart
POST /address            keeps the text that is sent
GET  /                   shows the user, the cart and the address
POST /logout             logs out, in all processes at once
GET  /busy               shows how many requests this process is working on
"""
import re
import secrets
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Callable, Dict, Iterator, Optional
from urllib.parse import parse_qs, urlsplit

from lily_session import Error, Map, Persistence, Runtime, Session, Storage, StorageError


@dataclass
class Visitor:
    """What a session keeps. Each field, and each item of the cart, is stored by itself: a request stores only what it has changed."""

    name: str = ""  # who is logged in; nobody if it is empty
    cart: Map[int] = field(default_factory=dict)  # how many of each item
    address: str = ""


FIELDS = Persistence.of(Visitor)


class Shop(ThreadingHTTPServer):
    def __init__(self, port: int, sessions: Storage) -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.sessions = sessions
        self.lock = Lock()
        self.busy = 0  # how many requests are being worked on

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with self.lock:
            self.busy += 1
        try:
            yield
        finally:
            with self.lock:
                self.busy -= 1


class Request(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.find({"/busy": lambda: self.reply(200, str(self.server.busy)), "/": lambda: self.serve(lambda visitor, session: None)})

    def do_POST(self) -> None:
        self.find({"/login": self.log_in, "/add": lambda: self.serve(self.add), "/address": lambda: self.serve(self.take_address),
                   "/logout": self.log_out})

    def find(self, pages: Dict[str, Callable[[], None]]) -> None:
        try:
            pages.get(urlsplit(self.path).path, lambda: self.reply(404, "there is no such page"))()
        except StorageError as error:  # Redis cannot be reached. Nothing of the session is lost; the user tries again.
            print("web_shop:", error, file=sys.stderr)
            self.reply(503, "try again later")
        except ValueError as error:
            self.reply(400, str(error))

    def log_in(self) -> None:
        name = self.given("name")
        key = secrets.token_urlsafe(24)  # a new log-in is a new session, which nobody else can know
        with self.scope(key) as scope, Runtime(Visitor()) as runtime:
            session = runtime.attach(FIELDS, scope)
            runtime.model.name = name
            session.persist()
        self.reply(200, f"{name} is logged in", f"session={key}; HttpOnly; SameSite=Lax; Path=/")

    def log_out(self) -> None:
        with self.scope(self.key()) as scope:
            scope.clear()  # removes all of it in one step; what other requests write late does not bring it back
        self.reply(200, "logged out", "session=; Max-Age=0; Path=/")

    def add(self, visitor: Visitor, session: Session) -> None:
        session.modify("cart/" + self.given("item"), lambda count: count + 1, default=0)  # counts right, even if other processes add one now

    def take_address(self, visitor: Visitor, session: Session) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), 1000)
        visitor.address = self.rfile.read(length).decode(errors="replace")  # a slow phone takes its time
        session.persist()  # stores the address, and nothing else

    def serve(self, change: Callable[[Visitor, Session], None]) -> None:
        """Loads the session of the request, lets `change` change it, and shows it."""
        with self.scope(self.key()) as scope, Runtime(Visitor()) as runtime:
            session = runtime.attach(FIELDS, scope)  # one round trip fills the visitor
            visitor = runtime.model
            if visitor.name:
                with self.server.at_work():
                    change(visitor, session)
                session.refresh()
                if not visitor.name:  # The user has logged out meanwhile, here or in another process.
                    scope.clear()
        if not visitor.name:
            return self.reply(401, "nobody is logged in")
        cart = ", ".join(f"{count} {item}" for item, count in sorted(visitor.cart.items()))
        self.reply(200, f"{visitor.name}, cart: {cart or 'empty'}, address: {visitor.address or 'none'}")

    def scope(self, key: str) -> Storage:
        return self.server.sessions.scoped(f"session:{key}")

    def key(self) -> str:
        """Returns what the cookie says. What is no key of ours leads to a session that nobody has."""
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        except CookieError:
            cookie = None
        return cookie.value if cookie and re.fullmatch(r"[\w-]{32}", cookie.value, re.ASCII) else "none"

    def given(self, name: str) -> str:
        """Returns what the address gives: item=apple."""
        values = parse_qs(urlsplit(self.path).query).get(name)
        if not values or len(values[0]) > 40:
            raise ValueError(f"{name}= is missing, or too long")
        return values[0]

    def reply(self, status: int, text: str, cookie: Optional[str] = None) -> None:
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if cookie is not None:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Prints no line for each request."""


def main(port: int) -> None:
    with Storage.redis(idle=timedelta(minutes=30)) as sessions, Shop(port, sessions) as shop:
        print(f"http://127.0.0.1:{shop.server_port}", flush=True)
        try:
            shop.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("usage: web_shop.py PORT")
    try:
        main(int(sys.argv[1]))
    except (Error, OSError) as error:
        sys.exit(f"web_shop: {error}")
