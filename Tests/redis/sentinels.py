"""Starts a primary with replicas, and Sentinels that watch them."""
import pathlib

from servers import Server, until


class Sentinel(Server):
    """One of those that watch a primary, under the name `shop`."""

    def __init__(self, folder, primary, quorum=2):
        self.primary, self.quorum = primary, quorum
        super().__init__(folder, "redis-sentinel")
        # By default a Sentinel asks the servers for their state only every ten seconds, and tells the others of itself every two.
        with self.client() as client:
            client("SENTINEL", "DEBUG", "INFO-PERIOD", 200, "PUBLISH-PERIOD", 200, "ELECTION-TIMEOUT", 2000)

    def _write(self, name, settings):
        watched = [f"monitor shop 127.0.0.1 {self.primary.port} {self.quorum}", "down-after-milliseconds shop 800",
                   "failover-timeout shop 1000", "parallel-syncs shop 1"]
        super()._write("sentinel.conf", {"port": self.port, "bind": "127.0.0.1", "dir": str(self.folder),
                                         "logfile": str(self.folder / "log"), "sentinel": watched})

    def named(self):
        """Returns the port of the primary that this Sentinel names."""
        with self.client() as client:
            return int(client("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop")[1])


class Watched:
    """A primary with replicas, and three Sentinels that watch it."""

    def __init__(self, folder, replicas=1, **settings):
        folder = pathlib.Path(folder)
        settings = {"repl_diskless_sync_delay": 0, "repl_ping_replica_period": 1, **settings}
        first = Server(folder / "0", **settings)
        self.servers = [first] + [Server(folder / str(number), replicaof=f"127.0.0.1 {first.port}", **settings)
                                  for number in range(1, replicas + 1)]
        until(self.is_whole, what="the first replication")
        self.sentinels = [Sentinel(folder / f"sentinel{number}", first) for number in range(3)]
        until(self._know_each_other, what="the meeting of the Sentinels")

    @property
    def url(self):
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels) + "/shop"

    def primary(self):
        """Returns the server that all Sentinels name, once they agree."""
        ports = {one.named() for one in self.sentinels}
        return next(one for one in self.servers if ports == {one.port})

    def is_whole(self):
        """Returns true if all servers but one are replicas that have all of its data."""
        infos = []
        for server in self.servers:
            with server.client() as client:
                infos.append(client.info("replication"))
        replicas = [info for info in infos if info["role"] == "slave"]
        return len(replicas) == len(infos) - 1 and all(info["master_link_status"] == "up" for info in replicas)

    def _know_each_other(self):
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                [known] = client("SENTINEL", "MASTERS")
                known = dict(zip(known[::2], known[1::2]))
            if (known[b"num-other-sentinels"], known[b"num-slaves"]) != (b"2", b"%d" % (len(self.servers) - 1)):
                return False
        return True

    def fail_over(self):
        """Kills the primary and waits until another one is named. Returns the one that was killed."""
        old = self.primary()
        old.kill()
        until(lambda: self.named_by_all() not in (None, old.port), 60, "the failover")
        return old

    def named_by_all(self):
        ports = {one.named() for one in self.sentinels}
        return ports.pop() if len(ports) == 1 else None

    def restore(self, killed):
        """Starts the killed server again, and waits until it is a replica with all data, and all Sentinels know it."""
        killed.start()
        until(self.is_whole, 60, "the return of the old primary")
        until(self._replicas_are_up, 60, "the Sentinels' notice of the old primary")

    def _replicas_are_up(self):
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                for replica in client("SENTINEL", "REPLICAS", "shop"):
                    replica = dict(zip(replica[::2], replica[1::2]))
                    if replica[b"flags"] != b"slave" or replica[b"master-link-status"] != b"ok":
                        return False
        return True

    def kill(self):
        for one in self.sentinels + self.servers:
            one.kill()
