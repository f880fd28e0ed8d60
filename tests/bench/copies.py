"""OpenSSH's own ways to get files to a host, to measure against: they make no release, check no sum and switch nothing."""
from subjects import FASTEST, Subject


class Copy(Subject):
    """To the first host, or to several; each time by new connections."""

    def __init__(self, farm, folder, app):
        super().__init__(farm, folder, app)
        self.options = [*farm.ssh_options(), *FASTEST]
        self.to = f"{farm.tree}/{self.name}"

    def ssh(self, command):
        address, port = self.places[0]
        return ["ssh", *self.options, "-p", str(port), address, command]

    def prepare(self):
        for index in range(len(self.places)):
            (self.farm.host_folder(index) / self.name).mkdir()


class Pipe(Copy):
    """`tar | ssh`, packed, sent and unpacked at the same time. `packed`: tar's option for it."""

    def __init__(self, farm, folder, app, name, packed):
        self.name = name
        super().__init__(farm, folder, app)
        self.packed = packed

    def deploy(self):
        unpack = self.ssh(f"tar -C {self.to} {self.packed} -xf -")
        return self.run(["sh", "-c", f'tar -C {self.app} {self.packed} -cf - . | "$@"', "pipe", *unpack])


class Scp(Copy):
    name = "scp"

    def _copy(self, what):
        address, port = self.places[0]
        return self.run(["scp", "-q", "-r", *self.options, "-P", str(port), str(what), f"{address}:{self.to}/"])

    def archive(self):
        """The costs of packing a tar.gz, of copying it, and of unpacking it there."""
        archive = self.folder / "app.tar.gz"
        packed = self.run(["tar", "-C", str(self.app), "-czf", str(archive), "."])
        copied = self._copy(archive)
        return packed, copied, self.run(self.ssh(f"tar -C {self.to} -xzf {self.to}/app.tar.gz"))

    def tree(self, part):
        """Copies a folder of the application file by file."""
        return self._copy(self.app / part)


class Sftp(Copy):
    """Puts one file to several hosts at once, by a process for each."""
    name = "sftp"

    def __init__(self, farm, folder, app, hosts, options):
        super().__init__(farm, folder, app)
        (self.folder / "places").write_text("\n".join(farm.addresses[:hosts]) + "\n")
        (self.folder / "batch").write_text(f"put {app}/payload {self.to}/payload\n")
        self.words = ["xargs", "-a", str(self.folder / "places"), "-P", str(hosts), "-I", "HOST", "sftp", "-q", *farm.ssh_options(), *options,
                      "-b", str(self.folder / "batch"), "-P", str(farm.port), "HOST"]

    def deploy(self):
        return self.run(self.words)
