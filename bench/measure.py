# SPDX-License-Identifier: BSD-2-Clause
"""One measurement: a workload at its gate, a tracer attached to it, and what both cost."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from subjects import Failed, last_words

READY_S = 30
WORK_S = 300
END_S = 60


@contextlib.contextmanager
def work_folder(parent):
    path = tempfile.mkdtemp(prefix="sonde-bench-", dir=parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Work:
    """bench-work, waiting at its gate."""

    def __init__(self, build, mode, calls, cpus, folder, rate=0):
        argv = [os.path.join(build, "bench", "bench-work"), "-w", "-n", str(calls), "-d", folder,
                "-c", ",".join(str(cpu) for cpu in cpus)]
        if rate:
            argv += ["-r", str(rate)]
        self.proc = subprocess.Popen(argv + [mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        words = self.proc.stdout.readline().split()
        if len(words) < 4:
            raise Failed("bench-work did not start")
        self.pid = int(words[1])
        self.tids = [int(word) for word in words[3:]]

    def go(self):
        self.proc.stdin.write("go\n")
        self.proc.stdin.flush()

    def result(self):
        line = self.proc.stdout.readline()
        self.proc.wait(WORK_S)
        if not line:
            raise Failed("bench-work failed")
        return json.loads(line)

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.communicate()


def children(pid):
    found = []
    for task in listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as f:
            found += [int(word) for word in f.read().split()]
    return found


def listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def cpu_seconds(pid):
    """CPU that a process and its descendants have used so far, to the nanosecond."""
    total_ns = 0
    for task in listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total_ns += int(f.read().split()[0])
    reaped = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
        reaped = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return total_ns / 1e9 + reaped + sum(cpu_seconds(child) for child in children(pid))


class Tracer:
    """A subject's program while it runs."""

    def __init__(self, subject, pid, tids, folder, mode, cpu=None, is_matching=True):
        # A tracer may call it a failure that there was nothing to record.
        self.is_matching = is_matching
        self.subject, self.folder = subject, folder
        self.log = os.path.join(folder, "log")
        subject.prepare(folder)
        pin = (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None
        with open(self.log, "w") as log:
            self.start = time.monotonic()
            self.proc = subprocess.Popen(subject.command(pid, tids, folder, mode), stdout=log,
                                         stderr=log, stdin=subprocess.DEVNULL, cwd=folder,
                                         env=subject.environment(folder), preexec_fn=pin,
                                         process_group=0)
        try:
            subject.wait_ready(self.proc, folder, self.log, self.start + READY_S)
        except Exception:
            self.close()
            raise
        self.ready_s = time.monotonic() - self.start
        self.cpu_at_gate = cpu_seconds(self.proc.pid)

    def finish(self):
        """Ends it and returns what it used since the gate was opened."""
        if self.subject.stop_signal is not None:
            self.subject.wait_drained(self.folder)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.proc.pid, self.subject.stop_signal)
        deadline = time.monotonic() + END_S
        while True:
            pid, status, usage = os.wait4(self.proc.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                self.close()
                raise Failed(f"did not end: {last_words(self.log)}")
            time.sleep(0.002)
        self.proc.returncode = os.waitstatus_to_exitcode(status)
        if self.is_matching and self.proc.returncode not in (0, 130, -signal.SIGINT):
            raise Failed(f"exit status {self.proc.returncode}: {last_words(self.log)}")
        return {
            "tracer_cpu_s": usage.ru_utime + usage.ru_stime - self.cpu_at_gate,
            "tracer_rss_bytes": usage.ru_maxrss * 1024,
            "ready_s": self.ready_s,
        }

    def close(self):
        """Whatever happened, nothing of it is left running: it is a process group of its own."""
        if self.proc.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()


def program_runs(pid):
    """The BPF programs that a process holds: id -> (ns run, runs), if the kernel counts them."""
    found = {}
    for fd in listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/fdinfo/{fd}") as f:
            info = dict(line.split(":", 1) for line in f if ":" in line)
            if "run_cnt" in info:
                found[int(info["prog_id"])] = int(info["run_time_ns"]), int(info["run_cnt"])
    return found


def busy_seconds():
    """CPU time that the whole machine has used; guests' and stolen time included."""
    with open("/proc/stat") as f:
        ticks = [int(word) for word in f.readline().split()[1:]]
    return (sum(ticks[:8]) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def run_times(before, after):
    """Of the two programs that ran most, the older is on sys_enter, by all subjects' order."""
    spent = {prog: (after[prog][0] - ns, after[prog][1] - nr)
             for prog, (ns, nr) in before.items() if prog in after}
    most = sorted(sorted(spent, key=lambda prog: -spent[prog][1])[:2])
    if len(most) < 2 or not all(spent[prog][1] for prog in most):
        return {}
    return {name: spent[prog][0] / spent[prog][1]
            for name, prog in zip(("enter_ns", "exit_ns"), most)}


def measure(subject, build, parent, mode, calls, cpus, rate=0, tracer_cpu=None, other_pid=None,
            files=None, runs=False):
    """
    Runs a workload under a subject. other_pid: trace that process instead, so that no
    filter matches. parent: where traces go; files: where the work's files are.
    runs: what the kernel counts of the tracer's programs too.
    Returns a flat dictionary; what a subject cannot tell is None.
    """
    with work_folder(parent) as folder, contextlib.ExitStack() as stack:
        work = Work(build, mode, calls, cpus, files or folder, rate)
        stack.callback(work.close)
        tracer = None
        if subject.name != "base":
            pid, tids = (other_pid, [other_pid]) if other_pid else (work.pid, work.tids)
            tracer = Tracer(subject, pid, tids, folder, mode, tracer_cpu, not other_pid)
            stack.callback(tracer.close)
        tracer_before = cpu_seconds(tracer.proc.pid) if tracer else 0
        before = busy_seconds()
        runs_before = program_runs(tracer.proc.pid) if tracer and runs else {}
        work.go()
        row = work.result()
        if runs:
            row.update(run_times(runs_before, program_runs(tracer.proc.pid)))
        others = busy_seconds() - before - row["cpu_ns_per_call"] * row["calls"] / 1e9
        row["made_per_s"] = row["calls"] / (row["wall_ns"] / 1e9)
        if tracer:
            others -= max(cpu_seconds(tracer.proc.pid) - tracer_before, 0)
        # What the rest of the machine was doing meanwhile, as a share of all its CPUs.
        row["others"] = max(others, 0) / (row["wall_ns"] / 1e9) / os.cpu_count()
        if not tracer:
            return row
        row.update(tracer.finish())
        if not other_pid:
            row["recorded"] = subject.recorded(mode, folder, tracer.log)
            row["bytes"] = subject.bytes(folder)
        return row
