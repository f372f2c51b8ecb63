# SPDX-License-Identifier: BSD-2-Clause
"""What is measured: nothing, the floor, sonde and its peers.

A subject says how it is started on a process, when it is ready, how it ends,
and how many of the process's calls it has recorded. It knows nothing of rounds
and tables.
"""

import glob
import os
import platform
import re
import shutil
import signal
import subprocess
import time

# The numbers of the calls that bench-work makes, for tracers that print only those.
SYSCALLS = {
    "x86_64": dict(read=0, write=1, close=3, stat=4, pread64=17, pwrite64=18, rename=82,
                   unlink=87, getppid=110, openat=257, newfstatat=262),
    "aarch64": dict(read=63, write=64, close=57, pread64=67, pwrite64=68, renameat=38,
                    unlinkat=35, getppid=173, openat=56, newfstatat=79),
}[platform.machine()]

# Of those, the ones that each loop of bench-work is made of.
CALLS = {
    "rw": {"pread64", "pwrite64"},
    "read": {"pread64"},
    "null": {"getppid"},
    "files": {"openat", "write", "close", "read", "stat", "newfstatat", "rename", "renameat",
              "unlink", "unlinkat"},
    "known": {"openat", "read", "close"},
    "tcp": {"read", "write"},
}


class Failed(Exception):
    """A subject could not do its work; the text says why."""


def numbers(mode):
    return {SYSCALLS[name] for name in CALLS[mode] if name in SYSCALLS}


def output(argv, **kwargs):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", **kwargs)


def count_lines(path_or_argv, pattern):
    """Lines that match an extended regular expression, in a file or in a command's output."""
    grep = ["grep", "-E", "-c", pattern]
    env = dict(os.environ, LC_ALL="C")
    if isinstance(path_or_argv, str):
        found = output(grep + [path_or_argv], env=env)
    else:
        source = subprocess.Popen(path_or_argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        found = output(grep, stdin=source.stdout, env=env)
        source.stdout.close()
        source.wait()
    if found.returncode > 1:
        raise Failed(found.stderr.strip())
    return int(found.stdout)


def tree_bytes(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(path) for name in names)


class Subject:
    name = ""
    about = ""
    needs = ()
    # Peers whose price is tens of microseconds get fewer calls and fewer rounds.
    is_slow = False
    # Of the loops only these, where it is the same as another subject in all others.
    modes = None
    # None: the tracer ends by itself with the traced process.
    stop_signal = signal.SIGINT
    ready_line = "^recording"

    def __init__(self, build):
        self.build = build

    def unavailable(self):
        """Why it cannot run here, or None."""
        for program in self.needs:
            if not shutil.which(program):
                return f"{program} is not installed"
        return None

    def version(self):
        return ""

    def out(self, work):
        return os.path.join(work, "out")

    def prepare(self, work):
        pass

    def environment(self, work):
        return None

    def command(self, pid, tids, work, mode):
        raise NotImplementedError

    def wait_ready(self, proc, work, log, deadline):
        pattern = re.compile(self.ready_line.encode(), re.M)
        while not pattern.search(log_bytes(log)):
            if proc.poll() is not None:
                raise Failed(last_words(log) or f"exit status {proc.returncode}")
            if time.monotonic() > deadline:
                raise Failed("was not ready in time: " + last_words(log))
            time.sleep(0.002)

    def wait_drained(self, work):
        """Called before the stop signal, for tracers that drop what is under way."""

    def recorded(self, mode, work, log):
        """How many of the loop's calls are in the output."""
        raise NotImplementedError

    def bytes(self, work):
        return tree_bytes(self.out(work))


def log_bytes(log):
    try:
        with open(log, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def last_words(log):
    lines = [line.strip() for line in log_bytes(log).decode(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    return " / ".join(lines[-3:])


class Base(Subject):
    name = "base"
    about = "nothing is traced"


class Empty(Subject):
    name = "empty"
    about = "empty tp_btf programs on sys_enter and sys_exit"
    mode = "empty"

    def unavailable(self):
        if not os.access(self.program(), os.X_OK):
            return f"{self.program()} is not built"
        return None

    def program(self):
        return os.path.join(self.build, "bench", "floor")

    def command(self, pid, tids, work, mode):
        return [self.program(), "-p", str(pid), self.mode + ("-pages" if mode == "pages" else "")]

    def recorded(self, mode, work, log):
        return None

    def bytes(self, work):
        return None


class Floor(Empty):
    name = "floor"
    about = "minimal tracer: one 56-byte record a call through one ring, thrown away"
    mode = "floor"

    def recorded(self, mode, work, log):
        return int(re.search(rb"^recorded=(\d+)", log_bytes(log), re.M).group(1))


class FloorNames(Floor):
    name = "floor with names"
    about = ("the floor; names that callers give are copied, and what an inode that is opened first"
             " is called is a record more")
    mode = "floor-names"
    modes = ("files",)


class Sonde(Subject):
    name = "sonde"
    about = "sonde record -e vfs: full rows with file identity, Parquet"
    events = {"rw": ("vfs_read", "vfs_write"), "read": ("vfs_read",), "null": (),
              "files": ("vfs_open", "vfs_close", "vfs_read", "vfs_write", "vfs_rename", "vfs_unlink",
                        "vfs_getattr"),
              "known": ("vfs_open", "vfs_close", "vfs_read"),
              "tcp": ("vfs_read", "vfs_write"), "pages": ("pagecache_add", "pagecache_remove")}

    def __init__(self, build, program=None):
        super().__init__(build)
        self.program = program or os.path.join(build, "src", "cmd", "sonde")

    def unavailable(self):
        if not os.access(self.program, os.X_OK):
            return "sonde is not built"
        return None

    def version(self):
        return output([self.program, "--version"]).stdout.strip()

    def command(self, pid, tids, work, mode):
        # Sockets are left out unless asked for.
        extra = ["--pseudo-fs"] if mode == "tcp" else []
        what = ",".join(self.events[mode]) if mode == "pages" else "vfs"
        return [self.program, "record", "-e", what, *extra, "-o", self.out(work), "-p", str(pid)]

    def recorded(self, mode, work, log):
        # The loop's rows alone where their calls tell them from what the workload did besides.
        column, pattern = "ts", "^[0-9]"
        if mode in ("rw", "read"):
            column, pattern = "call", "^(pread64|pwrite64)$"
        return sum(count_lines([self.program, "export", self.out(work), "--to", "csv", "-e", event,
                                "--fields", column], pattern)
                   for event in self.events[mode] if os.path.isdir(f"{self.out(work)}/{event}"))


class Strace(Subject):
    name = "strace"
    about = "strace -f -ttt -T -o FILE"
    needs = ("strace",)
    is_slow = True
    stop_signal = None
    ready_line = "attached"

    def version(self):
        return output(["strace", "--version"]).stdout.split("\n")[0]

    def command(self, pid, tids, work, mode):
        return ["strace", "-f", "-ttt", "-T", "-o", self.out(work), "-p", str(pid)]

    def recorded(self, mode, work, log):
        # A call that was interrupted by another thread's takes two lines, one of them "resumed".
        pattern = rf" ({'|'.join(sorted(CALLS[mode]))})\("
        return count_lines(self.out(work), pattern)


class Perf(Subject):
    needs = ("perf",)
    stop_signal = None

    def version(self):
        return output(["perf", "--version"]).stdout.strip()

    def wait_ready(self, proc, work, log, deadline):
        wait_perf_events(proc, log, deadline)


def wait_perf_events(proc, log, deadline):
    """For tracers that say nothing in time: ready when no perf event was added for a while."""
    seen, since = 0, time.monotonic()
    while True:
        if proc.poll() is not None:
            raise Failed(last_words(log) or f"exit status {proc.returncode}")
        links = glob.glob(f"/proc/{proc.pid}/fd/*")
        now = sum("perf_event" in safe_readlink(link) for link in links)
        if now != seen:
            seen, since = now, time.monotonic()
        if seen and time.monotonic() - since > 0.5:
            return
        if time.monotonic() > deadline:
            raise Failed("was not ready in time: " + last_words(log))
        time.sleep(0.02)


def safe_readlink(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


class PerfTrace(Perf):
    name = "perf trace"
    about = "perf trace -o FILE"
    is_slow = True

    def command(self, pid, tids, work, mode):
        return ["perf", "trace", "-o", self.out(work), "-p", str(pid)]

    def recorded(self, mode, work, log):
        names = "|".join(sorted(CALLS[mode]))
        # A call that is shown in two lines is "continued" in the second.
        return (count_lines(self.out(work), rf" ({names})\(") -
                count_lines(self.out(work), rf"\[continued\]: ({names})\("))


class PerfRecord(Perf):
    name = "perf record"
    about = "perf record -e raw_syscalls:sys_enter,raw_syscalls:sys_exit"
    options = ()

    def command(self, pid, tids, work, mode):
        return ["perf", "record", "-e", "raw_syscalls:sys_enter", "-e", "raw_syscalls:sys_exit",
                *self.options, "-o", self.out(work), "-p", str(pid)]

    def recorded(self, mode, work, log):
        stats = output(["perf", "report", "--stats", "-i", self.out(work)]).stdout
        found = re.findall(r"sys_(?:enter|exit) stats:\n\s+SAMPLE events:\s+(\d+)", stats)
        if len(found) != 2:
            raise Failed("perf report --stats: " + stats.strip()[-80:])
        return min(int(nr) for nr in found)


class PerfRecordLarge(PerfRecord):
    name = "perf record -m 64M"
    about = "the same with 64 MiB of buffer a CPU"
    options = ("-m", "64M")


class TraceCmd(Subject):
    name = "trace-cmd"
    about = "trace-cmd record -e raw_syscalls -P TID ..."
    needs = ("trace-cmd", "unshare")
    ready_line = "Hit Ctrl"
    # In a mount namespace of its own, plain files take the place of these. Where the function
    # tracer is locked down they cannot be written, and trace-cmd, which resets them although it
    # only records events, fails or crashes.
    locked = {"/proc/sys/kernel/ftrace_enabled": "1\n",
              "/sys/kernel/tracing/set_ftrace_pid": "no pid\n",
              "/sys/kernel/tracing/set_ftrace_filter": "",
              "/sys/kernel/tracing/set_ftrace_notrace": ""}
    # It measures this one, copies it, and fails if meanwhile anybody loaded a BPF program.
    changing = "/proc/kallsyms"

    def version(self):
        return output(["trace-cmd", "--version"]).stdout.strip().split("\n")[0]

    def covers(self):
        with open(self.changing) as f:
            covers = {self.changing: f.read()}
        if not is_writable("/proc/sys/kernel/ftrace_enabled"):
            covers.update(self.locked)
        return {path: text for path, text in covers.items() if os.path.exists(path)}

    def prepare(self, work):
        script = ["set -e"]
        for i, (path, text) in enumerate(self.covers().items()):
            with open(os.path.join(work, f"cover{i}"), "w") as f:
                f.write(text)
            script.append(f"mount --bind 'cover{i}' {path}")
        script.append('exec stdbuf -oL trace-cmd "$@"')
        with open(os.path.join(work, "start"), "w") as f:
            f.write("\n".join(script) + "\n")

    def command(self, pid, tids, work, mode):
        pids = [word for tid in tids for word in ("-P", str(tid))]
        return ["unshare", "-m", "sh", os.path.join(work, "start"), "record", "-e", "raw_syscalls",
                *pids, "-o", self.out(work)]

    def recorded(self, mode, work, log):
        wanted = "|".join(str(nr) for nr in sorted(numbers(mode)))
        return count_lines(["trace-cmd", "report", "-i", self.out(work), "-F",
                            "raw_syscalls:sys_exit"],
                           rf"sys_exit: +NR ({wanted}) ")


def is_writable(path):
    """Opening a sysctl succeeds where writing does not: writes back what is there."""
    try:
        with open(path) as f:
            value = f.read()
        with open(path, "w") as f:
            f.write(value)
        return True
    except OSError:
        return False


class Bpftrace(Subject):
    name = "bpftrace"
    about = "bpftrace -o FILE, a printf an event"
    needs = ("bpftrace",)
    is_slow = True
    program = """
tracepoint:raw_syscalls:sys_enter /pid == PID/ { @start[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@start[tid]/ {
	printf("%llu %llu %d %d %lld\\n", @start[tid], nsecs - @start[tid], tid, args->id, args->ret);
	delete(@start[tid]);
}
END { clear(@start); }
"""

    def version(self):
        return output(["bpftrace", "--version"]).stdout.strip()

    def command(self, pid, tids, work, mode):
        return ["bpftrace", "-o", self.out(work), "-e", self.program.replace("PID", str(pid))]

    def wait_ready(self, proc, work, log, deadline):
        wait_perf_events(proc, log, deadline)

    def wait_drained(self, work):
        wait_steady(self.out(work))

    def recorded(self, mode, work, log):
        wanted = "|".join(str(nr) for nr in sorted(numbers(mode)))
        return count_lines(self.out(work), rf"^[0-9]+ [0-9]+ [0-9]+ ({wanted}) ")


def wait_steady(path):
    size, since = -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        if os.path.getsize(path) != size:
            size, since = os.path.getsize(path), time.monotonic()
        time.sleep(0.05)


class Bcc(Subject):
    name = "bcc"
    about = "bcc, a Python callback that writes CSV"
    needs = ("/usr/bin/python3",)
    is_slow = True

    def unavailable(self):
        if output(["/usr/bin/python3", "-c", "import bcc"]).returncode:
            return "python3-bpfcc is not installed"
        if not os.path.isdir(f"/lib/modules/{platform.release()}/build") and not self.headers():
            return "no kernel headers are installed (linux-headers-amd64)"
        return None

    def version(self):
        return "bcc " + output(["/usr/bin/python3", "-c",
                                "import bcc; print(bcc.__version__)"]).stdout.strip()

    @staticmethod
    def headers():
        """A pair of Debian's header folders: of an architecture, and what all have in common."""
        for path in sorted(glob.glob("/usr/src/linux-headers-*-common")):
            for arch in ("amd64", "arm64"):
                if os.path.isdir(path.replace("-common", "-" + arch)):
                    return path, path.replace("-common", "-" + arch)
        return None

    def environment(self, work):
        """bcc compiles against kernel headers; any kernel's will do for this program."""
        if os.path.isdir(f"/lib/modules/{platform.release()}/build"):
            return None
        return dict(os.environ, BCC_KERNEL_SOURCE=os.path.join(work, "headers"))

    def prepare(self, work):
        if os.path.isdir(f"/lib/modules/{platform.release()}/build"):
            return
        arch = "x86" if platform.machine() == "x86_64" else "arm64"
        for source in self.headers():
            for part in ("include", f"arch/{arch}/include"):
                folder = os.path.join(work, "headers", os.path.dirname(part))
                os.makedirs(folder, exist_ok=True)
                subprocess.run(["cp", "-asn", os.path.join(source, part), folder], check=True)

    def command(self, pid, tids, work, mode):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bcc-syscalls")
        return [script, str(pid), self.out(work)]

    def wait_drained(self, work):
        wait_steady(self.out(work))

    def recorded(self, mode, work, log):
        wanted = "|".join(str(nr) for nr in sorted(numbers(mode)))
        return count_lines(self.out(work), rf"^([0-9]+,){{3}}({wanted}),")


def all_subjects(build, sonde):
    return [Base(build), Empty(build), Floor(build), FloorNames(build),
            Sonde(build, sonde), TraceCmd(build), PerfRecord(build), PerfRecordLarge(build),
            Bpftrace(build), Bcc(build), PerfTrace(build), Strace(build)]
