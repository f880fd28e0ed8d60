"""A packet delay line: two network namespaces, each with a TUN device, and a forwarder between them that holds every packet back.
So SYN, slow start, Nagle and delayed acknowledgements are all real, as they aren't behind a byte relay. Needs root.

What TCP sends at once comes here in one piece of up to 64 KiB with its segments' size beside it, as it would come to a network card.
So Python keeps up with large transfers (700 MB/s on two cores), and TCP reckons in segments all the same."""
import collections
import fcntl
import json
import os
import select
import struct
import subprocess
import time

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x1, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x1, 0x2
DELAY = 0.05  # each way, in all parts with a far host
LARGEST = 65536 + 10  # with the virtio header
CLIENT, SERVER = "10.99.77.1", "10.99.77.2"


def _enter(namespace):
    # setns(2) by libc, since Python has had its own only since 3.12.
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}", encoding="utf-8") as file:
        if libc.setns(file.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _tun(namespace):
    """The device is made in `namespace` and its descriptor used from here."""
    with open("/proc/self/ns/net", encoding="utf-8") as home:
        _enter(namespace)
        try:
            device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", b"wire", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
            fcntl.ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
        finally:
            import ctypes
            ctypes.CDLL(None).setns(home.fileno(), 0x40000000)
    return device


class Wire:
    """`delay`: seconds each way; `rate`: bits a second that the client's uplink takes, all hosts together, by the kernel's token bucket."""

    def __init__(self, delay, rate=None):
        mark = f"kirikae-{os.getpid()}"
        self.namespaces = [f"{mark}-client", f"{mark}-server"]
        devices = []
        for namespace, own, other in zip(self.namespaces, (CLIENT, SERVER), (SERVER, CLIENT)):
            subprocess.run(["ip", "netns", "add", namespace], check=True)
            devices.append(_tun(namespace))
            for words in (f"addr add {own} peer {other} dev wire", "link set wire up", "link set lo up"):
                subprocess.run(["ip", "-n", namespace, *words.split()], check=True)
        if rate:
            self._tc("qdisc", "add", "dev", "wire", "root", "tbf", "rate", f"{rate}bit", "burst", "256k", "latency", "50ms")
        self.process = os.fork()
        if self.process == 0:
            try:
                self._forward(devices, delay)
            finally:
                os._exit(0)
        for device in devices:
            os.close(device)

    def _tc(self, *words):
        return subprocess.run(["tc", "-netns", self.namespaces[0], *words], check=True, capture_output=True, text=True).stdout

    def sent(self):
        """Bytes of all packets that the client's uplink has let pass."""
        return json.loads(self._tc("-s", "-j", "qdisc", "show", "dev", "wire"))[0]["bytes"]

    def addresses(self, count):
        """Of the server's side: so many hosts."""
        addresses = [f"10.99.78.{i + 1}" for i in range(count)]
        client, server = self.namespaces
        subprocess.run(["ip", "-n", client, *"route add 10.99.78.0/24 dev wire".split()], check=True)
        lines = "".join(f"addr add {address}/32 dev lo\n" for address in addresses)
        subprocess.run(["ip", "-n", server, "-batch", "-"], input=lines, text=True, check=True)
        return addresses

    @staticmethod
    def _forward(devices, delay):
        queues = (collections.deque(), collections.deque())
        poller = select.poll()
        for device in devices:
            os.set_blocking(device, False)
            poller.register(device, select.POLLIN)
        while True:
            due = [queue[0][0] for queue in queues if queue]
            poller.poll(max(0.0, min(due) - time.monotonic()) * 1000 if due else None)
            for device, queue in zip(devices, queues):
                try:
                    while True:
                        queue.append((time.monotonic() + delay, os.read(device, LARGEST)))
                except BlockingIOError:
                    pass
            now = time.monotonic()
            for queue, device in zip(queues, reversed(devices)):
                while queue and queue[0][0] <= now:
                    try:
                        os.write(device, queue.popleft()[1])
                    except OSError:
                        pass

    def at_client(self, argv):
        return ["ip", "netns", "exec", self.namespaces[0], *argv]

    def at_server(self, argv):
        return ["ip", "netns", "exec", self.namespaces[1], *argv]

    def stop(self):
        os.kill(self.process, 9)
        os.waitpid(self.process, 0)
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "del", namespace], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
