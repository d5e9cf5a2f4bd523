#!/usr/bin/env python3
"""Compares codec/json with Python's json over random and damaged texts.

usage: json_against_python.py PATH-OF-json_filter [COUNT [SEED]]

For every text our normal form must be, byte for byte, what Python reads and
writes, with numbers kept as they were written; and refused where Python
refuses. Two differences are meant: we refuse what is not UTF-8 and what is
nested more than 64 deep. (H03 to H08, H12.)
"""
import json
import random
import struct
import subprocess
import sys
import tempfile

DEPTH = 64
INTEGER_DIGITS = 4300


class Number(str):
    """A number as it was written."""


class Pairs(list):
    """An object with all its members, those that stand twice too."""


class Refused(Exception):
    pass


def integer(text):
    int(text)  # refuses too many digits
    return Number(text)


DECODER = json.JSONDecoder(parse_int=integer, parse_float=Number,
                           parse_constant=Number, object_pairs_hook=Pairs)


def encode(value, depth=0):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, (Pairs, list)) and depth == DEPTH:
        raise Refused
    if isinstance(value, Pairs):
        return "{%s}" % ",".join(json.dumps(k) + ":" + encode(v, depth + 1)
                                 for k, v in value)
    if isinstance(value, list):
        return "[%s]" % ",".join(encode(v, depth + 1) for v in value)
    return json.dumps(value)


def is_integer(value):
    return isinstance(value, Number) and value.lstrip("-").isdigit()


def expected(raw):
    """The five answers of json_filter, None for a refusal."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return [None] * 5
    quoted = json.dumps(text)
    try:
        if text.startswith("\ufeff"):
            raise Refused  # json.loads looks for this before it decodes
        value = DECODER.decode(text)
        normal = encode(value)
    except (ValueError, RecursionError, Refused):
        return [None, None, quoted, None, None]
    obj = string = total = None
    if isinstance(value, Pairs):
        obj = encode(Pairs(dict(value).items()))
    elif isinstance(value, str) and not isinstance(value, Number):
        try:
            string = value.encode("utf-8")
        except UnicodeEncodeError:
            pass
    elif (isinstance(value, list) and len(value) == 2
          and all(map(is_integer, value))):
        try:
            total = str(int(value[0]) + int(value[1]))
        except ValueError:  # one digit too many
            pass
    return [normal, obj, quoted, string, total]


TOKENS = [
    "{", "}", "[", "]", ",", ":", '"', "\\", "/", " ", "\t", "\n", "\r",
    "\x0b", "\x0c", "\xa0", "\ufeff", "\u2028", "\x00", "\x1f", "\x7f",
    "null", "true", "false", "NaN", "Infinity", "-Infinity", "-NaN", "nul",
    "True", "None", "0", "-0", "01", "-", "+1", ".5", "1.", "1.5", "1e5",
    "1E+5", "1e-5", "1e", "1e+", "1e400", "-1e-400", "0x10", "1_0",
    "9007199254740993", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551616",
    '"a"', '"b"', '""', '"a":1', '"\\u0061"', '"\\ud83d\\ude00"',
    '"\\uD83D"', '"\\udc00"', '"\\u12g4"', '"\\u 123"', '"\\/"', '"\\x41"',
    '"\\u0000"', "\u00e9", "\u20ac", "\U0001f600", "/* c */", "// c\n", "'a'",
    "\uff11", "\u0661",
]
RAW = [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82",
       b"\x80", b"\xff", b"\xef\xbb\xbf", b"\xfe\xff", b"\xf0\x80\x80\x80",
       b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf", b"\xed\x9f\xbf", b"\xee\x80\x80"]
ALPHABET = 'ab"\\/\b\f\n\r\t\x00\x1f ~\x7f\x80\u00e9\u07ff\u0800\u20ac' \
    '\ud7ff\ue000\uffff\U00010000\U0010ffff'
ESCAPES = ['\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t",
           "\\u00e9", "\\u00E9", "\\u0041", "\\u007f", "\\u001F", "\\ud83d",
           "\\uDE00", "\\uffff", "\\u0022", "\\u005c", "\\u002f"]
BLANKS = ["", "", "", "", "", " ", "\n", "\t ", "\r\n"]


class Writer:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def blank(self):
        return self.rng.choice(BLANKS)

    def string(self):
        rng = self.rng
        parts = []
        for _ in range(rng.randrange(5)):
            pick = rng.random()
            if pick < 0.4:
                parts.append(rng.choice(["a", "b", "key", "~ z"]))
            elif pick < 0.7:
                parts.append(rng.choice(ESCAPES))
            else:
                c = rng.choice(ALPHABET)
                if c in '"\\' or c < " ":
                    c = json.dumps(c)[1:-1]
                parts.append(c)
        return '"%s"' % "".join(parts)

    def digits(self):
        rng = self.rng
        pick = rng.random()
        if pick < 0.4:
            return str(rng.randrange(12))
        if pick < 0.9:
            return str(rng.randrange(1 << rng.randrange(1, 200)))
        if pick < 0.99:
            return "9" * rng.randrange(1, 40)
        return "9" * rng.randrange(INTEGER_DIGITS - 2, INTEGER_DIGITS + 3)

    def number(self):
        rng = self.rng
        text = rng.choice(["", "-"]) + self.digits()
        if rng.random() < 0.3:
            text += "." + rng.choice(["0", "5", "00", "10", "123456789"])
        if rng.random() < 0.3:
            text += rng.choice("eE") + rng.choice(["", "+", "-"]) \
                + rng.choice(["0", "5", "05", "400"])
        return text

    def value(self, depth=0):
        rng = self.rng
        pick = rng.random() * (1 if depth else 0.6)
        if pick < 0.35 and depth < 6:
            items = [self.blank() + self.string() + self.blank() + ":"
                     + self.blank() + self.value(depth + 1) + self.blank()
                     for _ in range(rng.randrange(4))]
            return "{" + (",".join(items) or self.blank()) + "}"
        if pick < 0.5 and depth < 6:
            items = [self.blank() + self.value(depth + 1) + self.blank()
                     for _ in range(rng.randrange(4))]
            return "[" + (",".join(items) or self.blank()) + "]"
        if pick < 0.7:
            return self.string()
        if pick < 0.9:
            return self.number()
        return rng.choice(["null", "true", "false", "NaN", "Infinity",
                           "-Infinity"])

    def special(self):
        rng = self.rng
        pick = rng.randrange(4)
        if pick == 0:  # nested around the limit, and now and then far above
            deep = rng.choice([DEPTH - 1, DEPTH, DEPTH + 1, 5000])
            text = "".join(rng.choice(["[", '{"a":']) for _ in range(deep))
            close = "".join("]" if c == "[" else "}"
                            for c in reversed(text.replace('{"a":', "{")))
            return text + rng.choice(["0", "[]", "{}", '"]"']) + close
        if pick == 1:  # many members, some of them twice
            return "{" + ",".join('"%x":%d' % (rng.randrange(60), i)
                                  for i in range(rng.randrange(70))) + "}"
        if pick == 2:
            return "[%s%s, %s%s]" % (rng.choice(["", "-"]), self.digits(),
                                     rng.choice(["", "-"]), self.digits())
        return "".join(rng.choice(TOKENS) for _ in range(rng.randrange(1, 8)))

    def damage(self, raw):
        rng = self.rng
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(raw) + 1)
            pick = rng.randrange(6)
            if pick == 0:
                raw = raw[:at]
            elif pick == 1:
                raw = raw[:at] + raw[at + rng.randrange(1, 4):]
            elif pick == 2:
                raw = raw[:at] + rng.choice(TOKENS).encode() + raw[at:]
            elif pick == 3:
                raw = raw[:at] + rng.choice(RAW) + raw[at:]
            elif pick == 4 and at < len(raw):
                raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1:]
            else:
                raw = raw[:at] + raw[at // 2:at] + raw[at:]
        return raw

    def text(self):
        rng = self.rng
        text = self.special() if rng.random() < 0.15 else \
            self.blank() + self.value() + self.blank()
        raw = text.encode()
        if rng.random() < 0.5:
            raw = self.damage(raw)
        return raw


def as_bytes(answer):
    return answer.encode("ascii") if isinstance(answer, str) else answer


def read_answer(out):
    (length,) = struct.unpack("<I", out.read(4))
    return None if length == 0xffffffff else out.read(length)


def main(program, count=50000, seed=1):
    names = ["normal", "object", "quoted", "text", "sum"]
    totals = dict.fromkeys(names, 0)
    differences = 0
    writer = Writer(seed)
    for start in range(0, count, 50000):
        texts = [writer.text() for _ in range(min(50000, count - start))]
        with tempfile.TemporaryFile() as ask, tempfile.TemporaryFile() as out:
            for raw in texts:
                ask.write(struct.pack("<I", len(raw)) + raw)
            ask.seek(0)
            subprocess.run([program], stdin=ask, stdout=out, check=True)
            out.seek(0)
            for raw in texts:
                for name, want in zip(names, expected(raw)):
                    got = read_answer(out)
                    totals[name] += got is not None
                    if got != as_bytes(want):
                        differences += 1
                        if differences < 20:
                            print("%r\n  %s: we %r\n  Python %r"
                                  % (raw, name, got, want))
    print("%d texts, %d differences; accepted: %s"
          % (count, differences,
             ", ".join("%s %d" % pair for pair in totals.items())))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
