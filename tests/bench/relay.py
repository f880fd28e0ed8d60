"""A byte relay with a delay each way, in a process of its own; it counts bytes, and flights: how often the direction of
the bytes turns."""
import collections
import multiprocessing
import queue
import select
import socket
import time


class _Link:
    def __init__(self, client, server):
        self.sides = (client, server)
        self.queues = (collections.deque(), collections.deque())  # of pieces that came from the client, from the server
        self.last = None
        self.flights = 0
        self.bytes = 0
        self.over = False

    def receive(self, side, due):
        try:
            data = self.sides[side].recv(262144)
        except ConnectionError:
            data = b""
        if data and self.last != side:
            self.last = side
            self.flights += 1
        self.bytes += len(data)
        self.queues[side].append((due, data))
        return data

    def pass_on(self, now):
        for side, pieces in enumerate(self.queues):
            while pieces and pieces[0][0] <= now and not self.over:
                _, data = pieces.popleft()
                try:
                    self.sides[1 - side].sendall(data)
                except OSError:
                    data = b""
                self.over = not data  # whichever side ends, the connection has


def _serve(listener, target, delay, results):
    links = {}  # by the descriptors of both sides
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    while True:
        due = [pieces[0][0] for link, _ in links.values() for pieces in link.queues if pieces]
        timeout = max(0.0, min(due) - time.monotonic()) * 1000 if due else None
        for number, _ in poller.poll(timeout):
            if number == listener.fileno():
                link = _Link(listener.accept()[0], socket.create_connection(target))
                for side, each in enumerate(link.sides):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    links[each.fileno()] = (link, side)
                    poller.register(each, select.POLLIN)
            else:
                link, side = links[number]
                if not link.receive(side, time.monotonic() + delay):
                    poller.unregister(number)
        now = time.monotonic()
        for link in {id(link): link for link, _ in links.values()}.values():
            link.pass_on(now)
            if link.over:
                for each in link.sides:
                    del links[each.fileno()]
                    try:
                        poller.unregister(each)
                    except KeyError:
                        pass
                    each.close()
                results.put((link.flights, link.bytes))


class Relay:
    def __init__(self, address, port, delay):
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.results = multiprocessing.Queue()
        self.process = multiprocessing.Process(target=_serve, args=(listener, (address, port), delay, self.results), daemon=True)
        self.process.start()
        listener.close()

    def flights(self):
        """Of the connection that ended since: the count of one-way turns."""
        return self.results.get(timeout=20)[0]

    def bytes(self):
        """Of all connections that ended since, both ways, SSH's own ones among them."""
        total = self.results.get(timeout=20)[1]
        while True:
            try:
                total += self.results.get(timeout=1)[1]
            except queue.Empty:
                return total

    def stop(self):
        self.process.terminate()
        self.process.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
