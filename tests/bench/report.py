"""What the bench says: tables, and what it can't measure here."""
import os
import shutil
import statistics
import sys

from farm import ROOT


def load():
    return f"load {os.getloadavg()[0]:.1f}"


def middle(costs, what="seconds"):
    return statistics.median(getattr(cost, what) for cost in costs)


def table(title, head, rows):
    print(f"\n## {title} ({load()} at the end)\n")
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


def compared(name, costs, base, goal=None):
    ratio = middle(costs) / middle(base)
    return [name, f"{middle(costs):.3f}", f"{ratio:.2f}", f"{goal:.2f}" if goal else ""]


def lacks(part, *needed):
    """Whether this machine can't measure `part`, which needs root and whatever is named: programs and devices."""
    missing = [] if ROOT else ["root"]
    missing += [name for name in needed if not (os.path.exists(name) if name.startswith("/") else shutil.which(name))]
    if missing:
        print(f"\n{part}: left out, it needs {' and '.join(missing)}")
    return bool(missing)


def lacks_room(part, folder, gigabytes, names=0):
    """The same for `folder`'s file system: `names` are files and links, which each take one of tmpfs' inodes."""
    at = os.statvfs(folder)
    free = at.f_bavail * at.f_frsize / 1e9
    lacks_names = 0 < at.f_files and at.f_favail < names
    if free < gigabytes or lacks_names:
        print(f"\n{part}: left out, it needs {gigabytes} GB and {names} inodes in {folder.parent}: {free:.0f} GB and {at.f_favail} are free")
    return free < gigabytes or lacks_names
