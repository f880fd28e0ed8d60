"""What is measured: our program, the expert's script and Capistrano, on the hosts of one farm, with the same application."""
import datetime
import json
import os
import pathlib
import random
import shutil
import subprocess
import time

from farm import USER

HERE = pathlib.Path(__file__).resolve().parent
# OpenSSH's quickest algorithms, where a machine has instructions for AES; its defaults cost more.
FASTEST = ["-o", "Ciphers=aes128-gcm@openssh.com", "-o", "KexAlgorithms=curve25519-sha256"]


class Cost:
    """Of one command and everything it started on this machine (the hosts' own processes are no children of it)."""

    def __init__(self, seconds, cpu, peak_kilobytes):
        self.seconds, self.cpu, self.peak_kilobytes = seconds, cpu, peak_kilobytes


def run(argv, folder, env):
    before = time.monotonic()
    with open(folder / "last.log", "wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - before
    if process.returncode != 0:
        text = (folder / "last.log").read_text(errors="replace")
        raise SystemExit(f"bench: {argv[0]} ended with {process.returncode}:\n{text[-3000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def write_small_app(folder, files=300, megabytes=5, seed=20261122):
    """`small`: files of source-like text and of bytes that don't compress, half and half; 5 MB, 2.8 MB packed."""
    dice = random.Random(seed)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(800)]
    size = megabytes * 1_000_000 // files
    for i in range(files):
        path = folder / f"lib/part{i % 12}/module{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if i % 2:
            path.write_bytes(dice.randbytes(size))
        else:
            text = " ".join(dice.choices(words, k=size // 5))
            path.write_text("\n".join(text[at:at + 100] for at in range(0, size, 100))[:size])


def write_big_app(folder, files=8000, megabytes=360, seed=20261129):
    """`big`: about 360 MB in 8,000 files of very different sizes, half of them text; some 200 MB as tar.gz."""
    dice = random.Random(seed)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(800)]
    text = " ".join(dice.choices(words, k=400_000)).encode()
    sizes = [dice.lognormvariate(0, 1.2) for _ in range(files)]
    scale = megabytes * 1_000_000 / sum(sizes)
    for i, share in enumerate(sizes):
        path = folder / f"lib/area{i % 40}/part{i // 40 % 20}/file{i}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = max(64, int(share * scale))
        begin = dice.randrange(len(text) // 2)
        path.write_bytes(dice.randbytes(size) if i % 2 else (text[begin:] * (1 + size // (len(text) // 2)))[:size])


def next_big_version(folder, number, files=8000):
    """0.8 MB in 40 files of text, all of it new."""
    (folder / "VERSION").write_text(f"{number}\n")
    dice = random.Random(number)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(800)]
    for i in range(40):
        at = i * files // 40 // 2 * 2
        path = folder / f"lib/area{at % 40}/part{at // 40 % 20}/file{at}.dat"
        path.write_text("\n".join(" ".join(dice.choices(words, k=12)) for _ in range(400))[:20_000])


def next_version(folder, number):
    (folder / "VERSION").write_text(f"{number}\n")
    for i in range(0, 60, 6):
        with open(folder / f"lib/part{i % 12}/module{i}.txt", "a", encoding="utf-8") as file:
            file.write(f"version {number}\n")


class Subject:
    def __init__(self, farm, folder, app):
        self.farm, self.folder, self.app = farm, pathlib.Path(folder), app
        self.folder.mkdir(parents=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "USER": "bench", "LANG": "C.UTF-8"}
        self.places = [(address, farm.port) for address in farm.addresses]

    def prepare(self):
        """Before a push that is the first: the client remembers no earlier one."""

    def run(self, argv):
        return run(self.farm.at_client(argv), self.folder, self.env)

    def share(self):
        """The shared file that every host has before its first deploy, as a host of a real application would."""
        for index in range(len(self.farm.addresses)):
            folder = self.farm.host_folder(index) / self.name / "shared/config"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "settings.ini").write_text("[settings]\n")


class Ours(Subject):
    name = "ours"

    def __init__(self, farm, folder, app, program, places=None, bare=False, name=None, more=""):
        super().__init__(farm, folder, app)
        self.name = name or self.name
        self.program = str(program)
        hosts = ", ".join(f'"{address}:{port}"' for address, port in places or self.places)
        more += "" if bare else ("shared: {directories: [log, uploads], files: [config/settings.ini]}\nkeep_releases: 5\n"
                                "tasks: {restart: {run: 'true'}}\nhooks: {after_publish: restart}\n")
        (self.folder / "deploy.yml").write_text(
            f"application: bench\ndeploy_to: {farm.tree}/{self.name}\nsource: {{directory: {app}}}\nuser: {USER}\n"
            f"ssh: {{known_hosts_file: {farm.folder}/known_hosts, identity: {farm.folder}/key}}\n{more}"
            f"stages: {{production: {{hosts: [{hosts}]}}}}\n")

    def run_true(self):
        """The words of a command on the hosts."""
        return [self.program, "run", "production", "--output", "json", "--", "true"]

    def events(self, name):
        """Of the last run, where that had JSON as its output: the events of this name."""
        events = [json.loads(line) for line in (self.folder / "last.log").read_text().splitlines() if line.startswith("{")]
        return [event for event in events if event["event"] == name]

    def until_accepted(self, begun):
        """Seconds from the begin of the last run_true() until the last host had accepted its first command: the login as such."""
        ends = [datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
                for event in self.events("step_finished") if event["step"] == "connect"]
        return max(ends) - begun

    def deploy(self, output="plain"):
        return self.run([self.program, "production", "--output", output])

    def rollback(self):
        return self.run([self.program, "rollback", "production", "--output", "plain"])

    def prepare(self):
        shutil.rmtree(self.folder / ".cache", ignore_errors=True)


class Rsync(Subject):
    """`rsync -az --link-dest` to all hosts at the same time, then on all of them the switch, and away with the release before the last, by one
    new OpenSSH connection for each host."""
    name = "rsync"

    def __init__(self, farm, folder, app, places=None):
        super().__init__(farm, folder, app)
        self.places = places or self.places
        self.ssh = ["ssh", *farm.ssh_options(), *FASTEST, "-o", "ControlMaster=auto", "-o", f"ControlPath={self.folder}/%h-%p", "-o",
                    "ControlPersist=60"]
        self.number = 0

    def _everywhere(self, code):
        """`code` for every host, with its address as $1 and its port as $2."""
        words = "".join(f"{address}\n{port}\n" for address, port in self.places)
        (self.folder / "places").write_text(words)
        return ["xargs", "-a", str(self.folder / "places"), "-P", str(len(self.places)), "-n", "2", "sh", "-c", code, "each"]

    def deploy(self):
        self.number += 1
        to = f"{self.farm.tree}/{self.name}"
        ssh = " ".join(self.ssh)
        copy = (f'{ssh} -p "$2" "$1" mkdir -p {to}/releases && '
                f'rsync -az --delete --link-dest={to}/current/ -e "{ssh} -p $2" {self.app}/ "$1:{to}/releases/{self.number}/"')
        switch = (f'{ssh} -p "$2" "$1" "ln -s releases/{self.number} {to}/.next && mv -T {to}/.next {to}/current && '
                  f'rm -rf {to}/releases/{self.number - 2}"')
        try:
            begun, ended = self.run(self._everywhere(copy)), self.run(self._everywhere(switch))
        finally:
            self._close()
        return Cost(begun.seconds + ended.seconds, begun.cpu + ended.cpu, max(begun.peak_kilobytes, ended.peak_kilobytes))

    def _close(self):
        subprocess.run(self._everywhere(" ".join(self.ssh) + ' -p "$2" -O exit "$1"'), env=self.env, stderr=subprocess.DEVNULL, check=False)


class Script(Subject):
    """tests/bench/expert: what somebody writes who knows tar, zstd and OpenSSH well."""
    name = "script"

    def __init__(self, farm, folder, app):
        super().__init__(farm, folder, app)
        options = farm.ssh_options()
        words = ["Ciphers aes128-gcm@openssh.com", "KexAlgorithms curve25519-sha256", "ControlMaster auto",
                 f"ControlPath {self.folder}/%n", "ControlPersist 60", f"Port {farm.port}", "LogLevel ERROR"]
        config = ["Host *"] + [f"  {word}" for word in words]
        for flag, value in zip(options[2::2], options[3::2]):
            config.append(f"  IdentityFile {value}" if flag == "-i" else "  " + value.replace("=", " ", 1))
        (self.folder / "ssh_config").write_text("\n".join(config) + "\n")
        (self.folder / "hosts").write_text("\n".join(farm.addresses) + "\n")

    def _run(self, what):
        return self.run([str(HERE / "expert"), what, self.folder, self.app, f"{self.farm.tree}/{self.name}"])

    def deploy(self):
        return self._run("deploy")

    def rollback(self):
        return self._run("rollback")


CAPFILE = """require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git
"""


class Capistrano(Subject):
    """Debian's package, with its git source from a repository that every host reads over a file path."""
    name = "capistrano"

    def __init__(self, farm, folder, app):
        super().__init__(farm, folder, app)
        self.repository = self.folder / "repository"
        self._git("init", "-q", "-b", "main", str(self.repository))
        (self.folder / "config/deploy").mkdir(parents=True)
        (self.folder / "Capfile").write_text(CAPFILE)
        options = (f'keys: ["{farm.folder}/key"], keys_only: true, config: false, user_known_hosts_file: "{farm.folder}/known_hosts", '
                   'verify_host_key: :always, auth_methods: ["publickey"]')
        (self.folder / "config/deploy.rb").write_text(
            f'set :application, "bench"\nset :repo_url, "file://{self.repository}"\nset :branch, "main"\n'
            f'set :deploy_to, "{farm.tree}/{self.name}"\nset :keep_releases, 5\nset :linked_dirs, %w[log uploads]\n'
            f'set :linked_files, %w[config/settings.ini]\nset :format, :simpletext\nset :log_level, :error\n'
            'namespace :deploy do\n  after :publishing, :restart do\n    on roles(:app) do\n      execute :true\n    end\n  end\nend\n')
        servers = "".join(f'server "{address}", user: "{USER}", port: {port}, roles: %w[app]\n' for address, port in self.places)
        (self.folder / "config/deploy/production.rb").write_text(servers + f"set :ssh_options, {{ {options} }}\n")

    def _git(self, *words):
        env = {**self.env, "GIT_CONFIG_GLOBAL": "/dev/null"}
        subprocess.run(["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", *words], check=True, env=env,
                       stdout=subprocess.DEVNULL)

    def deploy(self):
        subprocess.run(["cp", "-R", f"{self.app}/.", self.repository], check=True)
        self._git("-C", str(self.repository), "add", "-A")
        self._git("-C", str(self.repository), "commit", "-qm", "next", "--allow-empty")
        return self.run(["cap", "production", "deploy"])

    def rollback(self):
        return self.run(["cap", "production", "deploy:rollback"])
