#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every value of every event, as sonde exports it to CSV and JSON Lines, against what DuckDB reads
from the same Parquet files. The exports are read by Python's csv and json, and the CSV once more by
the grammar of RFC 4180, which tells null from the empty text.

usage: values.py VALUES CSV-DIR JSONL-DIR    (VALUES: what values.mjs printed)
"""
import csv
import json
import re
import sys

MAX_SHOWN = 20
nr_values, wrong = 0, []


def differs(what, got, want):
    global nr_values
    nr_values += 1
    if got != want or type(got) is not type(want):
        wrong.append("%s is %r, not %r" % (what, got, want))


def bytes_of(text):
    """A text of a file as the kernel had it: U+10FF00 + b stands for a byte b that is no UTF-8."""
    return b"".join(bytes([ord(c) - 0x10ff00]) if ord(c) >= 0x10ff00 else c.encode()
                    for c in text)


def is_utf8(raw):
    try:
        raw.decode()
        return True
    except UnicodeDecodeError:
        return False


def as_json(raw):
    """Bytes in a JSON string: each that is no UTF-8 is U+FFFD."""
    return re.sub("[\udc80-\udcff]", "\ufffd", raw.decode("utf-8", "surrogateescape"))


def value_of(column, value):
    """The value of DuckDB's text: None, an int, a bool or bytes."""
    if value is None:
        return None
    if column["type"] == "VARCHAR":
        return bytes_of(bytes.fromhex(value).decode())
    return value == "true" if column["type"] == "BOOLEAN" else int(value)


def cells(text):
    """Rows of the file by RFC 4180, but for the line feed that ends them: None is an empty cell."""
    row, at = [], 0
    for cell in re.finditer(r'("(?:[^"]|"")*"|[^",\n\r]*)([,\n])', text):
        if cell.start() != at:
            raise ValueError("no CSV at byte %d: %r" % (at, text[at:at + 40]))
        at, quoted = cell.end(), cell[1].startswith('"')
        row.append(cell[1][1:-1].replace('""', '"') if quoted else cell[1] or None)
        if cell[2] == "\n":
            yield row
            row = []
    if at != len(text) or row:
        raise ValueError("no CSV at byte %d: %r" % (at, text[at:at + 40]))


def csv_text(value):
    """What stands in the cell, a character a byte; None for nothing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def compare_csv(event, columns, rows, path):
    with open(path, encoding="latin-1", newline="") as f:
        table = list(cells(f.read()))
    with open(path, encoding="latin-1", newline="") as f:
        module = list(csv.reader(f, strict=True))
    differs("%s: CSV: header" % event, table[0], [c["name"] for c in columns])
    differs("%s: CSV: rows" % event, len(table) - 1, len(rows))
    differs("%s: CSV: rows of the csv module" % event, len(module), len(table))
    for i, row in enumerate(rows[:min(len(table), len(module)) - 1]):
        differs("%s: CSV: row %d: number of cells" % (event, i), len(table[i + 1]), len(columns))
        for column, value, got, other in zip(columns, row, table[i + 1], module[i + 1]):
            what = "%s.%s: CSV: row %d" % (event, column["name"], i)
            differs(what, got, csv_text(value))
            differs(what + " of the csv module", other, csv_text(value) or "")


def no_constant(text):
    raise ValueError("%s is no JSON" % text)


def compare_jsonl(event, columns, rows, path):
    names = [c["name"] for c in columns]
    with open(path, "rb") as f:
        lines = f.read().split(b"\n")
    differs("%s: JSONL: behind the last line feed" % event, lines.pop(), b"")
    differs("%s: JSONL: rows" % event, len(lines), len(rows))
    for i, (line, row) in enumerate(zip(lines, rows)):
        what = "%s: JSONL: row %d" % (event, i)
        pairs = json.loads(line.decode(), object_pairs_hook=list, parse_constant=no_constant)
        bad = any(isinstance(v, bytes) and not is_utf8(v) for v in row)
        differs(what + ": keys", [k for k, _ in pairs], names + ["_invalid_utf8"] * bad)
        for (key, got), value in zip(pairs, row + [True]):
            differs("%s: %s" % (what, key), got,
                    as_json(value) if isinstance(value, bytes) else value)


def main():
    values_path, csv_dir, jsonl_dir = sys.argv[1:]
    nr_events = 0
    with open(values_path, encoding="utf-8") as f:
        for head in f:
            head = json.loads(head)
            columns = head["columns"]
            rows = [[value_of(c, v) for c, v in zip(columns, json.loads(next(f)))]
                    for _ in range(head["rows"])]
            compare_csv(head["event"], columns, rows, "%s/%s.csv" % (csv_dir, head["event"]))
            compare_jsonl(head["event"], columns, rows, "%s/%s.jsonl" % (jsonl_dir, head["event"]))
            nr_events += 1
    for text in wrong[:MAX_SHOWN]:
        print("wrong: " + text)
    print("%d events, %d values as CSV and JSON Lines, %d wrong" % (nr_events, nr_values, len(wrong)))
    return 1 if wrong or not nr_events else 0


if __name__ == "__main__":
    sys.exit(main())
