"""Real processes that tests can talk to."""
import os
import signal
import traceback
from multiprocessing import Pipe


class Child:
    """Runs body(pipe, *arguments) in a process of its own. It opens its own handles; what it sends the parent receives,
    and an exception of its own is raised here."""

    def __init__(self, body, *arguments):
        self.pipe, theirs = Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                self.pipe.close()
                body(theirs, *arguments)
                code = 0
            except BaseException:
                theirs.send(RuntimeError(traceback.format_exc()))
            finally:
                os._exit(code)  # without unwinding into the tests
        theirs.close()
        self.status = None

    def receive(self):
        message = self.pipe.recv()
        if isinstance(message, RuntimeError):
            raise message
        return message

    def send(self, message=None):
        self.pipe.send(message)

    def ask(self, message=None):
        self.send(message)
        return self.receive()

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        """Returns once the process really stands still."""
        self.signal(signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def end(self):
        """Waits for the end of the body, and passes on what went wrong in it."""
        if self.status is None:
            while True:
                try:
                    self.receive()
                except EOFError:
                    break
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        assert self.status == 0
        self.pipe.close()

    def kill(self):
        if self.status is None:
            self.signal(signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.kill()
        else:
            self.end()
