# SPDX-License-Identifier: BSD-2-Clause
"""Compares what sonde-work claims with the rows that a trace holds.

Knows nothing of how the rows were made. The form of claims: README.md.
"""
import fnmatch
import json
import re

# Flags: the order in which they are written means nothing.
SETS = {"flags", "file_flags", "sync_flags", "splice_flags", "at_flags", "rename_flags", "statx_mask",
        "falloc_flags", "blk_flags", "rwf", "prot", "map_flags", "mremap_flags", "msync_flags"}
# Rows of these events do not come in the order of the thread that asked.
UNORDERED = {"block_io"}
WITH_REQUESTS = UNORDERED | {"vfs_read", "vfs_write", "vfs_fsync"}
RULES = {"min", "max", "any", "end", "let", "tag", "event", "repeat"}
TOTALS = ("count", "sum", "distinct", "cover", "name", "filled", "pages")


class Claims:
    def __init__(self, lines):
        self.window, self.rows, self.totals = None, [], []
        for line in lines:
            claim = json.loads(line)
            if "window" in claim:
                self.window = claim["window"]
            elif "event" in claim:
                for _ in range(claim.pop("repeat", 1)):
                    self.rows.append(claim)
            else:
                (kind, body), = claim.items()
                if kind not in TOTALS:
                    raise ValueError("a claim of an unknown kind: " + line)
                self.totals.append((kind, body))
        if not self.window:
            raise ValueError("no window among the claims: the workload did not end well")
        self.pids = set(self.window["pids"])

    def inside(self, row):
        ts = row.get("ts")
        return (row.get("pid") in self.pids and
                (ts is None or self.window["from_ns"] <= ts <= self.window["to_ns"]))


class Condition:
    """field=value, !=, <, <=, >, >=, ~glob; a number, text, null, true or false."""
    FORM = re.compile(r"^(\w+)(>=|<=|!=|=|<|>|~)(.*)$", re.S)

    def __init__(self, text):
        m = self.FORM.match(text)
        if not m:
            raise ValueError("no condition: " + text)
        self.text, self.field, self.how, value = text, m[1], m[2], m[3]
        try:
            self.value = json.loads(value)
        except ValueError:
            self.value = value

    def holds(self, row):
        got = row.get(self.field)
        if self.how == "=":
            return got == self.value
        if self.how == "!=":
            return got != self.value
        if self.how == "~":
            return got is not None and fnmatch.fnmatchcase(str(got), str(self.value))
        if not isinstance(got, (int, float)) or isinstance(got, bool):
            return False
        return {"<": got < self.value, "<=": got <= self.value,
                ">": got > self.value, ">=": got >= self.value}[self.how]


def same(key, want, got):
    if key in SETS and isinstance(want, str) and isinstance(got, str):
        return set(want.split("|")) == set(got.split("|"))
    if key == "args" and isinstance(want, str) and isinstance(got, str):
        return want.rstrip("\0") == got.rstrip("\0") or want == got
    return type(want) is type(got) and want == got


def differences(claim, row, known, partial=False):
    """Why this row is not the claimed one; an empty list if it is."""
    out = []
    for key, want in claim.items():
        if key in RULES:
            continue
        if isinstance(want, str) and want.startswith("$"):
            if want[1:] not in known:
                continue
            want = known[want[1:]]
        if key not in row:
            if not partial and key != "_invalid_utf8":
                out.append("has no %s" % key)
            elif not partial:
                out.append("is not marked _invalid_utf8")
        elif not same(key, want, row[key]):
            out.append("%s is %s, not %s" % (key, json.dumps(row[key]), json.dumps(want)))
    if partial:
        return out
    for key, least in claim.get("min", {}).items():
        if row.get(key) is None or row[key] < least:
            out.append("%s is %s, not at least %s" % (key, row.get(key), least))
    for key, most in claim.get("max", {}).items():
        if row.get(key) is None or row[key] > most:
            out.append("%s is %s, not at most %s" % (key, row.get(key), most))
    for key, values in claim.get("any", {}).items():
        if row.get(key) not in values:
            out.append("%s is %s, none of %s" %
                       (key, json.dumps(row.get(key)), json.dumps(values)))
    for key, end in claim.get("end", {}).items():
        if not str(row.get(key)).endswith(end):
            out.append("%s is %s, does not end with %s" % (key, row.get(key), end))
    return out


def short(row):
    first = ["event", "pid", "tid", "comm", "call", "fd", "ret", "errno", "requested_bytes",
             "offset", "path", "name", "blk_op", "sector", "bytes", "op"]
    keys = [k for k in first if k in row]
    return " ".join("%s=%s" % (k, json.dumps(row[k])) for k in keys)


def in_flight(manifest, event=None):
    """Requests, of one event or all, whose end was not seen when the recording ended."""
    return sum(e["in_flight"] for e in manifest.get("events", []) if event in (None, e["name"]))


def left_out(manifest, group):
    """Runs of the disks' programs of a group that the kernel left out, as it does where it preempts them."""
    return sum(p["missed"] or 0 for p in manifest.get("programs", []) if p["domain"] == "block" and p["group"] == group)


def may_be_missing(manifest, rows):
    """
    Requests that may have no row, of disks and of io_uring and AIO, by event. Some in 100,000 completions never come to a
    program; sonde tells them as holes when the request is used again, or as in flight at the end. And where the
    kernel leaves out runs of both programs that see who asks, nobody does.
    """
    nr = {event: in_flight(manifest, event) for event in WITH_REQUESTS}
    for r in rows:
        if r["event"] == "lost" and r["cause"] == "missed" and r["of"] in nr:
            nr[r["of"]] += r["nr"]
    nr["block_io"] += min(left_out(manifest, "queue"), left_out(manifest, "getrq"))
    return nr


class Compare:
    def __init__(self, claims, rows, exact, subset=(), partial=False, strangers=True, missed=None):
        self.claims, self.partial = claims, partial
        self.exact, self.subset = set(exact), set(subset)
        self.problems, self.known = [], {}
        self.nr_matched = 0
        self.missed = missed or {}  # see may_be_missing(); what has no row is taken off
        events = self.exact | self.subset
        self.rows = [r for r in rows if r["event"] in events and
                     (partial or claims.inside(r))]
        if strangers and not partial:
            for row in rows:
                if row["event"] in self.exact and row.get("pid") not in claims.pids:
                    self.problem("of another process: " + short(row))

        self.look_at_requests([r for r in rows if r["event"] == "block_io"])

    def problem(self, text):
        self.problems.append(text)

    def look_at_requests(self, rows):
        """What holds of every request: its number is its own, and its times add up."""
        numbers = set()
        for r in rows:
            if "rq" in r and r["rq"] in numbers:
                self.problem("two requests of one number: " + short(r))
            numbers.add(r.get("rq"))
            times = [r.get(k) for k in ("queue_ns", "device_ns", "dur_ns")]
            if r.get("blk_kind") == "rq" and None not in times[1:] and \
                    (times[0] or 0) + times[1] != times[2]:
                self.problem("queue_ns %s and device_ns %s are not dur_ns %s: %s" % (
                    *times, short(r)))

    def remember(self, claim, row):
        self.nr_matched += 1
        for field, name in claim.get("let", {}).items():
            self.known[name] = row.get(field)

    def run(self):
        groups, events = {}, self.exact | self.subset
        by_pid = {(c["event"], c["pid"]) for c in self.claims.rows if "tid" not in c}
        for claim in self.claims.rows:
            if claim["event"] in events:
                groups.setdefault(self.group(claim, by_pid), ([], []))[0].append(claim)
        for row in self.rows:
            groups.setdefault(self.group(row, by_pid), ([], []))[1].append(row)
        # Those whose claims speak of other rows come after those.
        for key in sorted(groups, key=lambda k: (k[0] in UNORDERED, k)):
            want, got = groups[key]
            got.sort(key=lambda r: r.get("ts", 0))
            if key[0] in UNORDERED:
                self.unordered(key, want, got)
            else:
                self.ordered(key, want, got)
        for kind, body in self.claims.totals:
            if body["event"] in events:
                getattr(self, "total_" + kind)(body)
        return self.problems

    def group(self, row, by_pid):
        if self.partial:
            return row["event"], 0 if row["event"].startswith("proc_") else row.get("tid", 0)
        if (row["event"], row["pid"]) in by_pid or row["event"] == "proc_exit":
            return row["event"], row["pid"]
        return row["event"], row.get("tid", 0)

    def fits(self, claim, row):
        return not differences(claim, row, self.known, self.partial)

    def extra(self, row):
        if row["event"] in self.exact:
            self.problem("not claimed: " + short(row))

    def missing(self, claim):
        if self.missed.get(claim["event"]) and (claim.get("call") or "").startswith(("io_uring_", "aio_")):
            self.missed[claim["event"]] -= 1
        else:
            self.problem("missing: " + short(claim))

    def ordered(self, key, want, got):
        i = j = 0
        while i < len(want) and j < len(got):
            if self.fits(want[i], got[j]):
                self.remember(want[i], got[j])
                i, j = i + 1, j + 1
                continue
            step = self.next_fit(want, got, i, j)
            if step is None:
                self.problem("%s, number %d of thread %s: %s\n    row:   %s\n    claim: %s" % (
                    key[0], i + 1, key[1],
                    "; ".join(differences(want[i], got[j], self.known, self.partial)),
                    short(got[j]), short(want[i])))
                self.remember(want[i], got[j])
                i, j = i + 1, j + 1
                continue
            for claim in want[i:i + step[0]]:
                self.missing(claim)
            for row in got[j:j + step[1]]:
                self.extra(row)
            i, j = i + step[0], j + step[1]
        for claim in want[i:]:
            self.missing(claim)
        for row in got[j:]:
            self.extra(row)

    def next_fit(self, want, got, i, j):
        """How many claims, or else rows, to leave out; None: this pair is a wrong row."""
        if len(want) - i == len(got) - j:
            return None
        for k in range(1, 64):
            if len(want) - i > len(got) - j and i + k < len(want) and self.fits(want[i + k], got[j]):
                return k, 0
            if len(want) - i < len(got) - j and j + k < len(got) and self.fits(want[i], got[j + k]):
                return 0, k
        return None

    def unordered(self, key, want, got):
        left = list(got)
        places = {}
        for at, row in enumerate(left):
            places.setdefault((row.get("sector"), row.get("bytes")), []).append(at)
        missing = []
        for claim in want:
            spots = (places.get((claim["sector"], claim["bytes"]), [])
                     if "sector" in claim and "bytes" in claim else range(len(left)))
            for at in spots:
                if left[at] is not None and self.fits(claim, left[at]):
                    self.remember(claim, left[at])
                    left[at] = None
                    break
            else:
                missing.append(claim)
        left = [row for row in left if row is not None]
        if not left and len(missing) <= self.missed.get(key[0], 0):
            self.missed[key[0]] = self.missed.get(key[0], 0) - len(missing)
            return
        for claim in missing:
            near = min(left, default=None,
                       key=lambda r: len(differences(claim, r, self.known, self.partial)))
            text = "missing: " + short(claim)
            if near:
                text += "\n    nearest row: %s: %s" % (
                    short(near), "; ".join(differences(claim, near, self.known, self.partial)))
            self.problem(text)
        for row in left:
            self.extra(row)

    # ---- totals ----

    def where(self, body):
        where = {k: self.known.get(v[1:], v) if isinstance(v, str) and v.startswith("$") else v
                 for k, v in body.get("where", {}).items()}
        return [r for r in self.rows if r["event"] == body["event"] and
                all(same(k, v, r.get(k)) for k, v in where.items())]

    def total_count(self, body):
        rows = self.where(body)
        if len(rows) != body["n"]:
            self.problem("%d rows of %s where %s, not %d" %
                         (len(rows), body["event"], body.get("where"), body["n"]))

    def total_sum(self, body):
        total = sum(r.get(body["field"]) or 0 for r in self.where(body))
        if total != body["n"]:
            self.problem("the sum of %s.%s where %s is %d, not %d" %
                         (body["event"], body["field"], body.get("where"), total, body["n"]))

    def total_distinct(self, body):
        seen = set()
        for row in self.where(body):
            value = row.get(body["field"])
            if value is not None and value in seen:
                self.problem("%s.%s is %s twice" % (body["event"], body["field"], value))
            seen.add(value)

    def total_cover(self, body):
        """Writes lie side by side from a sector on, without gap or overlap."""
        rows = sorted((r for r in self.rows if r["event"] == body["event"] and
                       r.get("blk_op") == "write"), key=lambda r: r["sector"])
        at = body["from_sector"]
        for row in rows:
            if row["sector"] != at:
                self.problem("a write at sector %d where %d is next" % (row["sector"], at))
            at = row["sector"] + row["bytes"] // 512
        if at != body["from_sector"] + body["bytes"] // 512:
            self.problem("the writes end at sector %d" % at)
        if len(rows) > body["at_most"]:
            self.problem("%d requests, more than %d" % (len(rows), body["at_most"]))

    def total_pages(self, body):
        """Each of n pages of a file once; of others nothing, or, with around, what a folio has."""
        times = {}
        for row in self.where(body):
            for page in range(row["index"], row["index"] + row["pages"]):
                times[page] = times.get(page, 0) + 1
        want = set(range(body["from"], body["from"] + body["n"]))
        extra = set() if body["around"] else set(times) - want
        twice = [page for page, nr in sorted(times.items()) if nr > 1]
        if want - set(times) or extra or twice:
            self.problem("%s where %s: missing %s, too many %s, twice %s" % (
                body["event"], body["where"], sorted(want - set(times)), sorted(extra), twice))

    def total_name(self, body):
        """A path whole, or its end and a word that the front is missing."""
        for row in self.where(body):
            path, known = row.get("path"), row.get("path_known") or ""
            if path == body["whole"] and "truncated" not in known:
                continue
            if (path and len(path) < len(body["whole"]) and body["whole"].endswith(path) and
                    "truncated" in known):
                continue
            self.problem("a long path is %s, known by %s" % (path, known))

    def total_filled(self, body):
        rows = [r for r in self.where(body) if r.get("comm") != "sonde-work"]
        good = [r for r in rows if fnmatch.fnmatchcase(r.get(body["field"]) or "", body["like"])]
        if not rows or len(good) * 100 < len(rows) * body["percent"]:
            self.problem("%s of %d rows of %s is like %r in %d, fewer than %d %%" % (
                body["field"], len(rows), body["event"], body["like"], len(good),
                body["percent"]))


OUTCOMES = ("emitted", "stored", "filtered", "sampled", "aggregated", "unmatched", "ignored",
            "lost_ring", "lost_map")
WRITER_CAUSES = ("writer", "disk_full", "read_only", "write_error")


def conservation(manifest, rows, strict_rows=True):
    """What does not add up in a manifest's counters; rows: all rows of the trace."""
    out = []
    book = manifest.get("conservation") or manifest
    if "programs" not in book or "events" not in book:
        return ["the manifest has no counters"]
    for prog in book["programs"]:
        if prog.get("attached") is False:
            continue
        total = sum(prog[k] for k in OUTCOMES)
        if prog.get("runs") is not None and prog["runs"] != total:
            out.append("%s ran %d times, but its outcomes add up to %d" %
                       (prog["name"], prog["runs"], total))
    nr_rows, nr_lost = {}, {}
    for row in rows:
        nr_rows[row["event"]] = nr_rows.get(row["event"], 0) + 1
        if row["event"] == "lost":
            key = (row["of"], row["cause"])
            nr_lost[key] = nr_lost.get(key, 0) + row["nr"]
    # A domain of one event: what its programs lost is in that event's holes, by the same causes.
    for cause in ("lost_ring", "lost_map"):
        ended = sum(p[cause] or 0 for p in book["programs"] if p["name"].startswith("block_"))
        told = sum(e[cause] for e in book["events"] if e["name"] == "block_io")
        if ended != told:
            out.append("block: %s is %d of its programs, %d of its rows" % (cause, ended, told))
    # Others are recorded for the dictionaries' sake, or made by user space.
    asked = {s["name"] for s in manifest["streams"]} | {"lost"}
    for ev in book["events"]:
        name = ev["name"]
        if name not in asked:
            continue
        if name == "lost":  # user space tells the last ones itself
            if ev["written"] < ev["emitted"]:
                out.append("lost: %(emitted)d emitted, %(written)d written" % ev)
        elif ev["emitted"] != ev["written"] + ev["lost_writer"] + ev.get("late", 0):
            out.append("%s: emitted %d is not written %d + lost by the writer %d + late %d" % (
                name, ev["emitted"], ev["written"], ev["lost_writer"], ev.get("late", 0)))
        if strict_rows and nr_rows.get(name, 0) != ev["written"]:
            out.append("%s: %d rows in the trace, %d written" %
                       (name, nr_rows.get(name, 0), ev["written"]))
        for cause, names in (("ring", ("ring",)), ("map", ("map",)), ("missed", ("missed",)),
                             ("writer", WRITER_CAUSES)):
            told = sum(nr_lost.get((name, n), 0) for n in names)
            if told != ev["lost_" + cause]:
                out.append("%s: `lost` rows tell %d lost by the %s, the counters %d" %
                           (name, told, cause, ev["lost_" + cause]))
    return out


def losses(manifest):
    """What a recording says that it lost and left out, as one line, or none."""
    out = []
    for ev in manifest.get("events", []):
        out += ["%d of %s lost (%s)" % (nr, ev["name"], key[5:]) for key, nr in ev.items() if key.startswith("lost_") and nr]
    for p in manifest.get("programs", []):
        out += ["%s: %d %s" % (p["name"], p[key], key) for key in ("missed", "lost_map", "unmatched") if p.get(key)]
    return ["sonde says: " + ", ".join(out)] if out else []


KNOWN = {"exact", "dictionary", "snapshot", "unlinked", "joined", "given", "unknown"}


def invariants(rows, manifest, own_pid):
    """What is true of every row, whatever the workload was."""
    out, ops = [], set()
    begin = (manifest.get("started") or {}).get("mono_ns", 0)
    end = (manifest.get("stopped") or {}).get("mono_ns", 1 << 63)
    for row in rows:
        event, ret, wrong = row["event"], row.get("ret"), []
        if not event.startswith(("vfs_", "block_", "proc_", "pagecache_")):
            continue
        if row["pid"] == own_pid:
            wrong.append("it is of sonde itself")
        if not begin <= row["ts"] <= end:
            wrong.append("it is not of the time of the recording")
        if row.get("dur_ns") is not None and not 0 <= row["dur_ns"] < 1 << 62:
            wrong.append("dur_ns is %d" % row["dur_ns"])
        if ret is not None and (row.get("errno") is None) != (ret >= 0):
            wrong.append("errno is %s for ret %d" % (row.get("errno"), ret))
        if "bytes" in row and ret is not None and row["bytes"] != (ret if ret >= 0 else None):
            wrong.append("bytes is %s for ret %d" % (row["bytes"], ret))
        if event.startswith("vfs_") and event != "vfs_release":
            if row["op"] in ops or not row["op"]:
                wrong.append("op %d is not its own" % row["op"])
            ops.add(row["op"])
        if "path_known" in row:
            known = (row["path_known"] or "").replace("-truncated", "")
            if known not in KNOWN or (row["path"] is None) != (known == "unknown"):
                wrong.append("path is %s, known by %s" % (row["path"], row["path_known"]))
            if event == "vfs_open" and ret < 0 and known not in ("given", "joined", "unknown"):
                wrong.append("what could not be opened is known by %s" % row["path_known"])
        if event == "block_io":
            if row["device_ns"] is not None and \
               row["dur_ns"] != row["device_ns"] + (row["queue_ns"] or 0):
                wrong.append("dur_ns is not queue_ns and device_ns together")
            if (row["errno"] is None) != (row["error"] == 0):
                wrong.append("errno is %s for error %d" % (row["errno"], row["error"]))
            if not row["parts"] or row["sector"] is not None and row["sector"] >= 1 << 55:
                wrong.append("parts is %d, sector %s" % (row["parts"], row["sector"]))
        if wrong:
            out.append("%s: %s" % (short(row), "; ".join(wrong)))
    return out
