# SPDX-License-Identifier: BSD-2-Clause
"""Makes docs/BENCHMARKS.md of what bench/run has measured."""

from statistics import median

QUIET, WALL = "quiet_ns_per_call", "ns_per_call"


class Data:
    def __init__(self, data):
        self.rows = data["rows"]
        self.order = [subject["name"] for subject in data["subjects"]]
        others = [row["others"] for row in self.rows if "others" in row]
        self.others = median(others) if others else 0

    def of(self, part, mode, subject):
        return [row for row in self.rows if row["part"] == part and row["subject"] == subject and
                (mode is None or row.get("mode") == mode)]

    def subjects(self, part, mode):
        seen = {row["subject"] for row in self.rows
                if row["part"] == part and row.get("mode") == mode}
        return [name for name in self.order if name in seen]

    def base(self, part, mode, round_nr, key):
        """The better of the two in a round: what disturbs only adds."""
        return min((row[key] for row in self.of(part, mode, "base") if row["round"] == round_nr),
                   default=None)

    def added(self, part, mode, subject, key=QUIET, per_row=False):
        """Per round: what a call costs more than in the same round's base."""
        found = {}
        for row in self.of(part, mode, subject):
            base = self.base(part, mode, row["round"], key)
            if base is None:
                continue
            cost = row[key] - base
            if per_row:
                if not row.get("recorded"):
                    continue
                cost *= row["calls"] / row["recorded"]
            found[row["round"]] = cost
        return found

    def ratio(self, part, mode, subject, other, **kwargs):
        a = self.added(part, mode, subject, **kwargs)
        b = self.added(part, mode, other, **kwargs)
        return [a[nr] / b[nr] for nr in a if b.get(nr, 0) > 0]

    def share(self, part, mode, subject):
        return [row["recorded"] / row["calls"] for row in self.of(part, mode, subject)
                if row.get("recorded") is not None]

    def each(self, part, mode, subject, name, per=None):
        """A column, divided by another one where that is not 0."""
        found = []
        for row in self.of(part, mode, subject):
            if row.get(name) is None or (per and not row.get(per)):
                continue
            found.append(row[name] / row[per] if per else row[name])
        return found


def num(value):
    """Three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values, scale=1, unit=""):
    values = list(values.values()) if isinstance(values, dict) else values
    if not values:
        return "-"
    values = [v * scale for v in values]
    text = num(median(values)) + unit
    if len(values) > 1:
        text += f" ({num(min(values))} to {num(max(values))})"
    return text


def middle(values, scale=1, unit=""):
    return num(median(values) * scale) + unit if values else "-"


def percent(values):
    """Two digits that never round a loss away."""
    if not values:
        return "-"
    share = min(median(values), 1)
    return "100 %" if share == 1 else f"{min(share * 100, 99.99):.2f} %"


def table(head, rows):
    if not rows:
        return ["Not measured.", ""]
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] * len(head)) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def loop_table(data, mode):
    rows = []
    for name in data.subjects("loops", mode):
        if name == "base":
            base = data.each("loops", mode, name, QUIET)
            rows.append([name, f"({spread(base)} in all)"] + ["-"] * 7)
            continue
        rows.append([
            name,
            spread(data.added("loops", mode, name)),
            spread(data.added("loops", mode, name, WALL)),
            spread(data.added("loops", mode, name, per_row=True)),
            middle(data.ratio("loops", mode, name, "floor")),
            percent(data.share("loops", mode, name)),
            middle(data.each("loops", mode, name, "tracer_cpu_s", "recorded"), 1e6),
            middle(data.each("loops", mode, name, "bytes", "recorded")),
            middle(data.each("loops", mode, name, "tracer_rss_bytes"), 1 / 2**20),
        ])
    return table(["", "added ns per call", "of the whole run",
                  "added ns per recorded call", "x floor", "recorded",
                  "tracer CPU-s per million recorded", "bytes per recorded call",
                  "peak memory, MiB"], rows)


def added_table(data, part, mode):
    rows = []
    for name in data.subjects(part, mode):
        if name == "base":
            rows.append([name, f"({spread(data.each(part, mode, name, QUIET))} in all)"] +
                        ["-"] * 3)
            continue
        rows.append([name, spread(data.added(part, mode, name)),
                     spread(data.added(part, mode, name, WALL)),
                     middle(data.ratio(part, mode, name, "floor")),
                     percent(data.share(part, mode, name))])
    return table(["", "added ns per call", "of the whole run", "x floor",
                  "recorded"], rows)


def pages_lines(data):
    rows = []
    for name in data.subjects("pages", "pages"):
        if name == "base":
            rows.append([name, f"({spread(data.each('pages', 'pages', name, QUIET))} in all)", "-", "-", "-"])
            continue
        rows.append([name, spread(data.added("pages", "pages", name)),
                     spread(data.added("pages", "pages", name, WALL)),
                     percent(data.share("pages", "pages", name)),
                     middle(data.each("pages", "pages", name, "bytes", "recorded"))])
    return table(["", "added ns per page", "of the whole run", "recorded", "bytes per row"], rows)


def rate_table(data):
    rows = []
    for name in data.subjects("rate", "rw"):
        rows.append([
            name,
            middle(data.each("rate", "rw", name, "made_per_s"), 1e-6),
            percent(data.share("rate", "rw", name)),
            lost(data, name),
            middle(data.each("rate", "rw", name, "tracer_cpu_s", "recorded"), 1e6),
            middle(data.each("rate", "rw", name, "bytes", "recorded")),
            middle(data.each("rate", "rw", name, "tracer_rss_bytes"), 1 / 2**20),
        ])
    return table(["", "million calls a second reached", "recorded", "worst loss in a round",
                  "tracer CPU-s per million", "bytes per call", "peak memory, MiB"], rows)


def lost(data, name):
    rows = [row for row in data.of("rate", "rw", name) if row.get("recorded") is not None]
    return f"{max(max(row['calls'] - row['recorded'], 0) for row in rows):,}" if rows else "-"


class Targets:
    def __init__(self):
        self.rows = []

    def at_most(self, what, limit, values, unit, says=None):
        """limit may be None where what it depends on was not measured."""
        self.judge(what, limit, values, unit, says, lambda a, b: a <= b, "<=")

    def at_least(self, what, limit, values, unit, says=None):
        self.judge(what, limit, values, unit, says, lambda a, b: a >= b, ">=")

    def judge(self, what, limit, values, unit, says, is_met, sign):
        values = list(values.values()) if isinstance(values, dict) else values
        wanted = f"{sign} {num(limit)} {unit}".strip() if limit is not None else "-"
        if says:
            wanted += f" ({says})"
        if not values or limit is None:
            self.rows.append([what, wanted, "not measured", "-"])
            return
        met = "met" if is_met(median(values), limit) else "**not met**"
        self.rows.append([what, wanted, f"{spread(values)} {unit}".strip(), met])


def cost_limit(data, mode, per_row, key):
    """The stricter of 1.25 x the floor and trace-cmd."""
    floor = data.added("loops", mode, "floor", key, per_row)
    peer = data.added("loops", mode, "trace-cmd", key, per_row)
    limits = []
    if floor:
        limits.append((1.25 * median(floor.values()), "1.25 x the floor"))
    if peer:
        limits.append((median(peer.values()), "trace-cmd"))
    return min(limits) if limits else (None, "")


def over_empty(data, mode, subject, part="unmatched"):
    """Per round: what a call, such as one that no filter matches, costs more than under empty programs."""
    own, empty = (data.added(part, mode, name) for name in (subject, "empty"))
    return [own[nr] - empty[nr] for nr in own if nr in empty]


def targets(data):
    t = Targets()
    whole = "the same, of whole runs"
    for mode, what, per_row, key in (
            ("rw", "cost added to a call of the loop, full row", True, QUIET),
            ("rw", whole, True, WALL),
            ("known", "cost added to open, read and close of a known file", True, QUIET),
            ("known", whole, True, WALL),
            ("files", "cost added to file work, for each call", False, QUIET),
            ("files", whole, False, WALL),
            ("files", "the same, for each row of it", True, QUIET)):
        limit, says = cost_limit(data, mode, per_row, key)
        t.at_most(what, limit, data.added("loops", mode, "sonde", key, per_row), "ns", says)
    # The floor's consumer throws the records away: only what producing costs can be compared,
    # and in the quiet blocks no consumer had the CPU.
    t.at_most("two CPUs at once, of one shared ring's cost", 0.65,
              data.ratio("two", "rw", "sonde", "floor"), "x")
    rate = data.of("rate", "rw", "sonde")
    t.at_most("lost at a million calls a second", 0,
              [max(row["calls"] - row["recorded"], 0) for row in rate
               if row.get("recorded") is not None], "rows")
    t.at_least("rate reached meanwhile", 0.99e6, data.each("rate", "rw", "sonde", "made_per_s"),
               "calls/s")
    t.at_most("consumer, drain to file, at that rate", 0.30,
              [v * 1e6 for v in data.each("rate", "rw", "sonde", "tracer_cpu_s", "recorded")],
              "CPU-s per million rows")
    t.at_most("bytes of a vfs row of a real mix", 12, data.each("mix", None, "sonde", "bytes",
                                                                "recorded"), "bytes")
    memory = [row["tracer_rss_bytes"] / 2**20 for row in data.rows
              if row["subject"] == "sonde" and "tracer_rss_bytes" in row]
    t.at_most("resident memory, default rings, the worst of all runs", 64,
              [max(memory)] if memory else [], "MiB")
    for mode, what in (("rw", "file operations"), ("null", "other calls")):
        t.at_most(f"no filter matches, over an empty program: {what}", 20,
                  over_empty(data, mode, "sonde"), "ns")
    t.at_most("a page that comes or goes, over an empty program", 150,
              over_empty(data, "pages", "sonde", "pages"), "ns")
    t.at_most("lost at a million pages a second", 0,
              [max(row["calls"] - row["recorded"], 0) for row in data.of("pages_rate", "pages", "sonde")
               if row.get("recorded") is not None], "rows")
    t.at_least("rate reached meanwhile", 0.99e6,
               data.each("pages_rate", "pages", "sonde", "made_per_s"), "pages/s")
    t.at_most("start to ready", 0.5, data.each("first", None, "sonde", "ready_s"), "s")
    t.at_most("start to first row", 0.5, data.each("first", None, "sonde", "first_row_s"), "s")
    t.at_most("report over 10 million rows", 3,
              [row["report_s"] / row["rows"] * 1e7 for row in data.of("big", None, "sonde")], "s")
    t.at_least("export --to csv, one core", 3,
               [row["export_rows"] / row["export_s"] / 1e6
                for row in data.of("big", None, "sonde")], "million rows/s")
    return table(["", "wanted", "measured", ""], t.rows)


def beside_quiet(data, subject):
    """What a call of the loop costs more over a whole run than in its quiet blocks."""
    whole, quiet = (data.added("loops", "rw", subject, key) for key in (WALL, QUIET))
    return median(whole.values()) - median(quiet.values()) if whole else 0


def limits(data):
    """What stands between sonde and the figures that it does not reach everywhere."""
    alone, two = (data.added(part, "rw", "floor") for part in ("loops", "two"))
    return [
        "Whole runs: beside its quiet blocks a call of the loop costs sonde"
        f" {num(beside_quiet(data, 'sonde'))} ns, the floor {num(beside_quiet(data, 'floor'))} ns. On the"
        " other CPU sonde's",
        "reader makes columns of the records meanwhile; the floor's throws them away.",
        "",
        "Two CPUs: what one ring for all costs more is its lock, when two CPUs take it at one moment.",
        f"Here a call of the floor costs {spread(alone, unit=' ns')} with one CPU and"
        f" {spread(two, unit=' ns')} with two.",
        f"sonde's row costs {middle(data.ratio('loops', 'rw', 'sonde', 'floor'))} x the floor's"
        " on one CPU, and the same on two: the ratio follows from how often the floor's meet.",
        "",
        "File work: three of its nine calls have names that the caller gives and that stand in the row, and one makes",
        "an inode, whose name is told. The floor with as much, and no more, costs",
        f"{middle(data.ratio('loops', 'files', 'floor with names', 'floor'))} x what the floor costs, compared round"
        f" by round; sonde {middle(data.ratio('loops', 'files', 'sonde', 'floor with names'))} x that:",
        "its names are whole paths, and what a rename may have changed is compared when it is next met. That is",
        f"{middle(data.ratio('loops', 'files', 'sonde', 'floor'))} x the floor's and"
        f" {middle(data.ratio('loops', 'files', 'sonde', 'trace-cmd'))} x trace-cmd's, which has no names.",
        "",
        "A row of the mix: `bench/columns` says what each column costs. Of 12 bytes 2.2 are the inode's generation,",
        "which is a random number of each file, 0.5 are `bytes`, which repeats `ret`, and 3.2 are paths.",
        "",
        "Nothing matches: a call runs two programs, and both figures are of both together. Comparing one",
        f"number, which is all that the floor does, costs {spread(over_empty(data, 'null', 'floor'), unit=' ns')}"
        " over the empty programs here, with getppid.",
        "",
    ]


def programs_table(data):
    rows = []
    for name in data.order:
        for mode, of in (("rw", "the loop"), ("files", "file work"), ("rw, unmatched", "the loop, "
                         "another process is traced"), ("null, unmatched", "getppid, the same")):
            found = data.of("programs", mode, name)
            if found:
                rows.append([name, of, *(spread([row[which] for row in found])
                                         for which in ("enter_ns", "exit_ns"))])
    return table(["", "", "sys_enter, ns a run", "sys_exit, ns a run"], rows)


def mix_lines(data):
    rows = []
    for row in data.of("mix", None, "sonde"):
        for event in ("vfs_read", "vfs_write", "vfs_open", "vfs_close", "vfs_fsync"):
            if row.get(event):
                rows.append([event, f"{row[event]:,}", num(row[event + "_bytes"] / row[event])])
        if row["recorded"]:
            rows.append(["with dictionaries and manifest", f"{row['recorded']:,}",
                         num(row["all_bytes"] / row["recorded"])])
    return table(["", "rows", "bytes a row"], rows)


def big_lines(data):
    rows = []
    for row in data.of("big", None, "sonde")[:1]:
        rows = [
            ["rows recorded", f"{row['recorded']:,} of {row['rows']:,}"],
            ["bytes a row", num(row["bytes"] / row["recorded"])],
            ["report", spread(data.each("big", None, "sonde", "report_s"), unit=" s")],
            ["report, CPU", spread(data.each("big", None, "sonde", "report_cpu_s"), unit=" s")],
            ["report, peak memory",
             spread(data.each("big", None, "sonde", "report_rss_bytes"), 1 / 2**20, " MiB")],
            ["export to CSV, rows/s",
             spread(data.each("big", None, "sonde", "export_rows", "export_s"))],
            ["bytes of a CSV line", num(row["export_bytes"] / row["export_rows"])],
        ]
    return table(["", ""], rows)


def render(raw):
    data = Data(raw)
    m = raw["machine"]
    out = [
        "# Benchmarks", "",
        "Written by `make bench`. Subjects take turns in every round, in a changing order, and are",
        "compared with the same round's run without a tracer. Tracers that take microseconds run in the",
        "first of the rounds only (`--slow-rounds`); the programs alone, a million calls a second and",
        "reading a trace have at most three rounds, peers at a million calls a second and the mix one.",
        "Figures are medians over the rounds, smallest and largest in parentheses. Absolute figures move",
        "from machine to machine; ratios are what to keep.", "",
        "A loop is timed in blocks of 1,000 calls, and what a call costs is the lower quartile of a run's",
        "blocks, those that were disturbed least. What is rarer than blocks, such as a tracer's wake-ups, is",
        "in the column `of the whole run`.", "",
        f"* {m['cpu']}, {m['cpus']} CPUs, {num(m['memory_bytes'] / 2**30)} GiB"
        f"{', a virtual machine' if m['guest'] else ''}; Linux {m['kernel']}; {m['date']}",
        *([f"* commit {raw['commit']}"] if raw.get("commit") else []),
        f"* `{raw['command']}`",
        f"* other programs took {data.others * 100:.1f} % of the machine meanwhile (median)",
        *([f"* up to {raw['foreign_programs']} tracing programs that others had loaded were there"
           " too: every call may have paid for them"] if raw.get("foreign_programs") else []), "",
        "## What is wanted", "", *targets(data),
        "## What stands in the way of the rest", "", *limits(data),
        "## Who is measured", "",
        *table(["", "", "version"],
               [[s["name"], s["about"], s["version"]] for s in raw["subjects"]]),
        "A call is one system call, entered and left. The tracer runs on another CPU than the",
        "work, unless said. Files that are worked on are in memory (tmpfs); traces go to disk.",
        "Tracer CPU is counted from the moment it is ready to its end, everything written.", "",
        "## Loop: pread and pwrite of 64 cached bytes", "", *loop_table(data, "rw"),
        "## File work: open write close open read close stat rename unlink", "",
        "Each of them is a row of vfs.", "",
        *loop_table(data, "files"),
        "## Open, read and close of one file that is there", "", *loop_table(data, "known"),
        "## TCP: 64 bytes there and back between two threads of one CPU", "",
        *loop_table(data, "tcp"),
        "## Two CPUs at once", "",
        "The loop on each CPU; the tracer shares them. The floor has one ring for both.", "",
        *added_table(data, "two", "rw"),
        "With getppid, the cheapest call there is:", "", *added_table(data, "two", "null"),
        "## Nothing matches: what a process pays while another one is traced", "",
        "With getppid:", "", *added_table(data, "unmatched", "null"),
        "With the loop:", "", *added_table(data, "unmatched", "rw"),
        "## The programs alone", "",
        "By the kernel's own count of their run time, which includes some 35 ns of its clocks in",
        "every run; little disturbs it. What is above `empty` is a program's work.", "",
        *programs_table(data),
        "## A million calls a second, on two CPUs, default settings", "", *rate_table(data),
        "## Pages that come into the page cache and leave it", "",
        "Pages of a hole, read one by one, and dropped; the file lies on a disk.", "",
        *pages_lines(data),
        "## A real mix: tar, gzip, grep, cp, find, wc, sort, cc", "", *mix_lines(data),
        "## First event", "",
        f"Ready {spread(data.each('first', None, 'sonde', 'ready_s'), unit=' s')} and first row"
        f" {spread(data.each('first', None, 'sonde', 'first_row_s'), unit=' s')} after the start.",
        "", "## Reading a trace", "", *big_lines(data),
    ]
    if raw["notes"]:
        out += ["## What could not be measured", "",
                *[f"* {name}: {why}" for name, why in raw["notes"].items()], ""]
    if raw.get("failures", {}):
        out += ["## Runs that failed and were made again", "",
                *[f"* {name}: {len(why)} times; {why[-1]}"
                  for name, why in raw.get("failures", {}).items()], ""]
    return "\n".join(out)
