# SPDX-License-Identifier: BSD-2-Clause
"""Tests as functions of a session: a program lists them with @test(NAME) and ends with main()."""
import argparse
import os
import re
import subprocess
import time
import traceback

from session import Failed, Session, Skipped

TESTS = []


def test(name):
    def add(f):
        TESTS.append((name, f))
        return f
    return add


def need(claim, text):
    if not claim:
        raise Failed(text)


def need_disk(s):
    """What is dropped from memory can be read again."""
    done = subprocess.run(["stat", "-f", "-c", "%T", s.files], stdout=subprocess.PIPE, universal_newlines=True)
    if done.stdout.strip() == "tmpfs":
        raise Skipped("%s is in memory alone" % s.files)


def main(doc):
    p = argparse.ArgumentParser(description=doc.split("\n")[0])
    p.add_argument("--sonde", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--dir")
    p.add_argument("--match", default="")
    opts = p.parse_args()
    if os.geteuid():
        print("1..0 # SKIP only root may record")
        return 0
    tests = [(n, f) for n, f in TESTS if re.search(opts.match, n)]
    nr = {"passed": 0, "failed": 0, "skipped": 0}
    print("TAP version 13\n1..%d" % len(tests), flush=True)
    for i, (name, f) in enumerate(tests, 1):
        begun = time.monotonic()
        try:
            with Session(os.path.abspath(opts.sonde), os.path.abspath(opts.work), opts.dir) as s:
                f(s)
            print("ok %d - %s (%.1f s)" % (i, name, time.monotonic() - begun), flush=True)
            nr["passed"] += 1
        except Skipped as e:
            print("ok %d - %s # SKIP %s" % (i, name, e), flush=True)
            nr["skipped"] += 1
        except Exception as e:
            text = str(e) if isinstance(e, Failed) else traceback.format_exc()[-1500:]
            print("# " + text[:1500].replace("\n", "\n# "))
            print("not ok %d - %s (%.1f s)" % (i, name, time.monotonic() - begun), flush=True)
            nr["failed"] += 1
    print("# %(passed)d passed, %(failed)d failed, %(skipped)d skipped" % nr)
    return 1 if nr["failed"] else 0
