# SPDX-License-Identifier: BSD-2-Clause
"""Disks for one test, gone when it ends. No tools of the system are needed.

A loop device goes by itself when its last descriptor is closed, even if this
program is killed; the others are taken away by close().
"""
import ctypes
import fcntl
import itertools
import lzma
import os
import struct
import subprocess
import tempfile
import time

NUMBER = itertools.count()
LOOP_CTL_GET_FREE, LOOP_CONFIGURE, BLKPG = 0x4C82, 0x4C0A, 0x1269
LO_AUTOCLEAR, LO_PARTSCAN, LO_DIRECT_IO = 4, 8, 16


class NoDevice(Exception):
    """This machine has no such device; the text says why."""


def size_of(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def write_file(path, text):
    with open(path, "w") as f:
        f.write(text)


def tune(disk, options):
    """What the queue of a disk can be told: scheduler, nomerges, iostats ...; how it was."""
    before = []
    for key, value in options.items():
        path = "/sys/block/%s/queue/%s" % (disk, key)
        try:
            with open(path) as f:
                old = f.read().strip()
            write_file(path, value)
        except OSError as e:
            raise NoDevice("%s of %s cannot be %s (%s)" % (key, disk, value, e.strerror))
        before.append((path, old[old.find("[") + 1:old.find("]")] if "[" in old else old))
    return before


def untune(before):
    for path, value in before:
        try:
            write_file(path, value)
        except OSError:
            pass  # it is gone already


class Loop:
    kind = "rq"

    def __init__(self, options, where):
        if not os.path.exists("/dev/loop-control"):
            subprocess.run(["modprobe", "loop"], stderr=subprocess.DEVNULL, check=False)
        if not os.path.exists("/dev/loop-control"):
            raise NoDevice("there are no loop devices")
        self.fd, self.before = -1, []
        backing = os.open(where, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(backing, size_of(options.pop("size", "64M")))
            cut = options.pop("cut", None)
            if options.pop("full", None):
                os.posix_fallocate(backing, 0, os.fstat(backing).st_size)
            self.configure(backing, options)
            if cut:
                os.ftruncate(backing, size_of(cut))
        finally:
            os.close(backing)
        self.disk = os.path.basename(self.path)
        self.dev = "%d:%d" % ((lambda d: (os.major(d), os.minor(d)))(os.stat(self.path).st_rdev))
        part, sectors = options.pop("part", None), options.pop("sectors", "16384")
        try:
            self.before = tune(self.disk, options)
            if part:
                self.path = self.add_partition(int(part), sectors=int(sectors))
        except (OSError, NoDevice):
            self.close()
            raise

    def configure(self, backing, options):
        flags = LO_AUTOCLEAR | LO_PARTSCAN
        if options.pop("dio", None):
            flags |= LO_DIRECT_IO
        info = struct.pack("=QQQQQIIII64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, flags,
                           b"sonde-test", b"", b"", 0, 0)
        config = struct.pack("=II", backing, int(options.pop("sector", "512"))) + info + bytes(64)
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        try:
            for _ in range(20):
                nr = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
                self.path = "/dev/loop%d" % nr
                for _ in range(50):
                    if os.path.exists(self.path):
                        break
                    time.sleep(0.02)
                self.fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.ioctl(self.fd, LOOP_CONFIGURE, config)
                    return
                except OSError as e:
                    os.close(self.fd)
                    self.fd = -1
                    if e.errno != 16:  # EBUSY: somebody else was faster
                        raise NoDevice("a loop device cannot be set up (%s)" % e.strerror)
        except OSError as e:
            raise NoDevice("a loop device cannot be opened (%s)" % e.strerror)
        finally:
            os.close(control)
        raise NoDevice("no loop device is free")

    def add_partition(self, first, nr=1, sectors=16384):
        """Its path."""
        part = ctypes.create_string_buffer(
            struct.pack("=qqi64s64s4x", first * 512, sectors * 512, nr, b"", b""))
        arg = struct.pack("@iiiP", 1, 0, len(part.raw) - 1, ctypes.addressof(part))
        fcntl.ioctl(self.fd, BLKPG, arg)
        path = "/dev/%sp%d" % (self.disk, nr)
        for _ in range(100):
            if os.path.exists(path):
                return path
            time.sleep(0.02)
        raise NoDevice("%s did not appear" % path)

    def close(self):
        if self.fd >= 0:
            untune(self.before)
            os.close(self.fd)
            self.fd = -1


class Zram:
    kind = "bio"

    def __init__(self, options, where):
        control = "/sys/class/zram-control/hot_add"
        if not os.path.exists(control):
            subprocess.run(["modprobe", "zram", "num_devices=0"], stderr=subprocess.DEVNULL,
                           check=False)
        try:
            with open(control) as f:
                self.nr = int(f.read())
        except OSError as e:
            raise NoDevice("there is no zram (%s)" % e.strerror)
        self.disk, self.path = "zram%d" % self.nr, "/dev/zram%d" % self.nr
        try:
            write_file("/sys/block/%s/disksize" % self.disk, str(size_of(options.pop("size", "16M"))))
            for _ in range(100):
                if os.path.exists(self.path):
                    break
                time.sleep(0.02)
            tune(self.disk, options)
            d = os.stat(self.path).st_rdev
        except (OSError, NoDevice):
            self.close()
            raise
        self.dev = "%d:%d" % (os.major(d), os.minor(d))

    def close(self):
        for _ in range(50):
            try:
                write_file("/sys/block/%s/reset" % self.disk, "1")
                write_file("/sys/class/zram-control/hot_remove", str(self.nr))
                return
            except OSError:
                time.sleep(0.1)  # somebody looks at it


class NullBlk:
    kind = "rq"

    def __init__(self, options, where):
        root = "/sys/kernel/config/nullb"
        if not os.path.isdir(root):
            subprocess.run(["modprobe", "configfs"], stderr=subprocess.DEVNULL, check=False)
            subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"],
                           stderr=subprocess.DEVNULL, check=False)
            subprocess.run(["modprobe", "null_blk", "nr_devices=0"], stderr=subprocess.DEVNULL,
                           check=False)
        if not os.path.isdir(root):
            raise NoDevice("there is no null_blk")
        name = "sonde%d-%d" % (os.getpid(), next(NUMBER))
        self.dir = os.path.join(root, name)
        os.mkdir(self.dir)
        try:
            options.setdefault("size", "64M")
            options["size"] = str(size_of(options["size"]) >> 20)
            options.setdefault("memory_backed", "1")
            queue = {k: options.pop(k) for k in ("scheduler", "nomerges", "iostats") if k in options}
            for key, value in options.items():
                write_file(os.path.join(self.dir, key), value)
            before = set(os.listdir("/sys/block"))
            write_file(os.path.join(self.dir, "power"), "1")
            self.disk = (set(os.listdir("/sys/block")) - before).pop()
            self.path = "/dev/" + self.disk
            tune(self.disk, queue)
        except (OSError, KeyError, NoDevice) as e:
            self.close()
            raise NoDevice("null_blk cannot be set up (%s)" % e)
        with open("/sys/block/%s/dev" % self.disk) as f:
            self.dev = f.read().strip()

    def close(self):
        try:
            write_file(os.path.join(self.dir, "power"), "0")
        except OSError:
            pass
        os.rmdir(self.dir)


class ScsiDebug:
    """A disk that can be switched off: the only one of its module."""
    kind = "rq"

    def __init__(self, options, where):
        before = set(os.listdir("/sys/block"))
        done = subprocess.run(["modprobe", "scsi_debug", "dev_size_mb=8"], stderr=subprocess.PIPE)
        if done.returncode:
            raise NoDevice("there is no scsi_debug")
        subprocess.run(["modprobe", "sd_mod"], stderr=subprocess.DEVNULL, check=False)
        try:
            for _ in range(200):
                new = [d for d in set(os.listdir("/sys/block")) - before if d.startswith("sd")]
                if new and os.path.exists("/dev/" + new[0]):
                    break
                time.sleep(0.05)
            else:
                raise NoDevice("scsi_debug makes no disk")
            self.disk, self.path = new[0], "/dev/" + new[0]
            tune(self.disk, options)
        except NoDevice:
            self.close()
            raise
        d = os.stat(self.path).st_rdev
        self.dev = "%d:%d" % (os.major(d), os.minor(d))

    def close(self):
        for _ in range(50):
            if not subprocess.run(["modprobe", "-r", "scsi_debug"],
                                  stderr=subprocess.DEVNULL).returncode:
                return
            time.sleep(0.1)


class Delay:
    """A device-mapper disk on a loop device that hands everything on ms later, writes write_ms."""
    kind = "bio"

    def __init__(self, options, where):
        ms = options.pop("ms")
        write_ms = options.pop("write_ms", ms)
        self.name = "sonde%d-%d" % (os.getpid(), next(NUMBER))
        self.below = Loop(options, where)
        with open("/sys/block/%s/size" % self.below.disk) as f:
            table = "0 %s delay %s 0 %s %s 0 %s" % (f.read().strip(), self.below.path, ms,
                                                    self.below.path, write_ms)
        try:
            subprocess.run(["modprobe", "dm-delay"], stderr=subprocess.DEVNULL, check=False)
            done = subprocess.run(["dmsetup", "create", self.name, "--table", table],
                                  stderr=subprocess.PIPE, universal_newlines=True)
            why = done.stderr if done.returncode else None
        except FileNotFoundError as e:
            why = str(e)
        if why:
            self.below.close()
            raise NoDevice("device mapper cannot delay (%s)" % why.strip().split("\n")[0])
        done = subprocess.run(["dmsetup", "info", "-c", "--noheadings", "-o", "major,minor",
                               "--separator", ":", self.name], stdout=subprocess.PIPE,
                              universal_newlines=True, check=True)
        self.dev = done.stdout.strip()
        self.disk = "dm-" + self.dev.split(":")[1]
        self.path = "/dev/" + self.disk

    def close(self):
        for _ in range(100):
            if not subprocess.run(["dmsetup", "remove", self.name],
                                  stderr=subprocess.DEVNULL).returncode:
                break
            time.sleep(0.1)  # its requests have not ended yet
        self.below.close()


ALONE = {"scsi_debug"}  # there is one at a time
KINDS = {"scsi_debug": ScsiDebug, "loop": Loop, "zram": Zram, "null_blk": NullBlk,
         "delay": Delay}


def make(words, where=None):
    """A disk from the words of a DEV line: kind key=value ..."""
    options = dict(w.split("=", 1) for w in words[1:])
    if where is None or options.pop("fs", "tmpfs") == "tmpfs":
        where = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
    return KINDS[words[0]](options, where)


def driver_calls(driver, function):
    """None if this module calls this function of the kernel, else why that is not known."""
    found = subprocess.run(["modinfo", "-n", driver], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, universal_newlines=True).stdout.strip()
    if not os.path.exists(found):
        return "%s is no module here: what it calls cannot be asked" % driver
    opener = lzma.open if found.endswith(".xz") else open
    with opener(found, "rb") as f:
        if b"\0" + function.encode() + b"\0" in f.read():
            return None
    return "this kernel's %s does not call %s" % (driver, function)
