"""A client of Redis that knows nothing of the library, for looking into servers."""
import socket


class ReplyError(Exception):
    """An error that the server replied. Its text begins with the server's code, such as OOM or MOVED."""


class Client:
    """Calls take the words of a command, as bytes, text or numbers, and return the reply: bytes, int, list or None."""

    def __init__(self, address, password=None, user=None, tls=None, timeout=30):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        if password is not None:
            self("AUTH", *([user] if user else []), password)

    def __call__(self, *words):
        self.send(*words)
        return self.receive()

    def send(self, *words):
        self.socket.sendall(command(*words))

    def receive(self):
        reply = read(self.file)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def hash(self, key):
        """Returns the fields of a hash as a dictionary."""
        items = self("HGETALL", key)
        return dict(zip(items[::2], items[1::2]))

    def info(self, section):
        """Returns a section of INFO as a dictionary of text."""
        lines = self("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def command(*words):
    """Returns the bytes of a command."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def read(file):
    """Reads a reply. Returns an error, also one within a list, as a ReplyError."""
    line = file.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server has closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest
    if kind == b"-":
        return ReplyError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else file.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return None if rest == b"-1" else [read(file) for _ in range(int(rest))]
    raise ConnectionError(f"the server has replied {line!r}")
