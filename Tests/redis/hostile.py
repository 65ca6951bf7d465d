"""A server that replies what no server does."""
import socket
import threading
import time


def _endless(connection, what):
    while True:
        connection.sendall(what)


def _slowly(connection, what):
    while True:
        connection.sendall(what)
        time.sleep(0.02)


# What each kind sends once it was asked something.
KINDS = {
    "garbage": lambda it: it.sendall(b"\x00\xff\x13HTTP/1.1 400 Bad Request\r\n\r\n<html>\r\n" * 20),
    "text": lambda it: it.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "wrong types": lambda it: it.sendall(b":1\r\n*0\r\n$-1\r\n*-1\r\n$0\r\n\r\n:-9223372036854775808\r\n" * 20),
    "a number out of range": lambda it: it.sendall(b":99999999999999999999999999\r\n" * 20),
    "an array without end": lambda it: it.sendall(b"*2147483647\r\n" + b":1\r\n" * 1000),
    "an array without end, filled": lambda it: (it.sendall(b"*2147483647\r\n"), _endless(it, b":1\r\n" * 10000)),
    "a string without end": lambda it: it.sendall(b"$2147483647\r\nabc"),
    "a string without end, filled": lambda it: (it.sendall(b"$2147483647\r\n"), _endless(it, b"x" * 100000)),
    "a negative length": lambda it: it.sendall(b"$-2\r\n*-2\r\n" * 20),
    "nested arrays": lambda it: it.sendall(b"*1\r\n" * 100000),
    "nested arrays without end": lambda it: _endless(it, b"*1\r\n" * 10000),
    "broad nested arrays": lambda it: _endless(it, b"*1000000\r\n" * 8),
    "an endless line": lambda it: _endless(it, b"+" + b"x" * 100000),
    "an endless error": lambda it: (it.sendall(b"-"), _endless(it, b"x" * 100000)),
    "errors": lambda it: it.sendall(b"-ERR \xff\xfe\r\n-\r\n-NOSCRIPT\r\n-MOVED\r\n-MOVED x\r\n-ASK 1 \r\n-LOADING\r\n" * 20),
    "NOSCRIPT for ever": lambda it: _endless(it, b"-NOSCRIPT No matching script.\r\n"),
    "MOVED to itself": lambda it: _endless(it, b"-MOVED 1 127.0.0.1:%d\r\n" % it.getsockname()[1]),
    "replies to what nobody asked": lambda it: _endless(it, b"+OK\r\n$3\r\nabc\r\n:1\r\n"),
    "the end": lambda it: it.close(),
    "silence": lambda it: time.sleep(3600),
    "a trickle": lambda it: _slowly(it, b"+"),
    "a trickle of elements": lambda it: (it.sendall(b"*1000000\r\n"), _slowly(it, b":1\r\n")),
    "a trickle of replies": lambda it: _slowly(it, b"+OK\r\n"),
}


class Hostile:
    """Sends, on each connection, what `kind` says, once the client has sent something."""

    def __init__(self, kind):
        self.act = KINDS[kind]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        try:
            if connection.recv(1):
                self.act(connection)
                while connection.recv(1 << 16):
                    pass
        except OSError:
            pass  # the client has gone

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already
            connection.close()
