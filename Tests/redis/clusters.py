"""Starts a Cluster of three nodes, and moves slots between them."""
import pathlib
import re

from servers import Server, free_ports, until

SLOTS = 16384


class Cluster:
    def __init__(self, folder, **settings):
        ports = free_ports(6)
        self.nodes = [Server(pathlib.Path(folder) / str(number), port=ports[number], cluster_enabled="yes", cluster_port=ports[3 + number],
                             cluster_config_file="nodes.conf", cluster_node_timeout=3000, databases=1, **settings)
                      for number in range(3)]
        self.clients = [node.client() for node in self.nodes]
        self.names = [client("CLUSTER", "MYID") for client in self.clients]
        first = SLOTS // 3 + 1
        for number, client in enumerate(self.clients):
            client("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            client("CLUSTER", "ADDSLOTSRANGE", number * first, min(SLOTS, (number + 1) * first) - 1)
            if number:
                client("CLUSTER", "MEET", "127.0.0.1", ports[0], ports[3])
        until(lambda: all(b"cluster_state:ok" in client("CLUSTER", "INFO") and client("CLUSTER", "INFO").count(b"cluster_known_nodes:3")
                          for client in self.clients) and self.epochs() == {3}, what="the meeting of the Cluster")

    @property
    def url(self):
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def slot(self, key):
        return self.clients[0]("CLUSTER", "KEYSLOT", key)

    def epochs(self):
        """Returns the newest epoch that each node knows. A node that takes a slot does so with the next one."""
        return {int(re.search(rb"cluster_current_epoch:(\d+)", client("CLUSTER", "INFO"))[1]) for client in self.clients}

    def owner(self, slot, asked=0):
        """Returns the number of the node that has the slot, as one of the nodes knows it."""
        for begin, end, *nodes in self.clients[asked]("CLUSTER", "SLOTS"):
            if begin <= slot <= end:
                return self.names.index(nodes[0][2])
        return None

    def begin_move(self, slot, target):
        """From then on the slot's owner sends clients, with ASK, to the target for keys that it does not have any more. Returns the owner."""
        source = self.owner(slot)
        self.clients[target]("CLUSTER", "SETSLOT", slot, "IMPORTING", self.names[source])
        self.clients[source]("CLUSTER", "SETSLOT", slot, "MIGRATING", self.names[target])
        return source

    def move_keys(self, slot, source, target):
        while keys := self.clients[source]("CLUSTER", "GETKEYSINSLOT", slot, 100):
            self.clients[source]("MIGRATE", "127.0.0.1", self.nodes[target].port, "", 0, 5000, "KEYS", *keys)

    def end_move(self, slot, target):
        for number in [target, *(other for other in range(3) if other != target)]:
            self.clients[number]("CLUSTER", "SETSLOT", slot, "NODE", self.names[target])
        # Two nodes that take slots with the same epoch do not agree on who has them, ever after. So the next move waits until all know this one's.
        until(lambda: len(self.epochs()) == 1 and all(self.owner(slot, asked) == target for asked in range(3)), what="the end of a move")

    def move(self, slot, target):
        source = self.begin_move(slot, target)
        self.move_keys(slot, source, target)
        self.end_move(slot, target)

    def errors(self, kind):
        """Returns how often the nodes have replied with this error, such as MOVED or ASK."""
        count = 0
        for client in self.clients:
            text = client.info("errorstats").get(f"errorstat_{kind}", "count=0")
            count += int(text.removeprefix("count="))
        return count

    def kill(self):
        for client in self.clients:
            client.close()
        for node in self.nodes:
            node.kill()
