"""Hosts for the bench: a real sshd of its own for each, on loopback, with one client key and one host key for all."""
import json
import os
import pathlib
import pwd
import shutil
import socket
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = os.geteuid() == 0
SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
USER = pwd.getpwuid(os.geteuid()).pw_name
# Where each host has its tree: the same path on all of them, as real hosts have it. Another bench that ends removes its own one alone:
# with the folder the mounts over it go, in all namespaces.
TREE = f"/srv/kirikae-bench.{os.getpid()}"

CONFIG = """ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
SetEnv HOME={home}
UsePAM no
StrictModes no
PidFile none
UseDNS no
PrintMotd no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200:30:400
MaxSessions 20
Subsystem sftp internal-sftp
"""


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def times(pid):
    """User and system time of a process in seconds, and those of its children that it has taken note of."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, waited_for = ((int(fields[at]) + int(fields[at + 1])) / os.sysconf("SC_CLK_TCK") for at in (11, 13))
    return own, waited_for


def free_port(address):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Farm:
    """Each host's sshd sees its own folder as TREE by a mount namespace, which only root can make; without root there is one
    host, and its tree lies in the farm's folder."""

    def __init__(self, folder, count, wire=None):
        """`wire`: the hosts are on the far side of it, and the client is on the near one."""
        if count > 1 and not ROOT:
            raise SystemExit("bench: more than one host needs root, for their mount namespaces")
        self.folder = pathlib.Path(folder)
        self.home = self.folder / "home"
        self.home.mkdir(parents=True)
        self.at_client, self.at_server = (wire.at_client, wire.at_server) if wire else (list, list)
        self.port = free_port("127.0.0.1")
        self.addresses = wire.addresses(count) if wire else [f"127.9.{i // 250}.{i % 250 + 1}" for i in range(count)]
        self.tree = TREE if ROOT else str(self.folder / "hosts/0")
        self.servers = []  # process ids
        for name in ("host_key", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)
        if ROOT:
            pathlib.Path("/run/sshd").mkdir(exist_ok=True)
            os.makedirs(TREE, exist_ok=True)
        self.trust([(address, self.port) for address in self.addresses])
        self.reaper = subprocess.Popen([sys.executable, HERE / "reaper.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for index, address in enumerate(self.addresses):
            self._start(index, address)
        self.reaper.stdin.close()
        for index in range(count):
            self._wait(index)

    def key_line(self):
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    def trust(self, places):
        with open(self.folder / "known_hosts", "a", encoding="utf-8") as file:
            for address, port in places:
                file.write(f"[{address}]:{port} {self.key_line()}\n")

    def host_folder(self, index):
        """The host's tree as this machine sees it."""
        return self.folder / "hosts" / str(index)

    def _start(self, index, address):
        self.host_folder(index).mkdir(parents=True)
        config = self.folder / f"sshd_config.{index}"
        text = CONFIG.format(address=address, port=self.port, folder=self.folder, home=self.home)
        config.write_text(text + "PerSourcePenalties no\n")
        if subprocess.run([SSHD, "-t", "-f", config], capture_output=True, check=False).returncode != 0:
            config.write_text(text)  # older than 9.8
        argv = [SSHD, "-D", "-f", config, "-E", self.folder / f"log.{index}"]
        if ROOT:
            enter = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
            argv = ["unshare", "-m", "sh", "-c", enter, "enter", self.host_folder(index), TREE, *argv]
        (self.folder / f"log.{index}").touch()
        self.reaper.stdin.write(json.dumps([str(word) for word in self.at_server(argv)]) + "\n")
        self.reaper.stdin.flush()
        self.servers.append(int(self.reaper.stdout.readline()))

    def _wait(self, index):
        until = time.monotonic() + 60
        while "Server listening" not in (self.folder / f"log.{index}").read_text():
            if not alive(self.servers[index]) or time.monotonic() > until:
                raise SystemExit(f"bench: sshd did not start: {(self.folder / f'log.{index}').read_text()}")
            time.sleep(0.01)

    def empty(self):
        """All hosts as if never deployed to."""
        for index in range(len(self.addresses)):
            for path in self.host_folder(index).iterdir():
                shutil.rmtree(path)

    def ssh_options(self):
        """For OpenSSH's client: this farm's keys, and nothing of the user's own settings."""
        return ["-F", "none", "-i", str(self.folder / "key"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
                f"UserKnownHostsFile={self.folder}/known_hosts", "-o", "GlobalKnownHostsFile=/dev/null", "-o", f"User={USER}"]

    def _settled(self):
        """Whether all sessions end within a while. A client doesn't wait for its hosts' farewell."""
        until = time.monotonic() + 60
        for pid in self.servers:
            while children(pid):
                if time.monotonic() > until:
                    return False
                time.sleep(0.01)
        return True

    def cpu(self):
        """The processor time that all hosts have spent so far: sshd, everything that ran under it, and what was left behind there."""
        if not self._settled():
            raise SystemExit("bench: a session on a host doesn't end")
        while True:
            try:
                return times(self.reaper.pid)[1] + sum(sum(times(pid)) for pid in children(self.reaper.pid))
            except FileNotFoundError:  # one has ended meanwhile
                continue

    def stop(self):
        self._settled()  # else a session whose line is taken away would wait for it
        for pid in self.servers:
            if alive(pid):
                os.kill(pid, signal.SIGTERM)
        self.reaper.wait()
        self.servers = []
        if ROOT:
            os.rmdir(TREE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
