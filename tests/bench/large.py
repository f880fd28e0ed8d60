"""The parts of the bench that move large applications: `big` of subjects.py, first and next version, and what the client spends on it."""
import multiprocessing
import random
import resource
import statistics
import subprocess

from copies import Pipe, Scp, Sftp
from farm import Farm
from relay import Relay
from report import lacks, lacks_room, middle, table
from subjects import FASTEST, Ours, Rsync, next_big_version, write_big_app
from wire import DELAY, Wire

FILES = 8000
AREAS = 40


def big_app(folder, args, files=FILES, megabytes=360):
    """The folder of the application and the count of its files. A process of its own writes them: what a process of ours
    has taken of memory at most counts for the programs that it starts, too."""
    if args.tiny:
        files, megabytes = files // 20, megabytes // 20
    app = folder / "app"
    app.mkdir()
    writer = multiprocessing.get_context("fork").Process(target=write_big_app, args=(app, files, megabytes))
    writer.start()
    writer.join()
    if writer.exitcode != 0:
        raise SystemExit("bench: the application can't be written")
    return app, files


def bytes_of_next_version(folder, farm, app, files, args):
    """What goes over the line to one host for the next version, both ways: by our program, and by rsync."""
    with Relay(farm.addresses[0], farm.port, 0) as relay:
        places = [("127.0.0.1", relay.port)]
        farm.trust(places)
        ours = Ours(farm, folder / "ours-1", app, args.program, places, bare=True, name="one-ours")
        rsync = Rsync(farm, folder / "rsync-1", app, places)
        rsync.name = "one-rsync"
        counted = []
        for number in (1000, 1001):
            next_big_version(app, number, files)
            for subject in (ours, rsync):
                subject.deploy()
                counted.append(relay.bytes())
        return counted[2], counted[3]


def deployed(subject):
    """What a deploy costs, and the processor time that the hosts spend on it."""
    before = subject.farm.cpu()
    cost = subject.deploy()
    return cost, subject.farm.cpu() - before


def middle_of_hosts(measured):
    return statistics.median(seconds for _, seconds in measured)


def next_versions(title, folder, farm, app, files, args):
    """First push, then next versions, in turn with rsync's."""
    rsync = Rsync(farm, folder / "rsync", app)
    more = "keep_releases: 2\n"
    subjects = [rsync, Ours(farm, folder / "copy", app, args.program, bare=True, name="copy", more=more),
                Ours(farm, folder / "link", app, args.program, bare=True, name="link", more=more + "reuse: link\n")]
    costs = {subject.name: [] for subject in subjects}
    first = {subject.name: subject.deploy() for subject in subjects}
    for number in range(args.runs):
        next_big_version(app, number, files)
        for subject in subjects:
            costs[subject.name].append(deployed(subject))
    rows = []
    theirs = middle([cost for cost, _ in costs["rsync"]])
    for name, what in (("rsync", "rsync -az --link-dest"), ("copy", "ours, copies"), ("link", "ours, hard links")):
        each = [cost for cost, _ in costs[name]]
        rows.append([what, f"{first[name].seconds:.2f}", f"{middle(each):.2f}", f"{middle(each) / theirs:.2f}",
                     "" if name == "rsync" else "0.33", f"{middle(each, 'cpu'):.2f}", f"{middle_of_hosts(costs[name]):.2f}"])
    table(title, ["what", "first, s", "next version, s", "of rsync", "goal", "client CPU, next", "hosts' CPU, next"], rows)


def part_big(folder, args):
    if lacks("big", "rsync") or not args.tiny and lacks_room("big", folder, 20):
        return
    count = 2 if args.tiny else 10
    app, files = big_app(folder, args)
    with Farm(folder / "farm", count) as farm:
        next_versions(f"{count} hosts, large application, no delay", folder, farm, app, files, args)
        ours, theirs = bytes_of_next_version(folder, farm, app, files, args)
        print(f"\nbytes over the line for the next version, one host: ours {ours}, rsync -z {theirs}: {ours / theirs:.2f}; goal 0.6")


def cold(subject):
    """The same of a push to hosts that have nothing, by a client that remembers nothing."""
    subject.farm.empty()
    subject.prepare()
    return deployed(subject)


def part_cold(folder, args):
    if lacks("cold", "zstd") or not args.tiny and lacks_room("cold", folder, 2):
        return
    app, _ = big_app(folder, args)
    with Farm(folder / "farm", 1) as farm:
        subjects = {"tar cz, ssh (aes128-gcm), tar xz": Pipe(farm, folder / "gzip", app, "gzip", "-z"),
                    "the same with zstd -3 -T0": Pipe(farm, folder / "zstd", app, "zstd", "-I 'zstd -3 -T0'"),
                    "ours": Ours(farm, folder / "ours", app, args.program, bare=True)}
        costs = {name: [] for name in subjects}
        for _ in range(args.runs):
            for name, subject in subjects.items():
                costs[name].append(cold(subject))
    rows, base = [], None
    for name, each in costs.items():
        ends = [cost for cost, _ in each]
        base = base or middle(ends)
        rows.append([name, f"{middle(ends):.2f}", f"{middle(ends) / base:.2f}", "1.00" if name == "ours" else "", f"{middle(ends, 'cpu'):.2f}",
                     f"{middle_of_hosts(each):.2f}"])
    table("one host, large application, nothing there, no delay", ["what", "seconds", "of tar cz", "goal", "client CPU, s", "host CPU, s"], rows)


def cold_far(folder, farm, app, args):
    """One far host that has nothing. scp -r waits some round trips for each file: so it copies one folder of the application's forty only."""
    scp = Scp(farm, folder / "scp", app)
    ours = Ours(farm, folder / "ours", app, args.program, scp.places[:1], bare=True)
    costs, archives, tree = [], [], None
    for _ in range(args.runs):
        costs.append(cold(ours)[0])
        farm.empty()
        scp.prepare()
        archives.append(scp.archive())
        if tree is None:
            tree = scp.tree("lib/area0").seconds * AREAS
    steps = [middle(each) for each in zip(*archives)]
    base, mine = sum(steps), middle(costs)
    rows = [["ours", f"{mine:.2f}", f"{mine / base:.2f}", "0.50"],
            [f"tar czf ({steps[0]:.2f} s), scp of it ({steps[1]:.2f} s), tar xzf there ({steps[2]:.2f} s)", f"{base:.2f}", "1.00", ""],
            ["scp of the tar.gz alone", f"{steps[1]:.2f}", f"{steps[1] / base:.2f}", ""],
            [f"scp -r of the tree: one folder of {AREAS}, times {AREAS}", f"{tree:.0f}", f"{tree / base:.2f}", ""]]
    table("one host, large application, nothing there, 50 ms each way", ["what", "seconds", "of packing, scp, unpacking", "goal"], rows)


def forgetful(folder, farm, app, files, args):
    """The next version for one far host, by a client that has a cache, and by one that has none, as in CI."""
    places = [(farm.addresses[0], farm.port)]
    subjects = {what: Ours(farm, folder / name, app, args.program, places, bare=True, name=name, more="keep_releases: 2\nreuse: link\n")
                for name, what in (("cached", "with what earlier runs have kept"), ("forgetful", "by a machine that remembers nothing"))}
    costs = {what: [] for what in subjects}
    for subject in subjects.values():
        subject.deploy()
    for number in range(args.runs):
        next_big_version(app, number, files)
        for what, subject in subjects.items():
            if subject.name == "forgetful":
                subject.prepare()
            costs[what].append(subject.deploy())
    table("one host, large application, next version with hard links, 50 ms each way", ["what", "seconds", "client CPU, s"],
          [[what, f"{middle(each):.2f}", f"{middle(each, 'cpu'):.2f}"] for what, each in costs.items()])


def part_far(folder, args):
    if lacks("far", "rsync", "/dev/net/tun") or not args.tiny and lacks_room("far", folder, 20):
        return
    count = 2 if args.tiny else 10
    app, files = big_app(folder, args)
    with Wire(DELAY) as wire, Farm(folder / "farm", count, wire) as farm:
        next_versions(f"{count} hosts, large application, 50 ms each way", folder, farm, app, files, args)
        forgetful(folder, farm, app, files, args)
        cold_far(folder, farm, app, args)


def packed_size(app):
    packed = subprocess.run(f"tar -C {app} -cf - . | zstd -q -3 -T0 | wc -c", shell=True, check=True, capture_output=True, text=True)
    return int(packed.stdout)


def part_uplink(folder, args):
    if lacks("uplink", "zstd", "/dev/net/tun", "tc") or not args.tiny and lacks_room("uplink", folder, 6):
        return
    count = 2 if args.tiny else 10
    app, _ = big_app(folder, args)
    rows = []
    for megabits in (1000, 250):
        with Wire(0, megabits * 1_000_000) as wire, Farm(folder / f"farm{megabits}", count, wire) as farm:
            ours = Ours(farm, folder / f"ours{megabits}", app, args.program, bare=True)
            costs, lines = [], []
            for _ in range(args.runs):
                before = wire.sent()
                costs.append(cold(ours))
                lines.append(wire.sent() - before)
            farm.empty()
        taken, line = middle([cost for cost, _ in costs]), statistics.median(lines)
        per_second = megabits * 125_000
        rows.append([str(megabits), f"{taken:.2f}", f"{line / 1e6:.0f}", f"{line / per_second:.2f}", f"{taken * per_second / line:.2f}",
                     "1.15" if megabits == 1000 else "", f"{taken * per_second / (count * packed_size(app)):.2f}", f"{middle_of_hosts(costs):.2f}"])
    table(f"{count} hosts, large application, nothing there, one uplink for all",
          ["Mbit/s", "seconds", "MB over it", "the uplink's time for these, s", "ratio", "goal", "of its time for tar and zstd -3", "hosts' CPU, s"], rows)


def part_cpu(folder, args):
    size = 5_000_000 if args.tiny else 500_000_000
    counts = (1, 2) if args.tiny else (1, 10)
    if lacks("cpu") or not args.tiny and lacks_room("cpu", folder, 8):
        return
    app = folder / "app"
    app.mkdir()
    with open(app / "payload", "wb") as file:
        dice = random.Random(20261129)
        for _ in range(size // 1_000_000):
            file.write(dice.randbytes(1_000_000))
    rows = []
    with Farm(folder / "farm", max(counts)) as farm:
        for count in counts:
            places = [(address, farm.port) for address in farm.addresses[:count]]
            subjects = {"sftp (aes128-gcm)": Sftp(farm, folder / f"sftp{count}", app, count, FASTEST),
                        "sftp with its defaults": Sftp(farm, folder / f"defaults{count}", app, count, []),
                        "ours": Ours(farm, folder / f"ours{count}", app, args.program, places, bare=True)}
            costs = {name: [] for name in subjects}
            for _ in range(args.runs):
                for name, subject in subjects.items():
                    costs[name].append(cold(subject)[0])
            gigabytes = size * count / 1e9
            base = middle(costs["sftp (aes128-gcm)"], "cpu")
            for name, each in costs.items():
                cpu = middle(each, "cpu")
                rows.append([str(count), name, f"{cpu / gigabytes:.2f}", f"{cpu / base:.2f}", "1.00" if name == "ours" else "", f"{middle(each):.2f}"])
        farm.empty()
    table(f"one file of {size // 1_000_000} MB that can't be compressed, no delay",
          ["hosts", "what", "client CPU, s for each GB and host", "of sftp", "goal", "seconds"], rows)


def part_memory(folder, args):
    count = 2 if args.tiny else 50
    if lacks("memory") or not args.tiny and lacks_room("memory", folder, 54):
        return
    app, _ = big_app(folder, args, FILES * 1000 // 360, 1000)
    with Farm(folder / "farm", count) as farm:
        ours = Ours(farm, folder / "ours", app, args.program, bare=True)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cost = ours.deploy("json")
        sent = sum(host["bytes"] for host in ours.events("run_finished")[0]["hosts"])
        farm.empty()
    table("client's memory at most, nothing there, no delay; one run",
          ["hosts", "MB of payload sent", "seconds", "memory, MB", "goal", "less than this isn't seen, MB"],
          [[str(count), f"{sent / 1e6:.0f}", f"{cost.seconds:.1f}", f"{cost.peak_kilobytes * 1024 / 1e6:.0f}", "96", f"{own * 1024 / 1e6:.0f}"]])


def part_hundred(folder, args):
    count = 2 if args.tiny else 100
    if lacks("hundred") or not args.tiny and lacks_room("hundred", folder, 4, 2_700_000):
        return
    app, files = big_app(folder, args)
    with Farm(folder / "farm", count) as farm:
        more = "keep_releases: 2\nreuse: link\n"
        one = Ours(farm, folder / "one", app, args.program, [(farm.addresses[0], farm.port)], bare=True, more=more)
        one.deploy()
        for index in range(1, count):
            copy_host(farm.host_folder(0) / one.name, farm.host_folder(index) / one.name)
        ours = Ours(farm, folder / "ours", app, args.program, bare=True, more=more)
        rows = []
        for number in range(args.runs + 1):
            next_big_version(app, number, files)
            before = farm.cpu()
            cost = ours.deploy("json")
            hosts = farm.cpu() - before
            phases = {event["phase"]: event["seconds"] for event in ours.events("phase_finished")}
            if number > 0:  # the client knows the application's sums now
                rows.append([str(count), f"{cost.seconds:.2f}", "10", f"{phases['upload']:.2f}", f"{phases['upload'] / cost.seconds:.2f}",
                             f"{hosts:.1f}", f"{hosts / (hosts + cost.cpu):.2f}", f"{cost.cpu:.2f}"])
    table("large application, next version with hard links, no delay; each run",
          ["hosts", "seconds", "goal", "of these for upload and unpacking", "share", "hosts' CPU, s", "share of all CPU", "client CPU, s"], rows)


def copy_host(source, target):
    """A host's tree for another host. Files of releases are hard links: nobody writes to them, and a hundred copies need a disk."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        flags = "-al" if path.name == "releases" else "-a"
        subprocess.run(["cp", flags, path, target], check=True)


PARTS = {"big": part_big, "cold": part_cold, "far": part_far, "uplink": part_uplink, "cpu": part_cpu, "hundred": part_hundred,
         "memory": part_memory}
# Too much to be measured without being asked for, and for a machine's memory.
ON_DISK = {"memory"}
