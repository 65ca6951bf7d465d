#!/usr/bin/env python3
"""Visits two processes of the shop, as a browser with several tabs does whose requests go now to one and now to the other.

visit.py URL URL
"""
import sys
from http.client import HTTPConnection
from threading import Thread
from time import sleep
from urllib.parse import urlsplit

TIMES = 20


class Browser:
    def __init__(self) -> None:
        self.cookie = ""

    def ask(self, shop: str, method: str, page: str) -> str:
        """Makes a request, and returns the reply."""
        connection = self.begin(shop, method, page)
        connection.endheaders()
        return self.end(connection)

    def begin(self, shop: str, method: str, page: str) -> HTTPConnection:
        connection = HTTPConnection(urlsplit(shop).netloc, timeout=30)
        connection.putrequest(method, page)
        connection.putheader("Cookie", self.cookie)
        return connection

    def end(self, connection: HTTPConnection) -> str:
        reply = connection.getresponse()
        self.cookie = reply.getheader("Set-Cookie", self.cookie).split(";")[0]
        text = reply.read().decode().strip()
        connection.close()
        return text


def both(first: str, second: str) -> None:
    browser = Browser()
    print("log in at the first:", browser.ask(first, "POST", "/login?name=ada"))

    def add(shop: str, item: str) -> None:
        for _ in range(TIMES):
            browser.ask(shop, "POST", f"/add?item={item}")

    tabs = [Thread(target=add, args=(shop, item)) for shop in (first, second) for item in ("apple", "pear")]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    print(f"{TIMES} apples and {TIMES} pears at each, all at once:", browser.ask(first, "GET", "/"))

    # The second one loads the session, and waits for the rest of this request.
    slow = browser.begin(second, "POST", "/address")
    slow.putheader("Content-Length", "4")
    slow.endheaders()
    while browser.ask(second, "GET", "/busy") == "0":
        sleep(0.01)
    late = Browser()
    late.cookie = browser.cookie
    print("log out at the first:", browser.ask(first, "POST", "/logout"))
    slow.send(b"Rome")
    print("the second gets the rest of a request:", late.end(slow))
    print("the first with the old cookie:", late.ask(first, "GET", "/"))
    print("the second with the old cookie:", late.ask(second, "GET", "/"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: visit.py URL URL")
    both(*sys.argv[1:])
