#!/usr/bin/env python3
"""Compares codec/pickle with Python's own pickle module.

usage: pickle_against_python.py PATH-OF-django_filter [COUNT [SEED]]

Half of the pickles are Python's, of random dicts, in every protocol and by
both picklers: the JSON that we make of them must be json.dumps's, byte for
byte, and what we write must load as the same dict. The other half are such
pickles with damage done to them, which Python reads too, forbidden to import
anything: where both read them, both must read the same; where only
Python does, explained() must know why. (H23 to H33.)
"""
import io
import json
import math
import pickle
import pickletools
import random
import re
import struct
import subprocess
import sys

OK, NOT_OBJECT, MALFORMED, UNSUPPORTED, MALICIOUS = 0, 6, 7, 8, 9
DEPTH = 900
SLOTS = 262144
CODE = {"GLOBAL", "STACK_GLOBAL", "REDUCE", "INST", "OBJ", "NEWOBJ",
        "NEWOBJ_EX", "BUILD", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID",
        "NEXT_BUFFER", "READONLY_BUFFER"}


class Filter:
    """Asks django_filter."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self, *fields):
        fields = [f.encode() if isinstance(f, str) else f for f in fields]
        packed = b"".join(struct.pack("<I", len(f)) + f for f in fields)
        self.process.stdin.write(struct.pack("<I", len(fields)) + packed)
        self.process.stdin.flush()
        head = self.process.stdout.read(8)
        number, length = struct.unpack("<II", head)
        return number, self.process.stdout.read(length)


def import_nothing(event, _):
    """pickle.loads asks before each import: so it is what Django calls, and
    runs no code all the same."""
    if event == "pickle.find_class":
        raise pickle.UnpicklingError("imports")


# ------------------------------------------------------------ random values

WORDS = ["", "a", "_auth_user_id", "n", "\x00", "\x7f", "caf\xe9", "\u6771",
         "\U0001f600", "\ud83d", "\ude00x", '"\\/', "\n\r\t\b\f", "x" * 300,
         "\\u0041", "\\", "\x1a", "\x85\u2028"]


def integer(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice([0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1,
                           2**31, -2**31, -2**31 - 1, 2**63, -2**63, 128])
    if kind == 1:
        return rng.randrange(-300, 300)
    if kind == 2:
        return rng.randrange(-2**70, 2**70)
    return rng.choice([1, -1]) * (1 << rng.randrange(1, 2200)) + \
        rng.randrange(-1, 2)


def number(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice([0.0, -0.0, 1.0, 0.1, 1e16, 1e-5, 1e22, 5e-324,
                           math.inf, -math.inf, math.nan, 123456789.125,
                           9007199254740993.0, 1e15, 123456789012345680.0])
    if kind == 1:
        return struct.unpack("<d", rng.randbytes(8))[0]
    if kind == 2:
        return math.ldexp(rng.choice([1.0, 0.5, 3.0]), rng.randrange(-1074, 1000))
    return round(rng.uniform(-1e6, 1e6), rng.randrange(8))


def string(rng):
    if rng.random() < 0.6:
        return rng.choice(WORDS)
    return "".join(chr(rng.choice([rng.randrange(0x20, 0x7f),
                                   rng.randrange(0x250),
                                   rng.randrange(0x11000)]))
                   for _ in range(rng.randrange(12)))


def value(rng, depth, seen):
    """Anything that JSON can say; some of it shared."""
    kind = rng.randrange(9 if depth < 5 else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return integer(rng)
    if kind == 2:
        return number(rng)
    if kind < 5 or not seen and kind == 5:
        return string(rng)
    if kind == 5:
        return rng.choice(seen)
    if kind == 6:
        made = [value(rng, depth + 1, seen) for _ in range(rng.randrange(5))]
    elif kind == 7:
        made = {string(rng): value(rng, depth + 1, seen)
                for _ in range(rng.randrange(4))}
    else:
        made = string(rng)
    seen.append(made)
    return made


def session(rng):
    seen = []
    return {string(rng): value(rng, 1, seen) for _ in range(rng.randrange(7))}


def foreign(rng):
    """Something that JSON has no form for, or another one."""
    return rng.choice([b"\x00\xff", bytearray(b"x"), {1, 2}, frozenset("a"),
                       (1, (2,), "x", [3]), (), {1: "a"}, {None: 1, True: 2},
                       {(1, 2): 3}, {1.5: 0}, {b"k": 1}, ({"a": ()},)])


def pickled(rng, what):
    protocol = rng.randrange(6)
    if rng.random() < 0.2:
        out = io.BytesIO()
        pickle._Pickler(out, protocol).dump(what)
        return out.getvalue()
    return pickle.dumps(what, protocol)


# --------------------------------------------------------------- the damage

OPCODES = bytes(ord(o.code) for o in pickletools.opcodes)


def opcode_starts(data):
    starts = []
    try:
        for _, _, at in pickletools.genops(data):
            starts.append(at)
    except Exception:
        pass
    return starts or [0]


def damage(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.choice(opcode_starts(bytes(data))) if rng.random() < 0.7 \
            else rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data[at:at] = bytes([rng.choice(OPCODES)])
        elif kind == 1 and at < len(data):
            data[at] = rng.choice(OPCODES)
        elif kind == 2 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            del data[at:at + rng.choice([1, 1, 2, 5])]
        elif kind == 4:
            other = rng.randrange(len(data) + 1)
            piece = data[other:other + rng.randrange(1, 12)]
            data[at:at] = piece
        else:
            data[at:at] = rng.choice(
                [b"(", b"0", b"1", b"2", b"]", b"}", b")", b"N", b"h\x00",
                 b"\x94", b"K\x01", b"r\xff\xff\xff\xff", b"\x8f", b"\x91",
                 b"\x90", b"I01\n", b"L12\n", b"F1e5\n", b"Va\n", b"cos\nsystem\n",
                 b"S'a'\n", b"U\x01a", b"C\x01a", b"\x85", b"\x80\x02",
                 b"Pid\n", b"R", b"I0x1f\n", b"F 1\n", b"g0\n", b"p9\n"])
        if not data:
            data = bytearray(b".")
    return bytes(data)


# ------------------------------------------------------------ the comparison

def operations(data):
    """(names with arguments, all of it read)."""
    ops = []
    try:
        end = 0
        stream = io.BytesIO(data)
        for op, arg, _ in pickletools.genops(stream):
            ops.append((op.name, arg))
        end = stream.tell()
        return ops, end == len(data)
    except Exception:
        return ops, False


def python_reads(data):
    """(True, value), or (False, why)."""
    for name, slot in operations(data)[0]:
        if "PUT" in name and slot >= SLOTS:
            return False, "memo"
    try:
        return True, pickle.loads(data)
    except Exception as error:
        return False, str(error)


def has_cycle(what, inside=()):
    if isinstance(what, (list, tuple, dict)):
        if any(what is w for w in inside):
            return True
        inside = inside + (what,)
        items = what.values() if isinstance(what, dict) else what
        return any(has_cycle(w, inside) for w in items)
    return False


def is_plain(what):
    """Is it JSON as it stands, with nothing bent?"""
    if isinstance(what, dict):
        return all(type(k) is str and is_plain(v) for k, v in what.items())
    if isinstance(what, list):
        return all(is_plain(v) for v in what)
    return what is None or isinstance(what, (str, int, float))


def has_only_tuples(what):
    """JSON but for tuples, which become arrays?"""
    if isinstance(what, dict):
        return all(type(k) is str and has_only_tuples(v)
                   for k, v in what.items())
    if isinstance(what, (list, tuple)):
        return all(has_only_tuples(v) for v in what)
    return what is None or isinstance(what, (str, int, float))


def as_json(what):
    return json.dumps(what, separators=(",", ":")).encode()


NUMERALS = {"INT": rb"(?:0[01]|-?(?:0|[1-9]\d*))\n",
            "LONG": rb"-?(?:0|[1-9]\d*)L?\n",
            "FLOAT": rb"[+-]?(?:nan|inf|infinity|(?:\d+\.?\d*|\.\d+)"
                     rb"(?:e[+-]?\d+)?)\n"}
SLOT = rb"\d{1,10}\n"


def has_odd_numeral(data):
    """A number in text that no pickler writes: blanks, underscores, 0x1f."""
    at = 0
    try:
        for op, _, at in pickletools.genops(data):
            shape = NUMERALS.get(op.name)
            if op.name in ("GET", "PUT"):
                shape = SLOT
            if shape and not re.match(shape, data[at + 1:], re.I):
                return True
    except Exception:
        # pickletools is stricter here than the unpickler is
        return data[at:at + 1] in b"ILFgp" or bool(
            re.search(rb"[ILFgp][^\n]*[_xobXOB +\t][^\n]*\n", data))
    return False


def explained(data, verdict, what):
    """Why we refuse what Python reads as `what`."""
    ops, whole = operations(data)
    names = {name for name, _ in ops}
    if not whole and has_odd_numeral(data):
        return "numeral"
    if verdict == MALICIOUS and names & CODE:
        return "code"
    if verdict in (MALFORMED, UNSUPPORTED):
        if not whole:
            return "bytes after STOP"
        if names & {"POP", "POP_MARK", "DUP"}:
            return "an odd opcode"
        if "STRING" in names and verdict == UNSUPPORTED:
            return "Python 2"
        if has_odd_numeral(data):
            return "numeral"
    if verdict == MALFORMED and leaves_something(ops):
        return "left on the stack"
    if not isinstance(what, dict):
        return "no dict" if verdict == NOT_OBJECT else None
    if verdict == MALICIOUS and has_cycle(what):
        return "cycle"
    if verdict == UNSUPPORTED and not has_only_tuples(what):
        return "foreign"
    if verdict == UNSUPPORTED:
        try:
            as_json(what)
        except ValueError:
            return "digits"
    return None


def leaves_something(ops):
    """Are there values or marks below the one that STOP takes?"""
    stack = []
    for name, arg in ops:
        op = next(o for o in pickletools.opcodes if o.name == name)
        before = list(op.stack_before)
        if pickletools.markobject in before:
            while stack and stack.pop() is not None:
                pass
            before = before[:before.index(pickletools.markobject)]
        del stack[len(stack) - len(before):]
        stack += [None if o is pickletools.markobject else 1
                  for o in op.stack_after]
    return len(stack) > 0


class Totals:
    def __init__(self):
        self.counts = {}
        self.differences = 0

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def differ(self, data, why):
        self.differences += 1
        if self.differences <= 20:
            print("DIFFERENCE: %s\n  %r" % (why, data))


def check_whole(rng, ask, totals):
    """A pickle of Python's own, and ours of the same dict."""
    what = session(rng)
    data = pickled(rng, what)
    try:
        wanted = as_json(what)
    except ValueError:
        wanted = None  # more digits than Python's json writes
    verdict, text = ask("pickle", data)
    if wanted is None:
        if verdict != UNSUPPORTED:
            totals.differ(data, "digits: %d" % verdict)
        return totals.count("digits")
    if (verdict, text) != (OK, b"1" + wanted):
        return totals.differ(data, "%d %r, not %r" % (verdict, text, wanted))
    status, ours = ask("pickled", wanted)
    again = pickle.loads(ours) if status == 0 else None
    # a pair of halves in one string is a whole character in JSON
    if status != 0 or as_json(again) != as_json(json.loads(wanted)):
        return totals.differ(data, "written as %r: %r" % (ours, again))
    return totals.count("equal")


def check_foreign(rng, ask, totals):
    what = session(rng)
    what[string(rng)] = foreign(rng)
    data = pickled(rng, what)
    verdict, text = ask("pickle", data)
    names = {name for name, _ in operations(data)[0]}
    if names & CODE:
        good = (verdict, text) == (MALICIOUS, b"0")
    elif has_only_tuples(what):
        good = (verdict, text) == (OK, b"0" + as_json(what))
    else:
        good = verdict == UNSUPPORTED and text[:1] == b"0" and \
            isinstance(json.loads(text[1:]), dict)
    if not good:
        totals.differ(data, "foreign: %d %r" % (verdict, text))
    totals.count("foreign")


def check_damaged(rng, ask, totals):
    what = session(rng)
    if rng.random() < 0.3:
        what["f"] = foreign(rng)
    data = damage(rng, pickled(rng, what))
    verdict, text = ask("pickle", data)
    reads, got = python_reads(data)
    if verdict == OK:
        if not reads or not isinstance(got, dict) or \
                as_json(got) != text[1:] or \
                is_plain(got) != (text[:1] == b"1"):
            return totals.differ(data, "we read %r, Python %r" % (text, got))
        return totals.count("both read")
    if verdict == UNSUPPORTED and not reads and len(text) > 1:
        return totals.differ(data, "we could read %r, Python %r" % (text, got))
    if not reads:
        return totals.count("both refuse")
    why = explained(data, verdict, got)
    if why is None:
        return totals.differ(data, "we say %d, Python reads %r" % (verdict,
                                                                  got))
    return totals.count("only Python: " + why)


def check_float(rng, ask, totals):
    wanted = struct.unpack("<d", rng.randbytes(8))[0] if rng.random() < 0.5 \
        else number(rng)
    _, text = ask("float", "%.17g" % wanted)
    if text != as_json(wanted):
        totals.differ(b"", "%r is written %r" % (wanted, text))
    totals.count("floats")


def main(path, count=20000, seed=1):
    rng = random.Random(seed)
    sys.addaudithook(import_nothing)
    ask = Filter(path).ask
    totals = Totals()
    checks = [check_whole, check_whole, check_foreign, check_damaged,
              check_damaged, check_damaged, check_float]
    for i in range(count):
        checks[i % len(checks)](rng, ask, totals)
    print("%d inputs, %d differences: %s" % (
        count, totals.differences,
        ", ".join("%s %d" % pair for pair in sorted(totals.counts.items()))))
    return 1 if totals.differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
