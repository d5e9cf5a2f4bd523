#!/usr/bin/env python3
"""Compares the reader of Cookie headers with Django's, over random headers.

usage: cookies_against_django.py PATH-OF-cookie_filter [COUNT [SEED]]

Exit status 0: no unexplained difference; 77: Django is missing. (A28.)

Where a header holds none of the five things below, our one candidate is what
Django's parse_cookie says, and hiding takes nothing else from its dictionary.
Elsewhere a model of parse_cookie is asked, in which each meant difference is a
switch: with all of them off it must agree with Django, with all on with us.

  duplicates  every well-formed key is a candidate; Django takes the last one
  commas      a comma and a blank split as well: httpd joins lines that way
  quotes      double quotes are part of a value; Django takes them off
  blanks      only SP and TAB are trimmed; Django trims all that Unicode calls
              white space
  equals      no blanks around the equals sign; Django trims them

A second comparison is with what browsers send: cookies of a jar, joined by a
semicolon and a blank. Ours must be found, and hiding must leave the jar's
other cookies as a browser without ours would have sent them.
"""
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time

try:
    from django.http.cookie import parse_cookie
except ImportError:
    debian = "/usr/bin/python3"
    if sys.executable != debian and os.access(debian, os.X_OK) \
            and "DJS_NO_OTHER_PYTHON" not in os.environ:
        os.environ["DJS_NO_OTHER_PYTHON"] = "1"
        os.execv(debian, [debian] + sys.argv)
    print("skipped: Django is not installed (python3-django)")
    sys.exit(77)

from http.cookies import _unquote

SWITCHES = ("duplicates", "commas", "quotes", "blanks", "equals")
KEY = re.compile(r"[a-z0-9]{32}\Z", re.ASCII)
KEYS = ["%032d" % n for n in range(1, 8)]

# What a header is glued from, and how often.
ATOMS = ([";"] * 8 + ["; "] * 16 + [", "] * 3 + [",", " ", "\t", "=", '"', "\\"]
         + ["N="] * 10 + ["N"] * 2 + ["n=", "xN=", "Nx=", "N =", "N= ", "=N="]
         + ["a=1", "b=x y", "foo=", "c==", "$Version=1", 'd="q, r"', '"; ']
         + ["\x0b", "\x0c", "\x85", "\xa0", "\u2000", "\ufeff", "\u3000"]
         + ["\xe9", "\ufffd", "\U0001f600", "%4E=", "\\073", "\x1c", "\x7f"]
         + KEYS * 2 + [KEYS[0]] * 8 + [KEYS[0][:31], KEYS[0] + "0", "junk"]
         + ['N="' + KEYS[0] + '"', 'N="\\060' + KEYS[0][1:] + '"'])
VISIBLE = [chr(c) for c in range(0x21, 0x7f)]


def model(header, switches):
    """The well-formed keys under N, as parse_cookie with `switches` has it."""
    text = header.decode("utf-8", "replace")
    white = " \t" if "blanks" in switches else None
    split = ";|, " if "commas" in switches else ";"
    values = []
    for chunk in re.split(split, text):
        name, equals, value = chunk.strip(white).partition("=")
        if "equals" not in switches:
            name, value = name.strip(white), value.strip(white)
        if name == "N" and equals:
            values.append(value if "quotes" in switches else _unquote(value))
    if "duplicates" not in switches:
        return [v for v in values[-1:] if KEY.match(v)]
    return list(dict.fromkeys(v for v in values if KEY.match(v)))


def is_plain(header):
    """Nothing in it on which we mean to differ."""
    text = header.decode("utf-8", "replace")
    names = [chunk.strip().partition("=")[0].strip()
             for chunk in text.split(";")]
    return (", " not in text and '"' not in text
            and names.count("N") <= 1
            and not re.search(r"[^\S \t]|[\x1c-\x1f\x85]", text)
            and not re.search(r"[ \t]=|=[ \t]+[^; \t]", text))


def random_header(rng):
    if rng.random() < 0.5:
        parts = [rng.choice(["a=1", "b=x y", "N=junk", "c", "xN=" + KEYS[1],
                             "d=\xe9", "N=" + KEYS[0], "e==,"])
                 for _ in range(rng.randrange(6))]
        return rng.choice(["; ", ";", " ; "]).join(parts).encode()
    text = "".join(rng.choice(ATOMS) for _ in range(rng.randrange(16)))
    header = bytearray(text.encode())
    if header and rng.random() < 0.1:
        header[rng.randrange(len(header))] = rng.randrange(1, 256)
    return bytes(header)


def random_jar(rng):
    def word(least, letters):
        return "".join(rng.choice(letters)
                       for _ in range(rng.randrange(least, 9)))

    names = [c for c in VISIBLE if c not in ";=,"]
    jar = [(word(1, names), word(0, [c for c in VISIBLE if c != ";"]))
           for _ in range(rng.randrange(5))]
    jar = [(n, v) for n, v in jar if n != "N"]
    ours = rng.random() < 0.8
    if ours:
        jar.insert(rng.randrange(len(jar) + 1), ("N", KEYS[0]))
    return jar, ours


def run(filter_path, headers):
    with tempfile.TemporaryFile() as sent:
        for header in headers:
            sent.write(struct.pack(">I", len(header)) + header)
        sent.seek(0)
        said = subprocess.run([filter_path], stdin=sent, check=True,
                              stdout=subprocess.PIPE).stdout
    parts, at = [], 0
    while at < len(said):
        length, = struct.unpack_from(">I", said, at)
        parts.append(said[at + 4:at + 4 + length])
        at += 4 + length
    assert len(parts) == 2 * len(headers)
    return zip(headers, parts[::2], parts[1::2])


def as_text(candidates):
    return "!" if len(candidates) > 4 else "".join(c + " " for c in candidates)


def compare_django(header, ours, hidden, meant):
    """A sentence when something is not explained, else None or "plain"."""
    text = header.decode("utf-8", "replace")
    django = parse_cookie(text)
    value = django.get("N", "")
    value = [value] if KEY.match(value) else []
    ours = ours.decode()

    if model(header, ()) != value:
        return "the model does not say what Django says: %r" % value
    if as_text(model(header, SWITCHES)) != ours:
        return "we say %r, the model %r" % (ours, model(header, SWITCHES))
    if not is_plain(header):
        for switch in SWITCHES if as_text(value) != ours else ():
            others = [s for s in SWITCHES if s != switch]
            if model(header, [switch]) != value \
                    or as_text(model(header, others)) != ours:
                meant[switch] += 1
        return None
    if as_text(value) != ours:
        return "we say %r, Django %r" % (ours, value)
    django.pop("N", None)
    left = parse_cookie(hidden.decode("utf-8", "replace"))
    if left != django:
        return "hidden, Django sees %r" % left
    return "plain"


def main():
    filter_path = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 20260101
    rng = random.Random(seed)
    started = time.time()
    meant = dict.fromkeys(SWITCHES, 0)
    plain = failures = found = 0

    headers = [random_header(rng) for _ in range(count)]
    for header, ours, hidden in run(filter_path, headers):
        said = compare_django(header, ours, hidden, meant)
        plain += said == "plain"
        found += bool(ours)
        if said not in (None, "plain"):
            failures += 1
            if failures <= 5:
                print("%r: %s" % (header, said))

    jars = [random_jar(rng) for _ in range(count // 10)]
    texts = ["; ".join(n + "=" + v for n, v in jar).encode()
             for jar, _ in jars]
    for (jar, has), (text, ours, hidden) in zip(jars,
                                                run(filter_path, texts)):
        rest = "; ".join(n + "=" + v for n, v in jar if n != "N").encode()
        if (ours == KEYS[0].encode() + b" ") != has or hidden != rest:
            failures += 1
            print("jar %r: %r, %r" % (text, ours, hidden))

    print("%d headers (%d with candidates, %d compared directly) and %d jars "
          "with seed %d: %d unexplained differences, %.1f s"
          % (count, found, plain, len(jars), seed, failures,
             time.time() - started))
    print("meant: " + ", ".join("%s %d" % item for item in meant.items()))
    return failures > 0


sys.exit(main())
