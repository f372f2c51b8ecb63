#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The comparer itself: it accepts what is right, and each way to be wrong is seen. And what shares a recording."""
import importlib.machinery
import importlib.util
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import claims as C  # noqa: E402

loader = importlib.machinery.SourceFileLoader("run", os.path.join(HERE, "run"))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
loader.exec_module(run)

WINDOW = {"window": {"from_ns": 100, "to_ns": 900, "pids": [7]}}


def row(ts, **kw):
    r = {"event": "vfs_read", "ts": ts, "cpu": 0, "pid": 7, "tid": 7, "op": ts, "ret": 64,
         "errno": None, "path": "/a", "path_known": "exact", "dur_ns": 5, "flags": "O_RDONLY|O_CREAT"}
    r.update(kw)
    return r


def block(ts, **kw):
    return dict({"event": "block_io", "ts": ts, "cpu": 0, "pid": 7, "tid": 7, "op": 1, "rq": ts,
                 "blk_op": "write", "sector": 0, "bytes": 4096}, **kw)


def claim(**kw):
    return dict({"event": "vfs_read", "pid": 7, "tid": 7, "ret": 64}, **kw)


def problems(claims, rows, exact=("vfs_read",), subset=(), **kw):
    c = C.Claims(json.dumps(x) for x in [WINDOW] + claims)
    return C.Compare(c, rows, exact, subset, missed=C.may_be_missing({}, rows), **kw).run()


class Rows(unittest.TestCase):
    def test_right(self):
        self.assertEqual(problems([claim(), claim(ret=1)], [row(200), row(300, ret=1)]), [])

    def test_outside_the_window(self):
        self.assertEqual(problems([claim()], [row(50), row(200), row(950)]), [])

    def test_missing(self):
        self.assertRegex(problems([claim(), claim(ret=1)], [row(200)])[0], "missing.*ret=1")

    def test_missing_in_the_middle(self):
        got = problems([claim(ret=i) for i in range(9)],
                       [row(200 + i, ret=i) for i in range(9) if i != 4])
        self.assertEqual(len(got), 1)
        self.assertRegex(got[0], "missing.*ret=4")

    def test_a_completion_that_was_told_as_missed(self):
        want = [{"event": "block_io", "pid": 7, "tid": 7, "sector": 8 * i, "bytes": 4096} for i in range(3)]
        rows = [block(200), block(300, sector=16)]
        hole = {"event": "lost", "of": "block_io", "cause": "missed", "nr": 1, "ts": 400}
        self.assertEqual(len(problems(want, rows, ["block_io"])), 1)
        self.assertEqual(problems(want, rows + [hole], ["block_io"]), [])
        self.assertEqual(len(problems(want, rows[:1] + [hole], ["block_io"])), 2)
        self.assertEqual(len(problems(want, rows + [dict(hole, cause="ring")], ["block_io"])), 1)
        self.assertNotEqual(problems(want, rows + [block(310, sector=24), hole], ["block_io"]), [])

    def test_an_end_of_aio_that_was_told_as_missed(self):
        want = [claim(call="aio_pread", ret=i) for i in range(3)]
        rows = [row(200, call="aio_pread", ret=0), row(300, call="aio_pread", ret=2)]
        hole = {"event": "lost", "of": "vfs_read", "cause": "missed", "nr": 1, "ts": 400}
        self.assertEqual(len(problems(want, rows)), 1)
        self.assertEqual(problems(want, rows + [hole]), [])
        self.assertEqual(len(problems(want, rows[:1] + [hole])), 1)
        self.assertEqual(len(problems([claim(), claim(ret=1)], [row(200), hole])), 1)
        self.assertEqual(len(problems(want, rows + [dict(hole, of="vfs_write")])), 1)

    def test_one_that_was_missed_is_missed_once(self):
        want = [{"event": "block_io", "pid": 7, "tid": 7, "sector": 8 * i, "bytes": 4096} for i in range(2)]
        compare = C.Compare(C.Claims(json.dumps(x) for x in [WINDOW] + want), [block(200)], ["block_io"],
                            missed={"block_io": 1})
        self.assertEqual((compare.run(), compare.missed), ([], {"block_io": 0}))

    def test_extra(self):
        self.assertRegex(problems([claim()], [row(200), row(300, ret=5)])[0], "not claimed.*ret=5")

    def test_extra_is_no_fault_of_a_subset(self):
        self.assertEqual(problems([claim()], [row(200), row(300)], (), ["vfs_read"]), [])

    def test_twice(self):
        self.assertEqual(len(problems([claim()], [row(200), row(200)])), 1)

    def test_wrong_field(self):
        self.assertRegex(problems([claim(path="/b")], [row(200)])[0], 'path is "/a", not "/b"')

    def test_null_is_not_zero(self):
        self.assertEqual(len(problems([claim(errno=0)], [row(200)])), 1)
        self.assertEqual(len(problems([claim(ret=None)], [row(200, ret=0)])), 1)
        self.assertEqual(len(problems([claim(ret=True)], [row(200, ret=1)])), 1)

    def test_no_such_column(self):
        self.assertRegex(problems([claim(nonsense=None)], [row(200)])[0], "has no nonsense")

    def test_wrong_thread(self):
        self.assertEqual(len(problems([claim(tid=8)], [row(200)])), 2)

    def test_stranger(self):
        self.assertRegex(problems([claim()], [row(200), row(1, pid=9)])[0], "another process")
        self.assertEqual(problems([claim()], [row(200), row(1, pid=9)], strangers=False), [])

    def test_sets(self):
        self.assertEqual(problems([claim(flags="O_CREAT|O_RDONLY")], [row(200)]), [])
        self.assertEqual(len(problems([claim(flags="O_CREAT")], [row(200)])), 1)

    def test_ranges(self):
        self.assertEqual(problems([claim(min={"dur_ns": 5}, max={"dur_ns": 5})], [row(200)]), [])
        self.assertEqual(len(problems([claim(min={"dur_ns": 6})], [row(200)])), 1)
        self.assertEqual(len(problems([claim(max={"dur_ns": 4})], [row(200)])), 1)
        self.assertEqual(len(problems([claim(min={"dur_ns": 0})], [row(200, dur_ns=None)])), 1)

    def test_any_and_end(self):
        self.assertEqual(problems([claim(any={"path": [None, "/a"]})], [row(200)]), [])
        self.assertEqual(len(problems([claim(any={"path": ["/b"]})], [row(200)])), 1)
        self.assertEqual(len(problems([claim(end={"path": "/x"})], [row(200)])), 1)

    def test_repeat(self):
        self.assertEqual(problems([claim(repeat=3)], [row(200), row(201), row(202)]), [])
        self.assertEqual(len(problems([claim(repeat=3)], [row(200), row(201)])), 1)

    def test_invalid_utf8_is_marked(self):
        self.assertEqual(len(problems([claim(_invalid_utf8=True)], [row(200)])), 1)
        self.assertEqual(problems([claim(_invalid_utf8=True)], [row(200, _invalid_utf8=True)]), [])


class Blocks(unittest.TestCase):
    BOTH = ("vfs_read", "block_io")

    def test_order_is_free(self):
        claims = [dict(block(0), sector=s) for s in (0, 8)]
        for c in claims:
            del c["ts"], c["rq"], c["cpu"]
        self.assertEqual(problems(claims, [block(200, sector=8), block(300)], self.BOTH), [])
        self.assertEqual(len(problems(claims, [block(200), block(300)], self.BOTH)), 2)

    def test_operation(self):
        claims = [claim(let={"op": "x"}),
                  {"event": "block_io", "pid": 7, "tid": 7, "sector": 0, "bytes": 4096, "op": "$x"}]
        self.assertEqual(problems(claims, [row(200), block(190, op=200)], self.BOTH), [])
        self.assertRegex(problems(claims, [row(200), block(190, op=3)], self.BOTH)[0], "op is 3, not 200")

    def test_times_that_do_not_add_up(self):
        fits = dict(block(200), blk_kind="rq", queue_ns=30, device_ns=70, dur_ns=100)
        self.assertEqual(problems([], [fits], (), ["block_io"], strangers=False)[1:], [])
        bad = dict(fits, device_ns=71)
        said = problems([], [bad], (), ["block_io"], strangers=False)
        self.assertTrue(any("are not dur_ns" in p for p in said), said)

    def test_totals(self):
        s = {"sum": {"event": "block_io", "field": "bytes", "n": 8192, "where": {"blk_op": "write"}}}
        d = {"distinct": {"event": "block_io", "field": "rq", "where": {}}}
        n = {"count": {"event": "block_io", "n": 2, "where": {}}}
        c = {"cover": {"event": "block_io", "from_sector": 0, "bytes": 8192, "at_most": 2}}
        good = [block(200), block(300, sector=8)]
        self.assertEqual(problems([s, d, n, c], good, (), ["block_io"]), [])
        self.assertEqual(len(problems([s, n, c], good[:1], (), ["block_io"])), 3)
        self.assertEqual(len(problems([d], [block(200), block(200)], (), ["block_io"])), 2)
        self.assertEqual(len(problems([c], [block(200), block(300, sector=16)], (), ["block_io"])), 2)


class Conditions(unittest.TestCase):
    def test_forms(self):
        r = row(200, comm="late-x")
        for text in ("ret=64", "ret!=63", "ret>=64", "ret<=64", "ret>63", "ret<65", "errno=null",
                     "path=/a", "comm~late-*"):
            self.assertTrue(C.Condition(text).holds(r), text)
        for text in ("ret=63", "ret<64", "errno<1", "path=null", "comm~early-*", "nothing~*"):
            self.assertFalse(C.Condition(text).holds(r), text)


class Conservation(unittest.TestCase):
    PROG = {"name": "vfs_exit", "runs": 10, "missed": 0, "emitted": 3, "stored": 0, "filtered": 1,
            "sampled": 0, "aggregated": 0, "unmatched": 0, "ignored": 5, "lost_ring": 1, "lost_map": 0}
    EVENT = {"name": "vfs_read", "emitted": 4, "written": 2, "lost_writer": 2, "lost_ring": 1, "late": 0,
             "lost_map": 0, "lost_missed": 1}
    ROWS = [{"event": "vfs_read"}] * 2 + [
        {"event": "lost", "of": "vfs_read", "cause": "ring", "nr": 1},
        {"event": "lost", "of": "vfs_read", "cause": "writer", "nr": 1},
        {"event": "lost", "of": "vfs_read", "cause": "disk_full", "nr": 1},
        {"event": "lost", "of": "vfs_read", "cause": "missed", "nr": 1}]

    def book(self, prog=(), event=()):
        return {"streams": [{"name": "vfs_read"}], "conservation": {"programs": [dict(self.PROG, **dict(prog))],
                                 "events": [dict(self.EVENT, **dict(event))]}}

    def test_adds_up(self):
        self.assertEqual(C.conservation(self.book(), self.ROWS), [])
        self.assertEqual(C.conservation(self.book({"runs": None}), self.ROWS), [])

    def test_does_not(self):
        self.assertEqual(len(C.conservation({}, [])), 1)
        self.assertEqual(len(C.conservation(self.book({"runs": 11}), self.ROWS)), 1)
        self.assertEqual(len(C.conservation(self.book((), {"late": 1}), self.ROWS)), 1)
        self.assertEqual(len(C.conservation(self.book(), self.ROWS[1:])), 1)
        for gone in range(2, len(self.ROWS)):
            rows = self.ROWS[:gone] + self.ROWS[gone + 1:]
            self.assertEqual(len(C.conservation(self.book(), rows)), 1, self.ROWS[gone])
        self.assertEqual(len(C.conservation(self.book(), self.ROWS + self.ROWS[2:3])), 1)


class Invariants(unittest.TestCase):
    def test_right(self):
        self.assertEqual(C.invariants([row(200), row(300)], {}, 1), [])

    def test_wrong(self):
        manifest = {"started": {"mono_ns": 100}, "stopped": {"mono_ns": 900}}
        for kw in ({"pid": 1}, {"ts": 50}, {"dur_ns": -1}, {"errno": "EIO"}, {"ret": -5}, {"op": 0},
                   {"bytes": 63}, {"path": None}, {"path_known": "unknown"}, {"path_known": ""}):
            self.assertEqual(len(C.invariants([dict(row(200), **kw)], manifest, 1)), 1, kw)
        self.assertEqual(len(C.invariants([row(200), row(200)], {}, 1)), 1)

    def test_block(self):
        good = block(200, dur_ns=7, queue_ns=3, device_ns=4, error=0, errno=None, parts=1)
        self.assertEqual(C.invariants([good], {}, 1), [])
        for kw in ({"dur_ns": 8}, {"queue_ns": None}, {"error": -5}, {"parts": 0}, {"sector": (1 << 64) - 1}):
            self.assertEqual(len(C.invariants([dict(good, **kw)], {}, 1)), 1, kw)


def cases(text):
    """Of a .test file of this text."""
    with tempfile.NamedTemporaryFile("w", suffix=".test") as f:
        f.write(text)
        f.flush()
        return run.parse(f.name)


class Batches(unittest.TestCase):
    FORM = "NAME %s\nWORK w\nEXPECT exact vfs_read\nRUN %s\n"

    def names(self, *runs, most=3, more=""):
        found = cases("".join(self.FORM % (i, r) for i, r in enumerate(runs)) + more)
        return ["".join(c.name for c in batch) for batch in run.batches(found, most)]

    def test_same_run(self):
        vfs, block = "record -e vfs --", "record -e block,vfs --ring-size 32M --pseudo-fs --"
        self.assertEqual(self.names(vfs, block, vfs, block), ["02", "13"])
        self.assertEqual(self.names(vfs, vfs, vfs, vfs, vfs), ["012", "34"])
        self.assertEqual(self.names(vfs, vfs, most=1), ["0", "1"])

    def test_alone(self):
        for words in ("record --", "record -e proc --", "record -e vfs*", "record -e vfs,proc_fork --",
                      "record -e vfs --no-children --", "record -e vfs -p $PID", "record -e vfs --device $DEV --",
                      "stream -e vfs --", "record -a -e vfs --", "record -e vfs --comm sonde* --"):
            self.assertEqual(self.names(words, words), ["0", "1"], words)
        vfs = "record -e vfs --"
        for line in ("CHECK runs", "CGROUP", "OTHER loop", "STATUS 1", "DEV scsi_debug"):
            self.assertEqual(self.names(vfs, more=self.FORM % (1, vfs) + line + "\n"), ["0", "1"], line)
        self.assertEqual(self.names(vfs, more=self.FORM % (1, vfs) + "DEV loop\n"), ["01"])


if __name__ == "__main__":
    unittest.main()
