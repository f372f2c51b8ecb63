# SPDX-License-Identifier: BSD-2-Clause
"""Runs sonde and sonde-work for one test: in a directory of its own, with time limits,
and nothing left behind. Processes are ended by their own id only."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time


def patience():
    """How much longer things may take here: an emulated machine is slow."""
    try:
        with open("/proc/cpuinfo") as f:
            return 5 if "TCG" in f.read() else 1
    except OSError:
        return 1


PATIENCE = patience()
# What sanitizers say; a build without them never does. Leaks are not looked for under strace(1).
COMPLAINT = re.compile(r"runtime error: |ERROR: \w+Sanitizer|SUMMARY: \w+Sanitizer")
NO_LEAK_CHECK = {"ASAN_OPTIONS": "detect_leaks=0"}


class Failed(Exception):
    """The test failed before anything could be compared."""


class Skipped(Exception):
    """The test cannot run here; the text says why."""


class Proc:
    """A process whose output is collected while it runs."""

    def __init__(self, argv, **kw):
        self.argv = argv
        self.lines = {"out": [], "err": []}
        self.changed = threading.Condition()
        kw.setdefault("stdin", subprocess.DEVNULL)
        self.p = subprocess.Popen(argv, stdout=kw.pop("stdout", subprocess.PIPE),
                                  stderr=kw.pop("stderr", subprocess.PIPE), **kw)
        self.readers = []
        for name, pipe in (("out", self.p.stdout), ("err", self.p.stderr)):
            if pipe is not None:
                t = threading.Thread(target=self.collect, args=(name, pipe), daemon=True)
                t.start()
                self.readers.append(t)
        self.pid = self.p.pid

    def collect(self, name, pipe):
        for line in pipe:
            with self.changed:
                self.lines[name].append(line)
                self.changed.notify_all()
        with self.changed:
            self.lines[name].append(None)
            self.changed.notify_all()

    def text(self, name="err"):
        with self.changed:
            return b"".join(l for l in self.lines[name] if l).decode("utf-8", "replace")

    def wait_line(self, name, begins, timeout):
        """The first line that begins so; None if the output ends without one."""
        end = time.monotonic() + timeout * PATIENCE
        with self.changed:
            while True:
                for line in self.lines[name]:
                    if line is None:
                        return None
                    if line.decode("utf-8", "replace").startswith(begins):
                        return line.decode("utf-8", "replace")
                left = end - time.monotonic()
                if left <= 0:
                    raise Failed("%s did not say %r within %d s; it said: %s" %
                                 (self.argv[0], begins, timeout * PATIENCE, self.texts()))
                self.changed.wait(left)

    def texts(self):
        return " | ".join(b"".join(l for l in self.lines[n] if l).decode("utf-8", "replace")[-500:]
                          for n in ("err", "out"))

    def wait(self, timeout):
        try:
            status = self.p.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.end()
            raise Failed("%s did not end within %d s; it said: %s" %
                         (" ".join(self.argv[:3]), timeout * PATIENCE, self.text()[-500:]))
        for t in self.readers:
            t.join(5)
        return status

    def signal(self, sig):
        if self.p.poll() is None:
            self.p.send_signal(sig)

    def end(self):
        for sig, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
            if self.p.poll() is not None:
                return
            self.p.send_signal(sig)
            try:
                self.p.wait(patience)
            except subprocess.TimeoutExpired:
                pass


class Session:
    """What one test uses; a context that cleans up."""

    def __init__(self, sonde, work, base=None, timeout=60):
        self.sonde, self.work, self.timeout = sonde, work, timeout
        self.base = base
        self.undo = []
        self.procs = []

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="sonde-live-", dir=self.base)
        os.chmod(self.dir, 0o755)
        self.files = os.path.join(self.dir, "files")
        os.mkdir(self.files)
        os.chmod(self.files, 0o755)
        self.trace = os.path.join(self.dir, "trace")
        self.claims = os.path.join(self.dir, "claims")
        return self

    def __exit__(self, *exc):
        for f in reversed(self.undo):
            try:
                f()
            except OSError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)
        for p in self.procs:
            at = COMPLAINT.search(p.text())
            if at:
                raise Failed("%s: %s" % (" ".join(p.argv[:3]), p.text()[at.start():][:3000]))

    def start(self, argv, **kw):
        p = Proc(argv, **kw)
        self.procs.append(p)
        self.undo.append(p.end)
        return p

    def run(self, argv, timeout=None, **kw):
        """Status, stdout, stderr."""
        p = self.start(argv, **kw)
        status = p.wait(timeout or self.timeout)
        return status, p.text("out"), p.text("err")

    def work_argv(self, words, gate=False, files=None, claims=None):
        return ([self.work, "-C", files or self.files, "-o", claims or self.claims] +
                (["--gate"] if gate else []) + words)

    # ---- sonde beside a workload ----

    def command(self, sonde_args, words, files=None):
        """sonde ARGS -- sonde-work WORDS; the process, ended."""
        p = self.start([self.sonde] + sonde_args + ["--"] + self.work_argv(words, files=files))
        status = p.wait(self.timeout)
        if status == 77 and "skip: " in p.text():
            raise Skipped(p.text().split("skip: ", 1)[1].split("\n")[0])
        return p, status

    def attached(self, sonde_args, words, files=None, between=None):
        """sonde-work waits at its gate until sonde ARGS records; the latter's process, ended."""
        w = self.start(self.work_argv(words, gate=True, files=files), stdin=subprocess.PIPE)
        line = w.wait_line("out", "ready ", 20)
        if line is None:
            status = w.wait(5)
            if status == 77:
                raise Skipped(w.text().replace("skip: ", "").strip())
            raise Failed("sonde-work ended with %d: %s" % (status, w.text()))
        pid = line.split()[1]
        if between:
            between(int(pid))
        p = self.start([self.sonde] + [a.replace("$PID", pid) for a in sonde_args])
        if p.wait_line("err", "recording", 30) is None:
            raise Failed("sonde ended with %d before it recorded: %s" % (p.wait(5), p.text()))
        w.p.stdin.write(b"\n")
        w.p.stdin.close()
        status = w.wait(self.timeout)
        if status == 77:
            raise Skipped(w.text().replace("skip: ", "").strip())
        if status:
            raise Failed("sonde-work ended with %d: %s" % (status, w.text()))
        p.signal(signal.SIGINT)
        return p, p.wait(self.timeout), pid

    def export(self, trace=None):
        """All rows of a trace, and its holes."""
        trace, out_dir = trace or self.trace, tempfile.mkdtemp(dir=self.dir)
        status, _, err = self.run([self.sonde, "export", trace, "--to", "jsonl", "-o", out_dir])
        if status:
            raise Failed("sonde export ended with %d: %s" % (status, err[-1000:]))
        rows = []
        for name in sorted(os.listdir(out_dir)):
            with open(os.path.join(out_dir, name)) as f:
                rows += rows_of(f, name.split(".")[0])
        if os.path.isdir(os.path.join(trace, "lost")) and not any(r["event"] == "lost" for r in rows):
            status, out, err = self.run([self.sonde, "export", trace, "-e", "lost", "--to", "jsonl"])
            if status:
                raise Failed("sonde export -e lost ended with %d: %s" % (status, err[-1000:]))
            rows += rows_of(out.split("\n"), "lost")
        return rows

    def cgroup(self):
        """The directory of a new cgroup of the version 2 hierarchy, that is gone with the session."""
        for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            if os.path.exists(os.path.join(root, "cgroup.procs")) and \
               os.path.exists(os.path.join(root, "cgroup.controllers")):
                break
        else:
            raise Skipped("there is no hierarchy of cgroups of version 2")
        path = os.path.join(root, "sonde-live-%d" % os.getpid())
        os.mkdir(path)
        self.undo.append(lambda: os.rmdir(path))
        return path

    def manifest(self, trace=None):
        try:
            with open(os.path.join(trace or self.trace, "manifest.json")) as f:
                return json.load(f)
        except (OSError, ValueError) as e:
            raise Failed("no manifest: %s" % e)


def rows_of(lines, event=None):
    """From JSON Lines; event: whose rows they are, where they do not say it."""
    rows = []
    for line in lines:
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise Failed("a line that is no JSON: %r" % line[:200])
            if event:
                rows[-1]["event"] = event
            elif "event" not in rows[-1]:
                raise Failed("a row without its event: %r" % line[:200])
    return rows


# Parts of streams, as NEEDS has them after a colon, and sonde's own words for them.
PARTS = {
    "kthreads": "what the kernel's threads do",
    "uring": "requests of io_uring",
    "uring_refused": "requests that io_uring refuses",
    "aio": "requests of AIO",
    "names": "where names lead",
    "pages": "hits in the page cache",
}


class Doctor:
    """What sonde says it can see here: name -> (seen, why not)."""

    def __init__(self, sonde, hooks=None):
        self.known = None
        hooks = ["--hooks", hooks] if hooks else []
        try:
            done = subprocess.run([sonde, "doctor", "--json"] + hooks, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60 * PATIENCE)
            report = json.loads(done.stdout.decode())
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return
        self.known = {name: (item["seen"], item["why"])
                      for name, item in report.get("streams", {}).items()}
        self.known.update(("%s:%s" % (name, part), (words not in item["lacks"], item["lacks"]))
                          for name, item in report.get("streams", {}).items()
                          for part, words in PARTS.items())
        self.known.update((name, (item["yes"], item["why"]))
                          for name, item in report.get("kernel", {}).items())
        self.known["loops"] = self.known["loops in a helper"]
        self.known["typed"] = self.known["typed reads"]
        self.known["functions"] = next((self.known[k] for k in ("function hooks (fentry)", "kprobes")
                                        if self.known[k][0]), self.known["kprobes"])
        preempts = self.known.get("preempts programs at tracepoints", (False, ""))[0]
        self.known["unpreempted"] = (not preempts, "this kernel preempts programs, and what it "
                                     "leaves out meanwhile only its own count tells")

    def why_not(self, name):
        """None if it can be seen."""
        if self.known is None:
            return "sonde doctor --json says nothing"
        if name not in self.known:
            return "sonde doctor does not speak of %s" % name
        seen, why = self.known[name]
        return None if seen else "%s cannot be seen here: %s" % (name, why)
