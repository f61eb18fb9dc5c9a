"""Servers on a disk that fails: compiles test/lib/disk_faults.c, preloads it and tells it what is to happen."""
import os
import subprocess

DIRECTORY = os.path.dirname(os.path.abspath(__file__))


def library(directory):
    path = os.path.join(directory, "disk_faults.so")
    if not os.path.exists(path):
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-fPIC", "-shared", "-o", path,
                        os.path.join(DIRECTORY, "disk_faults.c"), "-ldl"], check=True)
    return path


class Disk:
    """What happens to the files of one server. `server = group.kvd(..., env=disk.env)`."""

    def __init__(self, group, name):
        self.control, self.synced = group.path(name + ".fault"), group.path(name + ".synced")
        self.times = 0
        preload = [library(group.directory)]
        if os.environ.get("LD_PRELOAD"):
            preload.append(os.environ["LD_PRELOAD"])
        # A sanitizer wants to be the first library that is loaded: it is content to be told that this is meant.
        self.env = {"LD_PRELOAD": ":".join(preload), "DISK_FAULT": self.control, "DISK_SYNCED": self.synced,
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def happens(self, call, match, nth, action):
        """From now on: the nth ("1+": and all after it) such call on a path with `match` in it."""
        self.times += 1
        with open(self.control + ".new", "w") as file:
            file.write("%s %s %s %s %d\n" % (call, match, nth, action, self.times))
        os.rename(self.control + ".new", self.control)

    def works(self):
        if os.path.exists(self.control):
            os.remove(self.control)

    def lose_what_was_not_synced(self, directory):
        """As if the computer had lost its power: each file has the bytes that the last good fsync saw."""
        sizes = {}
        if os.path.exists(self.synced):
            with open(self.synced) as file:
                for line in file:
                    inode, size = line.split()
                    sizes[int(inode)] = int(size)
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            status = os.stat(path)
            if status.st_size > sizes.get(status.st_ino, 0):
                os.truncate(path, sizes.get(status.st_ino, 0))
