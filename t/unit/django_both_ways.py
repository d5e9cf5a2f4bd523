#!/usr/bin/env python3
"""Puts what we write to Django, and what Django writes to us.

usage: django_both_ways.py PATH-OF-django_filter [COUNT [SEED]]

Uses the Django that this Python finds first, and says which. Exits with 77
when there is none. (H13 to H16, H19, H35.)
"""
import base64
import json
import os
import pickle
import random
import sys
import tempfile
import zlib

sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))
from pickle_against_python import Filter, as_json, session  # noqa: E402

try:
    import django
    from django.conf import settings
except ImportError:
    sys.exit(77)

OLD = django.VERSION < (4, 0)
KEYS = ["a key \u043a\u043b\u044e\u0447", "the one before", "x" * 100]
DB_SALT = "django.contrib.sessions.SessionStore"
COOKIE_SALT = "django.contrib.sessions.backends.signed_cookies"
NOT_JSON, UNSUPPORTED = 5, 8

settings.configure(
    SECRET_KEY=KEYS[0], SECRET_KEY_FALLBACKS=KEYS[1:], USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth",
                    "django.contrib.sessions"],
    SESSION_ENGINE="django.contrib.sessions.backends.file",
    PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in (
        ["PBKDF2PasswordHasher", "PBKDF2SHA1PasswordHasher"] +
        ([] if OLD else ["ScryptPasswordHasher"]))],
    CACHES={"default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": tempfile.mkdtemp()}})
django.setup()

from django.contrib.auth import hashers, models  # noqa: E402
from django.contrib.sessions.backends.file import SessionStore  # noqa: E402
from django.core import signing  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.contrib.sessions.serializers import JSONSerializer  # noqa: E402

NOW = 1700000000


def normal(text):
    """JSON as Python writes it after reading it."""
    return as_json(json.loads(text))


class Case:
    def __init__(self, path, seed):
        self.rng = random.Random(seed)
        self.question = Filter(path).ask
        self.differences = 0

    def differ(self, *what):
        self.differences += 1
        if self.differences <= 20:
            print("DIFFERENCE:", *what)

    def signed(self, name, text, salt, max_age=-1, keys=None):
        return self.question(name, text, salt, str(NOW * 1000000),
                             str(max_age), str(int(OLD)), *(keys or KEYS))

    def a_session(self):
        while True:
            try:
                made = session(self.rng)
                return made, as_json(made)
            except ValueError:  # more digits than Python writes
                pass


def check_signed(case):
    """Signed texts, both ways; half surrogate pairs and all."""
    what, text = case.a_session()
    salt = case.rng.choice([DB_SALT, COOKIE_SALT])
    status, ours = case.signed("dumps", text, salt)
    theirs = signing.loads(ours.decode(), salt=salt, serializer=JSONSerializer)
    if status != 0 or as_json(theirs) != normal(text):
        case.differ("we signed", text, "Django reads", theirs)
    made = signing.dumps(what, salt=salt, serializer=JSONSerializer,
                         compress=True)
    verdict, said = case.signed("loads", made, salt)
    if (verdict, normal(said)) != (0, normal(text)):
        case.differ("Django signed", made, "we say", verdict, said)
    store = SessionStore()
    if salt == DB_SALT and as_json(store.decode(ours.decode())) != \
            normal(text):
        case.differ("the session engine does not read", ours)


def check_fallbacks(case):
    """Every key in its order, and none that is not listed."""
    _, text = case.a_session()
    keys = case.rng.sample(KEYS + ["elsewhere"], 1)
    _, made = case.signed("dumps", text, DB_SALT, -1, keys)
    ours = case.signed("loads", made, DB_SALT, -1, KEYS[:1] if OLD else KEYS)
    try:
        signing.loads(made.decode(), salt=DB_SALT, serializer=JSONSerializer)
        theirs = True
    except signing.BadSignature:
        theirs = False
    if (ours[0] == 0) != theirs:
        case.differ("key", keys, ours, theirs)


def check_forged(case):
    """A changed bit, anywhere, is refused by both."""
    _, text = case.a_session()
    _, made = case.signed("dumps", text, DB_SALT)
    at = case.rng.randrange(len(made))
    if case.rng.random() < 0.5:
        at = len(made) - 1 - case.rng.randrange(43)
    bad = bytearray(made)
    bad[at] ^= 1 << case.rng.randrange(7)
    verdict, said = case.signed("loads", bytes(bad), DB_SALT)
    try:
        signing.loads(bad.decode("latin-1"), salt=DB_SALT,
                      serializer=JSONSerializer)
        case.differ("Django takes", bad)
    except signing.BadSignature:
        pass
    if verdict == 0 or said:
        case.differ("we take", bad)


ODD = ["=", "==", "===", "!", "\n", " ", "-", "_", "+", "/", ".", "A", "AA",
       "\x00", ":", "%", "=A", "A=", "\x7f"]


def check_lenient(case):
    """Odd payloads and times under a good signature: as Django decodes them,
    but for bytes behind a deflated payload."""
    what, text = case.a_session()
    deflated = case.rng.random() < 0.3
    data = zlib.compress(text) if deflated else text
    behind = deflated and case.rng.random() < 0.3
    data += b"x" if behind else b""
    payload = base64.urlsafe_b64encode(data).decode().rstrip("=")
    for _ in range(case.rng.randrange(3)):
        at = case.rng.randrange(len(payload) + 1)
        cut = case.rng.choice([0, 0, 1])
        payload = payload[:at] + case.rng.choice(ODD) + payload[at + cut:]
    stamp = case.rng.choice(["1r31eq", "0", "zz", "-1", "001r31eq", "-", "a b",
                             "zzzzzzzzzzz", "!", "1r31er", "Z" * 40])
    value = ("." if deflated else "") + payload + ":" + stamp
    made = value + ":" + signing.Signer(salt=DB_SALT).signature(value)
    verdict, said = case.signed("loads", made, DB_SALT)
    try:
        theirs = signing.loads(made, salt=DB_SALT, serializer=JSONSerializer)
        good = isinstance(theirs, dict)
    except Exception:
        good = False
    if good != (verdict == 0) and not (behind and verdict == NOT_JSON):
        case.differ("odd", repr(made), "we say", verdict, "Django", good)
    elif good and verdict == 0 and normal(said) != as_json(theirs):
        case.differ("odd", repr(made), said, theirs)


def check_age(case):
    """The age of a signed cookie, to the second."""
    age = case.rng.choice([0, 1, 59, 60, 61, 3600, -5])
    stamp = case.rng.choice([signing.b62_encode(NOW - age)
                             if not OLD else
                             signing.baseconv.base62.encode(NOW - age)])
    value = "e30:" + stamp
    made = value + ":" + signing.Signer(salt=COOKIE_SALT).signature(value)
    verdict, _ = case.signed("loads", made, COOKIE_SALT, 60 * 1000000)
    if verdict != (4 if age > 60 else 0):
        case.differ("age", age, verdict)
    stamp = case.rng.choice(["", "-", "0"]) + \
        "1" * case.rng.choice([1, 20, 170, 171, 172, 173, 174, 300])
    value = "e30:" + stamp
    made = value + ":" + signing.Signer(salt=COOKIE_SALT).signature(value)
    verdict, _ = case.signed("loads", made, COOKIE_SALT, 60 * 1000000)
    try:
        signing.loads(made, salt=COOKIE_SALT, serializer=JSONSerializer,
                      max_age=60)
        wanted = 0
    except signing.SignatureExpired:
        wanted = 4
    except OverflowError:
        wanted = NOT_JSON
    if verdict != wanted:
        case.differ("stamp", stamp, verdict, wanted)


def check_cache(case):
    """A file-based cache, both ways: it holds pickles."""
    what, text = case.a_session()
    status, ours = case.question("pickled", text)
    if status != 0 or as_json(pickle.loads(ours)) != normal(text):
        case.differ("we pickled", text, ours)
    cache.set("k", what, 1000)
    path = cache._key_to_file("k")
    with open(path, "rb") as file:
        theirs = file.read()
    verdict, said = case.question("file", theirs, str(NOW * 1000000))
    if (verdict, said) != (0, b"1" + text):
        case.differ("Django's file", theirs, "we say", verdict, said)
    ends = case.rng.choice([0, 4000000000 * 1000000])
    _, file = case.question("filed", ours, str(ends))
    with open(path, "wb") as out:
        out.write(file)
    if as_json(cache.get("k")) != normal(text):
        case.differ("our file", file, "Django reads", cache.get("k"))


def check_login(case):
    """Password hashes, and the hash that a session keeps of one."""
    word = "".join(case.rng.choice("abc \xe9\u6771") for _ in range(6))
    for hasher in hashers.get_hashers():
        salt = hasher.salt()
        if hasher.algorithm == "scrypt":
            stored = hasher.encode(word, salt, n=1 << case.rng.randrange(1, 9),
                                   r=case.rng.randrange(1, 9), p=1)
        else:
            stored = hasher.encode(word, salt, case.rng.randrange(1, 50))
        for tried, wanted in ((word, 0), (word + "x", 1), ("", 1)):
            said, _ = case.question("password", stored, tried)
            if said != wanted:
                case.differ(stored, tried, said)
    user = models.User(username="u", password=stored)
    for keys, wanted in ((KEYS, 0), (KEYS[1:], 1)):
        said, _ = case.question("auth", user.get_session_auth_hash(), stored,
                                "0", *keys)
        if said != wanted:
            case.differ("session hash", said, wanted)


CHECKS = [check_signed, check_signed, check_fallbacks, check_forged,
          check_forged, check_lenient, check_lenient, check_age, check_cache,
          check_cache]


def main(path, count=2000, seed=1):
    case = Case(path, seed)
    for i in range(count):
        CHECKS[i % len(CHECKS)](case)
        if i % 40 == 0:
            check_login(case)
    print("Django %s: %d inputs, %d differences" % (
        django.get_version(), count, case.differences))
    return 1 if case.differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
