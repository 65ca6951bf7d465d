"""Stands between the library and a server. It counts round trips, and cuts, delays, trickles, holds back or spoils what goes through."""
import random
import selectors
import socket
import threading
import time


class Proxy:
    """Runs in a thread of its own, from the start to close(). Its members may be set at any time."""

    def __init__(self, target, seed=None):
        self.target = target
        self.trips = 0         # how often a request was followed by a reply
        self.silent = False    # replies do not get through; they are lost
        self.deaf = False      # requests do not get through; they are lost
        self.holding = False   # requests do not get through until this is False again, even if the client has gone
        self.refusing = False  # new connections are closed at once
        self.delay = 0         # seconds by which each reply is late
        self.trickle = 0       # seconds between the bytes of a reply
        self.spoil = None      # a function that makes what the client gets of what the server replied
        self.cut_within = 0    # a connection is cut at random, after at most this many bytes
        self.cuts = 0
        self.random = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.url = f"redis://127.0.0.1:{self.address[1]}"
        self._wish, self._wake = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake, selectors.EVENT_READ, self._obey)
        self._pairs, self._wishes, self._ends = [], [], False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        """Cuts all connections, before it returns."""
        self._ask(lambda: [self._end(pair) for pair in list(self._pairs)])

    def release(self):
        """Lets through what was held back, before it returns. What the client sends later gets through, too."""
        self.holding = False
        self._ask(lambda: [self._let_through(pair) for pair in list(self._pairs)])

    def connections(self):
        return len(self._pairs)

    def close(self):
        self._ask(lambda: setattr(self, "_ends", True))
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- in the thread

    def _ask(self, wish):
        done = threading.Event()
        self._wishes.append((wish, done))
        self._wish.send(b".")
        assert done.wait(10)

    def _obey(self, _):
        self._wake.recv(1)
        wish, done = self._wishes.pop(0)  # one byte stands for one wish
        wish()
        done.set()

    def _run(self):
        while not self._ends:
            for key, _ in self._selector.select(self._until_next()):
                key.data(key.fileobj)
            self._send_late()
        for pair in list(self._pairs):
            self._end(pair)
        self.listener.close()

    def _accept(self, listener):
        client, _ = listener.accept()
        if self.refusing:
            client.close()
            return
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client, server, self.random.randint(1, self.cut_within) if self.cut_within else None)
        self._pairs.append(pair)
        self._selector.register(client, selectors.EVENT_READ, lambda _: self._request(pair))
        self._selector.register(server, selectors.EVENT_READ, lambda _: self._reply(pair))

    def _request(self, pair):
        data = self._received(pair.client)
        if not data:
            if pair.held:  # what was held is still to be let through
                self._selector.unregister(pair.client)
                pair.client_has_gone = True
            else:
                self._end(pair)
        elif self.holding:
            pair.held += data
        elif not self.deaf and not self._is_cut(pair, pair.server, data):
            pair.asked = True
            self._send(pair, pair.server, data)

    def _reply(self, pair):
        data = self._received(pair.server)
        if not data:
            self._end(pair)
            return
        if pair.asked:
            pair.asked = False
            self.trips += 1
        if self.silent or pair.client_has_gone or self._is_cut(pair, pair.client, data):
            return
        if self.spoil is not None:
            data = self.spoil(data)
        if self.trickle:
            for number in range(len(data)):
                pair.late.append((time.monotonic() + (number + 1) * self.trickle, data[number:number + 1]))
        elif self.delay or pair.late:
            pair.late.append((time.monotonic() + self.delay, data))
        else:
            self._send(pair, pair.client, data)

    def _received(self, end):
        try:
            return end.recv(1 << 16)
        except OSError:
            return b""

    def _send(self, pair, end, data):
        try:
            end.sendall(data)
        except OSError:
            self._end(pair)

    def _is_cut(self, pair, end, data):
        """Cuts the connection if its bytes are used up. The server then has a part of a command, or the client a part of a reply."""
        if pair.left is None:
            return False
        pair.left -= len(data)
        if pair.left > 0:
            return False
        self.cuts += 1
        if not pair.late:
            self._send(pair, end, data[:max(0, len(data) + pair.left)])
        self._end(pair)
        return True

    def _until_next(self):
        moments = [pair.late[0][0] for pair in self._pairs if pair.late]
        return max(0, min(moments) - time.monotonic()) if moments else None

    def _send_late(self):
        for pair in list(self._pairs):
            while pair.late and pair.late[0][0] <= time.monotonic():
                self._send(pair, pair.client, pair.late.pop(0)[1])

    def _let_through(self, pair):
        held, pair.held = pair.held, b""
        if held:
            self._send(pair, pair.server, held)
        if pair.client_has_gone:
            pair.server.shutdown(socket.SHUT_WR)  # the server carries out what it was sent, and then closes

    def _end(self, pair):
        if pair not in self._pairs:
            return
        self._pairs.remove(pair)
        for end in (pair.client, pair.server):
            if end.fileno() in self._selector.get_map():
                self._selector.unregister(end)
            end.close()


class _Pair:
    def __init__(self, client, server, left):
        self.client, self.server, self.left = client, server, left
        self.asked, self.client_has_gone, self.held, self.late = False, False, b"", []
