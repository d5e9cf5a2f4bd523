#!/usr/bin/env python3
"""contrib/django under a real Django, in a real memcached.

usage: engine_in_django.py MEMCACHED-PORT [unittest's arguments]

What Django promises of a session engine, what mod_djsession promises of
parallel requests, and what happens when memcached is not what it should be.
Exits with 77 where Python has no Django or no cryptography.
"""
import asyncio
import os
import socket
import sys
import tempfile
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone as zones

sys.path.insert(0, os.path.join(os.path.dirname(__file__),
                                "../../contrib/django"))
try:
    import cryptography
    import django
except ModuleNotFoundError as error:
    print(error)
    sys.exit(77)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test.utils import override_settings

DIRECTORY = tempfile.TemporaryDirectory()


def secret_file(name, text="", mode=0o600):
    path = os.path.join(DIRECTORY.name, name)
    with open(path, "w") as file:
        file.write(text or os.urandom(32).hex() + "\n")
    os.chmod(path, mode)
    return path


PORT = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 11211
SECRET, OLD_SECRET = secret_file("secret"), secret_file("old")
settings.configure(
    SECRET_KEY="unused here", USE_TZ=True, SESSION_ENGINE="djsession.backend",
    DJSESSION_STORE="memcache:127.0.0.1:%d" % PORT,
    DJSESSION_NAMESPACE="localhost", DJSESSION_SECRET_FILES=[SECRET])
django.setup()
from django.contrib.sessions.backends.base import CreateError, UpdateError
from djsession import changes, conf, expiry, memcached
from djsession.backend import SessionStore
from djsession.errors import StoreError, TooBig, Unreadable
from djsession.record import Record, Sealer, ALIAS, FIXED, LIST
from djsession.store import now

SECOND = 1_000_000


def born(**data):
    session = SessionStore()
    session.update(data)
    session.save()
    return session


def data_of(key):
    return dict(SessionStore(key).items())


def place(key):
    """(sealer, store, store key, until) of a session."""
    sessions = conf.sessions()
    return (sessions._sealer, sessions._store,
            sessions._at(sessions._ring.first, key), time.monotonic() + 5)


def record_of(key):
    sealer, store, at, until = place(key)
    value = store.read([at], at, until)[0]
    return value and sealer.open(value, at)


def put(key, record):
    sealer, store, at, until = place(key)
    store.remove(at, until)
    store.add(at, sealer.seal(record, at), record.expires, until)


class AsDjangoSays(unittest.TestCase):
    """What Django's own tests want of every engine."""

    def setUp(self):
        self.session = SessionStore()

    def test_new_session(self):
        self.assertIs(self.session.modified, False)
        self.assertIs(self.session.accessed, False)
        self.assertIsNone(self.session.get("cat"))
        self.assertIs(self.session.accessed, True)
        self.assertIs(self.session.exists(self.session.session_key), False)
        self.assertTrue(self.session.is_empty())

    def test_dictionary(self):
        s = self.session
        s["cat"] = "dog"
        self.assertIs(s.modified, True)
        self.assertEqual(s.pop("cat"), "dog")
        self.assertEqual(s.pop("none", 3), 3)
        with self.assertRaises(KeyError):
            s.pop("none")
        self.assertEqual(s.setdefault("foo", "bar"), "bar")
        self.assertEqual(s.setdefault("foo", "baz"), "bar")
        s.update({"x": 1})
        self.assertTrue(s.has_key("x") and "x" in s)
        self.assertEqual(list(s.items()), [("foo", "bar"), ("x", 1)])
        self.assertEqual((list(s.keys()), list(s.values())),
                         (["foo", "x"], ["bar", 1]))
        s.clear()
        self.assertEqual(list(s.items()), [])
        self.assertIs(s.modified and s.accessed, True)

    def test_reading_modifies_nothing(self):
        s = SessionStore(born(x=1).session_key)
        self.assertEqual((s.get("x"), s.pop("y", 2), s.setdefault("x", 5)),
                         (1, 2, 1))
        self.assertIs(s.modified, False)

    def test_save_and_load(self):
        key = born(text="\u00e9\u20ac\U0001f600\x7f", n=10**30, f=1.5,
                   d={"a": [None, True]}).session_key
        self.assertEqual(data_of(key), {
            "text": "\u00e9\u20ac\U0001f600\x7f", "n": 10**30, "f": 1.5,
            "d": {"a": [None, True]}})

    def test_keys_become_text_as_in_json(self):
        key = born(a={1: "x", None: 2}).session_key
        s = SessionStore(key)
        s[5] = 6
        s.save()
        self.assertEqual(data_of(key), {"a": {"1": "x", "null": 2}, "5": 6})

    def test_what_is_no_json_is_refused(self):
        s = born(a=1)
        for value in (b"bytes", {1, 2}, datetime.now(), object()):
            s["b"] = value
            with self.assertRaises(TypeError):
                s.save()
        self.assertEqual(data_of(s.session_key), {"a": 1})

    def test_delete(self):
        s = born(a=1)
        key = s.session_key
        s.delete(key)
        self.assertIs(s.exists(key), False)
        s.delete("b" * 32)
        s.delete("no key at all")
        SessionStore().delete()

    def test_flush(self):
        s = born(a=1)
        key = s.session_key
        s.flush()
        self.assertIs(s.exists(key), False)
        self.assertIsNone(s.session_key)
        self.assertTrue(s.is_empty() and s.modified and s.accessed)
        s["b"] = 2
        s.save()
        self.assertEqual(data_of(s.session_key), {"b": 2})

    def test_cycle_key(self):
        s = born(a=1, b=[2])
        key, birth = s.session_key, record_of(s.session_key).created
        s.cycle_key()
        self.assertNotEqual(s.session_key, key)
        self.assertEqual(data_of(s.session_key), {"a": 1, "b": [2]})
        self.assertIsNone(record_of(key))  # C02: nothing is left of it
        self.assertEqual(record_of(s.session_key).created, birth)  # C03

    def test_cycle_key_of_what_nobody_looked_at(self):
        s = SessionStore(born(a=1).session_key)
        s.cycle_key()
        self.assertEqual(data_of(s.session_key), {"a": 1})

    def test_cycle_key_without_a_key(self):
        s = SessionStore()
        s["a"] = 1
        s.cycle_key()
        self.assertEqual(data_of(s.session_key), {"a": 1})

    def test_invalid_keys_are_never_looked_up(self):
        for key in ("", "1", "12345678", "A" * 32, "a" * 31, "a" * 33, None,
                    "a b" + "c" * 29, "\r\nflush_all\r\n" + "a" * 19):
            s = SessionStore(key)
            self.assertIsNone(s.session_key)
            self.assertIsNone(s.get("cat"))
            self.assertIs(s.exists(key), False)

    def test_unknown_keys_are_never_adopted(self):  # C01
        s = SessionStore("u" * 32)
        s["a"] = 1
        s.save()
        self.assertNotIn(s.session_key, (None, "u" * 32))
        s = SessionStore("u" * 32)
        s.load()
        self.assertIsNone(s.session_key)

    def test_saving_what_was_never_there(self):
        with self.assertRaises(UpdateError):
            SessionStore("u" * 32).save()

    def test_create_and_must_create(self):
        s = SessionStore()
        s.create()
        self.assertTrue(s.exists(s.session_key) and s.modified)
        twin = SessionStore(s.session_key)
        with self.assertRaises(CreateError):  # C11
            twin.save(must_create=True)
        other = SessionStore("m" * 31 + "0")
        other.delete()
        other._session_cache = {"x": 1}
        other.save(must_create=True)
        self.assertEqual(data_of("m" * 31 + "0"), {"x": 1})

    def test_clear_expired(self):
        self.assertIsNone(SessionStore.clear_expired())

    def test_test_cookie(self):
        s = born()
        s.set_test_cookie()
        s.save()
        s = SessionStore(s.session_key)
        self.assertTrue(s.test_cookie_worked())
        s.delete_test_cookie()
        s.save()
        self.assertEqual(data_of(s.session_key), {})

    def test_values_keep_their_identity_over_a_save(self):
        s = born(cart=[1])
        cart = s["cart"]
        s.save()
        cart.append(2)
        s.save()
        self.assertEqual(data_of(s.session_key), {"cart": [1, 2]})

    @unittest.skipIf(django.VERSION < (5, 1), "no such interface yet")
    def test_async(self):
        async def run():
            s = SessionStore()
            await s.aset("a", 1)
            await s.asave()
            key = s.session_key
            s = SessionStore(key)
            self.assertEqual(await s.aget("a"), 1)
            self.assertEqual(await s.aincr("n", 2), 2)
            await s.aset_expiry(60)
            self.assertEqual(await s.aget_expiry_age(), 60)
            await s.acycle_key()
            self.assertEqual(await s.aexists(key), False)
            self.assertEqual(await SessionStore(s.session_key).aget("n"), 2)
            await s.aflush()
            self.assertIsNone(s.session_key)
            await SessionStore.aclear_expired()
        asyncio.run(run())


class Expiry(unittest.TestCase):
    """_session_expiry, and what httpd makes of it."""

    def test_ages(self):
        s = SessionStore()
        self.assertEqual(s.get_expiry_age(), settings.SESSION_COOKIE_AGE)
        s.set_expiry(10)
        self.assertEqual(s.get_expiry_age(), 10)
        moment = datetime(2030, 1, 1, tzinfo=zones.utc)
        self.assertEqual(s.get_expiry_date(modification=moment),
                         moment + timedelta(seconds=10))
        s.set_expiry(0)
        self.assertIs(s.get_expire_at_browser_close(), True)
        s.set_expiry(None)
        self.assertIs(s.get_expire_at_browser_close(), False)
        self.assertNotIn("_session_expiry", s)

    def test_dates(self):
        s = SessionStore()
        s.set_expiry(timedelta(seconds=10))
        self.assertIn(s.get_expiry_age(), (9, 10))
        there = datetime(2090, 5, 6, 7, 8, 9, 10,
                         tzinfo=zones(timedelta(hours=2)))
        s.set_expiry(there)
        self.assertEqual(s["_session_expiry"],
                         "2090-05-06T05:08:09.000010+00:00")
        self.assertEqual(s.get_expiry_date(), there)
        s.save()
        record = record_of(s.session_key)
        self.assertEqual(record.expires, expiry.read(
            "2090-05-06T05:08:09.000010Z").deadline(0, 0))
        self.assertEqual(record.flags, FIXED)

    def test_httpds_forms_of_a_date(self):
        for text, fits in (("2090-01-02T03:04Z", True),
                           ("2090-01-02 03:04:05.1234567+0130", True),
                           ("2090-01-02", True), ("2090-01-02T03:04", False),
                           ("2090-13-02", False), ("1969-01-01", False),
                           ("tomorrow", False)):
            if fits:
                self.assertEqual(expiry.read(text).date.year, 2090)
                continue
            with self.assertRaises(ValueError):
                expiry.read(text)
        for value in (float("nan"), float("inf"), True, [1]):
            with self.assertRaises((ValueError, TypeError)):
                SessionStore().set_expiry(value)

    def test_without_time_zones(self):
        with override_settings(USE_TZ=False, TIME_ZONE="Europe/Berlin"):
            s = SessionStore()
            s.set_expiry(datetime(2090, 1, 1, 12))
            self.assertEqual(s["_session_expiry"], "2090-01-01T11:00:00+00:00")
            self.assertEqual(s.get_expiry_date(), datetime(2090, 1, 1, 12))
            self.assertGreater(s.get_expiry_age(), 10**9)

    def test_what_is_over_is_gone(self):  # C16
        s = born(a=1)
        s.set_expiry(-5)
        s.save()
        self.assertEqual(data_of(s.session_key), {})
        s = born(a=1)
        s.set_expiry(1)
        s.save()
        self.assertEqual(data_of(s.session_key)["a"], 1)
        time.sleep(1.05)
        self.assertEqual(data_of(s.session_key), {})
        with self.assertRaises(UpdateError):
            s.save()

    def test_absolute_limit(self):  # C17
        s = born(a=1)
        with override_settings(DJSESSION_ABSOLUTE_TIMEOUT=1):
            t = born(a=1)
            self.assertLessEqual(record_of(t.session_key).expires,
                                 now() + SECOND)
            time.sleep(1.05)
            self.assertEqual(data_of(s.session_key), {})
        self.assertEqual(data_of(s.session_key), {"a": 1})

    def test_far_away(self):
        s = born()
        s.set_expiry(10**15)
        s.save()
        self.assertEqual(record_of(s.session_key).expires, (1 << 63) - 1)


class SideBySide(unittest.TestCase):
    """Parallel requests of one session."""

    def test_saves_merge_key_by_key(self):  # C15
        key = born(a=1, b=1, gone=1).session_key
        slow, quick = SessionStore(key), SessionStore(key)
        slow["b"] = 2
        del slow["gone"]
        quick.update({"a": 2, "c": 3})
        quick.save()
        slow.save()
        self.assertEqual(data_of(key), {"a": 2, "b": 2, "c": 3})
        self.assertEqual(dict(slow.items()), data_of(key))

    def test_a_change_inside_a_value_is_one(self):
        key = born(cart=[1], other=1).session_key
        slow, quick = SessionStore(key), SessionStore(key)
        slow["cart"].append(2)
        quick["other"] = 2
        quick.save()
        slow.save()
        self.assertEqual(data_of(key), {"cart": [1, 2], "other": 2})

    def test_of_two_that_set_a_key_the_last_wins(self):
        key = born(a=1).session_key
        slow, quick = SessionStore(key), SessionStore(key)
        slow["a"] = 1  # as it was, but set
        quick["a"] = 2
        quick.save()
        slow.save()
        self.assertEqual(data_of(key), {"a": 1})

    def test_clear_removes_what_was_known(self):
        key = born(a=1, b=2).session_key
        slow, quick = SessionStore(key), SessionStore(key)
        slow.clear()
        slow["n"] = 1
        quick["c"] = 3
        quick.save()
        slow.save()
        self.assertEqual(data_of(key), {"c": 3, "n": 1})

    def test_increments_add_up(self):  # L04
        key = born(n=5).session_key

        def run():
            for _ in range(25):
                s = SessionStore(key)
                s.incr("n")
                s.incr("m", 2)
                s.save()
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(data_of(key), {"n": 105, "m": 200})

    def test_increments_of_other_things(self):
        s = born(text="x", flag=True, n=1)
        for name in ("text", "flag"):
            with self.assertRaises(TypeError):
                s.incr(name)
        with self.assertRaises(TypeError):
            s.incr("n", 1.5)
        s = SessionStore(s.session_key)
        s["n"] = 7
        s.incr("n")
        s.save()
        self.assertEqual(data_of(s.session_key)["n"], 8)

    def test_a_late_save_revives_nothing(self):  # C10
        s = born(a=1)
        late, logout = SessionStore(s.session_key), SessionStore(s.session_key)
        late["a"] = 2
        logout.flush()
        with self.assertRaises(UpdateError):
            late.save()
        self.assertEqual(data_of(s.session_key), {})

    def test_a_login_on_an_ended_session_starts_from_nothing(self):
        s = born(cart=[1])
        late, logout = SessionStore(s.session_key), SessionStore(s.session_key)
        late.get("cart")
        logout.flush()
        late.cycle_key()
        late["_auth_user_id"] = "7"
        late.save()
        self.assertEqual(data_of(late.session_key), {"_auth_user_id": "7"})

    def test_what_was_set_meanwhile_comes_along(self):
        key = born(a=1).session_key
        slow, quick = SessionStore(key), SessionStore(key)
        slow["b"] = 1
        quick["c"] = 1
        quick.save()
        slow.cycle_key()
        self.assertEqual(data_of(slow.session_key), {"a": 1, "b": 1, "c": 1})
        with self.assertRaises(UpdateError):
            quick.save()

    def test_cycles_and_saves_at_once(self):  # L05
        s = born(n=0)
        key, said = s.session_key, []

        def save():
            try:
                for _ in range(30):
                    t = SessionStore(key)
                    t.incr("n")
                    t.save()
                    said.append(t.session_key)
            except UpdateError:
                pass  # it was given up between our look and our save
        thread = threading.Thread(target=save)
        thread.start()
        time.sleep(0.01)
        s.cycle_key()
        thread.join()
        self.assertIsNone(record_of(key))
        # Later saves find no session, and begin one of their own.
        self.assertEqual(data_of(s.session_key)["n"], said.count(key))

    def test_a_login_is_noted(self):
        s = born(a=1)
        self.assertEqual(record_of(s.session_key).authenticated, 0)
        before = now()
        s["_auth_user_id"] = "7"
        s.save()
        noted = record_of(s.session_key).authenticated
        self.assertGreaterEqual(noted, before)
        s["b"] = 1
        s.save()
        self.assertEqual(record_of(s.session_key).authenticated, noted)


class Keys(unittest.TestCase):
    """Aliases and secrets."""

    def rotated(self, grace, ago):
        """(old key, session): its key was given up `ago` seconds ago, as httpd
        does it."""
        old, s = born(n=1), born(n=2)
        record, ring = record_of(old.session_key), conf.sessions()._ring
        at = place(s.session_key)[2]
        mask = ring.first.mask(old.session_key)
        record.kind = ALIAS
        record.body = bytes(a ^ b for a, b in zip(s.session_key.encode(), mask)
                            ) + bytes.fromhex(at.decode())
        record.saved, record.age = now() - ago * SECOND, grace * SECOND
        put(old.session_key, record)
        return old.session_key, s

    def test_an_alias_leads_on_in_its_grace(self):  # C18
        old, s = self.rotated(10, 0)
        t = SessionStore(old)
        self.assertEqual(t["n"], 2)
        self.assertEqual(t.session_key, s.session_key)
        self.assertIs(t.modified, True)  # so that the browser is told
        t["m"] = 3
        t.save()
        self.assertEqual(data_of(s.session_key), {"n": 2, "m": 3})
        self.assertEqual(record_of(old).kind, ALIAS)

    def test_a_save_finds_a_key_that_was_given_up_meanwhile(self):
        s = born(n=2)
        t = SessionStore(s.session_key)
        t["m"] = 1
        old, heir = self.rotated(10, 0)
        put(s.session_key, self.alias(s.session_key, heir.session_key))
        t.save()
        self.assertEqual(t.session_key, heir.session_key)
        self.assertEqual(data_of(heir.session_key), {"n": 2, "m": 1})

    def alias(self, old, new):
        record, ring = record_of(old), conf.sessions()._ring
        record.kind, record.age, record.saved = ALIAS, 10 * SECOND, now()
        record.body = bytes(a ^ b for a, b in zip(
            new.encode(), ring.first.mask(old))) \
            + bytes.fromhex(place(new)[2].decode())
        return record

    def test_a_logout_under_the_old_key_ends_the_session(self):
        old, s = self.rotated(10, 0)
        SessionStore(old).flush()
        self.assertEqual(data_of(s.session_key), {})

    def test_after_the_grace_it_is_a_theft(self):
        for how, left in (("Log", {"n": 2}), ("Flush", {})):
            old, s = self.rotated(1, 5)
            with override_settings(DJSESSION_REPLAY=how), \
                    self.assertLogs("djsession", "WARNING") as logs:
                self.assertEqual(data_of(old), {})
            self.assertNotIn(old, str(logs.output))  # M01
            self.assertEqual(data_of(s.session_key), left)
            self.assertIsNone(record_of(old))  # told of once

    def test_kinds_that_lie_under_no_key(self):
        s = born(a=1)
        record = record_of(s.session_key)
        record.kind = LIST
        put(s.session_key, record)
        with self.assertRaises(Unreadable):
            data_of(s.session_key)

    def test_secrets_rotate(self):  # G10
        with override_settings(DJSESSION_SECRET_FILES=[OLD_SECRET]):
            keys = [born(n=i).session_key for i in range(4)]
        with override_settings(DJSESSION_SECRET_FILES=[SECRET, OLD_SECRET]):
            self.assertEqual(data_of(keys[0]), {"n": 0})
            s = SessionStore(keys[0])
            s.incr("n", 5)
            s.save()
            self.assertEqual(s.session_key, keys[0])
            t = SessionStore(keys[1])
            t.cycle_key()
            SessionStore(keys[2]).flush()
        self.assertEqual(data_of(keys[0]), {"n": 5})
        self.assertEqual(data_of(t.session_key), {"n": 1})
        with override_settings(DJSESSION_SECRET_FILES=[OLD_SECRET]):
            self.assertEqual([data_of(key) for key in keys],
                             [{}, {}, {}, {"n": 3}])

    def test_what_does_not_open_is_left_alone(self):  # H34
        s = born(a=1)
        for other in ({"DJSESSION_SECRET_FILES": [OLD_SECRET]},
                      {"DJSESSION_NAMESPACE": "other"}):
            with override_settings(**other):
                self.assertEqual(data_of(s.session_key), {})
        sealer, store, at, until = place(s.session_key)
        old = store.read([at], at, until)[0]
        store.remove(at, until)
        store.add(at, old[:-1] + b"x", now() + 60 * SECOND, until)
        with self.assertRaises(Unreadable):
            s.save()
        with self.assertRaises(Unreadable):
            data_of(s.session_key)
        self.assertEqual(store.read([at], at, until)[0], old[:-1] + b"x")

    def test_bare_records(self):  # G07
        s = born(a=1)
        with override_settings(DJSESSION_ENCRYPT=False):
            t = born(a=2)
            self.assertEqual(data_of(t.session_key), {"a": 2})
            with self.assertRaises(Unreadable):
                data_of(s.session_key)
        with self.assertRaises(Unreadable):
            data_of(t.session_key)


class Limits(unittest.TestCase):
    def test_too_big(self):  # I11
        s = born(a=1)
        s["b"] = "x" * 70000
        with self.assertRaises(TooBig):
            s.save()
        self.assertEqual(data_of(s.session_key), {"a": 1})
        with override_settings(DJSESSION_MAX_SIZE=900000):
            s["b"] = "x" * 800000
            s.save()
            self.assertEqual(len(data_of(s.session_key)["b"]), 800000)

    def test_too_deep(self):  # H01
        deep = []
        for _ in range(62):
            deep = [deep]
        s = born(a=deep)
        s["a"] = [deep]
        with self.assertRaises(ValueError):
            s.save()
        self.assertEqual(data_of(s.session_key), {"a": deep})

    def test_what_nobody_touches_stays_byte_by_byte(self):
        body = b'{"f":1.10,"n":%d,"\\u00e9":[1E5]}' % 10**40
        members = changes.read(body)
        changes.apply(members, [("set", "x", "1"), ("add", "y", 2)])
        self.assertEqual(changes.write(members),
                         body[:-1] + b',"x":1,"y":2}')
        for bad in (b"", b"[1]", b"{", b'{"a":1', b'{"a":1}x', b'{"a" 1}',
                    b'{a:1}', b'\xff{}', b'{"a":}'):
            with self.assertRaises(Unreadable):
                changes.read(bad)


class Impostor:
    """A memcached that answers as `answer(connection)` does."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.name = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.answer = answer
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,),
                             daemon=True).start()

    def talk(self, connection):
        with connection:
            try:
                self.answer(connection)
            except OSError:
                pass

    def __enter__(self):
        return override_settings(DJSESSION_STORE="memcache:" + self.name)

    def __exit__(self, *_):
        self.listener.close()


def silent(connection):
    time.sleep(3)


def trickling(connection):
    connection.recv(4096)
    for _ in range(60):
        connection.sendall(b"VALUE")
        time.sleep(0.05)


def answering(reply):
    def answer(connection):
        while connection.recv(65536):
            connection.sendall(reply)
    return answer


class Trouble(unittest.TestCase):
    """An outage is no logout, and a failed save no success."""

    def fails(self, answer):
        key = born(a=1).session_key
        live = SessionStore(key)
        live["a"] = 2
        began = time.monotonic()
        with Impostor(answer) as instead, instead:
            for act in (lambda: data_of(key), live.save, live.flush,
                        live.cycle_key, lambda: born(a=1),
                        lambda: SessionStore(key).clear()):
                with self.assertRaises(StoreError) as raised:
                    act()
                self.assertNotIn(key, str(raised.exception))
            self.assertEqual(live.session_key, key)
            self.assertFalse(live.is_empty())
        self.assertEqual(data_of(key), {"a": 1})
        return (time.monotonic() - began) / 6

    def test_silence_ends_at_the_deadline(self):  # I03
        self.assertLess(self.fails(silent), 0.9)

    def test_so_does_a_byte_at_a_time(self):  # I05
        self.assertLess(self.fails(trickling), 0.9)

    def test_hostile_replies(self):  # I13
        for reply in (b"ERROR\r\n", b"SERVER_ERROR out of memory\r\n", b"\r\n",
                      b"VALUE x 0 99999999999\r\n", b"VALUE x 0 -1\r\n",
                      b"VALUE djs:s:00 0 3\r\nabcde\r\nEND\r\n",
                      b"\0" * 5000 + b"\r\n"):
            self.fails(answering(reply))

    def test_nobody_listens(self):  # I06
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        key = born(a=1).session_key
        with override_settings(DJSESSION_STORE="memcache:127.0.0.1:%d" % port):
            with self.assertRaises(StoreError):
                data_of(key)
        self.assertEqual(data_of(key), {"a": 1})

    def test_another_items_value(self):  # I12 I26
        key, other = born(a=1).session_key, born(a=2).session_key
        sealer, store, at, until = place(key)
        server = memcached.Server("127.0.0.1:%d" % PORT)
        mine, theirs = (store._key(b"s:", place(k)[2]) for k in (key, other))
        for planted in (server.get([theirs], until)[theirs], b"", b"djsm\1"):
            server.store(b"set", mine, planted, 60, until)
            with self.assertRaises(Unreadable):
                data_of(key)
        SessionStore(key).delete()
        self.assertEqual(data_of(key), {})

    def test_a_stale_connection_is_passed_over(self):  # I07
        key = born(a=1).session_key
        server = conf.sessions()._store._servers[0]
        server._mine.connection._sock.shutdown(socket.SHUT_RDWR)
        self.assertEqual(data_of(key), {"a": 1})

    def test_a_child_has_connections_of_its_own(self):  # I22
        key = born(a=1).session_key
        child = os.fork()
        if not child:
            os._exit(0 if [data_of(key) for _ in range(50)]
                     == [{"a": 1}] * 50 else 1)
        self.assertEqual([data_of(key) for _ in range(50)], [{"a": 1}] * 50)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_a_lock_that_nobody_gives_back(self):
        s = born(a=1)
        sealer, store, at, until = place(s.session_key)
        server = memcached.Server("127.0.0.1:%d" % PORT)
        server.store(b"add", store._key(b"l:", at), b"somebody 1", 2, until)
        began = time.monotonic()
        with self.assertRaises(StoreError):
            s.save()
        self.assertLess(time.monotonic() - began, 0.9)
        time.sleep(2.1)
        s.save()


class Settings(unittest.TestCase):
    """A site that is set up wrongly does not start, and is told what to do."""

    def refused(self, sentence, **settings):
        with override_settings(**settings), \
                self.assertRaisesRegex(ImproperlyConfigured, sentence):
            conf.sessions()

    def test_refusals(self):
        for name, values in {
            "DJSESSION_STORE": (None, "", 5),
            "DJSESSION_NAMESPACE": (None, "", 5),
            "DJSESSION_SECRET_FILES": (None, [], ""),
            "DJSESSION_ENCRYPT": ("Off", 0),
            "DJSESSION_STORE_TIMEOUT": (0, -1, "1s", 61, True),
            "DJSESSION_USER_KEY": ("", None),
            "DJSESSION_ABSOLUTE_TIMEOUT": (0, "1h"),
            "DJSESSION_MAX_SIZE": (0, 2_000_000, "64k"),
            "DJSESSION_REPLAY": ("flush", None),
            "SESSION_SERIALIZER": ("site.PickleSerializer",),
        }.items():
            for value in values:
                with self.subTest(name, value=value):
                    self.refused(name, **{name: value})

    def test_stores(self):
        for text, sentence in (
                ("dbm:/sessions", "in memcached only"),
                ("127.0.0.1:11211", "in memcached only"),
                ("memcache:127.0.0.1", "HOST:PORT"),
                ("memcache:[::1]:11211", "IPv4"),
                ("memcache:127.0.0.1:0", "HOST:PORT"),
                ("memcache:no-such.invalid:11211", "no IPv4 address"),
                ("memcache:127.0.0.1:1,127.0.0.1:1", "twice"),
                ("memcache:127.0.0.1:1,127.0.0.1:2 replicas=2", "one copy"),
                ("memcache:127.0.0.1:1 dbm:/sessions", "DBM files"),
                ("memcache:127.0.0.1:1 prefix=a/b", "prefix=a/b"),
                ("memcache:127.0.0.1:1 size=3", "no option size=3")):
            self.refused(sentence, DJSESSION_STORE=text)
        with override_settings(DJSESSION_STORE="memcache:127.0.0.1:%d "
                               "prefix=x: replicas=1 ttl=3s" % PORT):
            self.assertEqual(data_of(born(a=1).session_key), {"a": 1})

    def test_secret_files(self):  # G12
        open_to_all = secret_file("open", mode=0o644)
        short = secret_file("short", "ab\n")
        link = os.path.join(DIRECTORY.name, "link")
        os.symlink(SECRET, link)
        for files, sentence in (
                ([open_to_all], "0644"), ([short], "64 hex digits"),
                ([link], "cannot be read"), ([DIRECTORY.name], "regular"),
                (["/no/such/file"], "cannot be read"),
                ([SECRET, SECRET], "the same")):
            self.refused(sentence, DJSESSION_SECRET_FILES=files)
        crlf = secret_file("crlf", "A" * 64 + "\r\n")
        with override_settings(DJSESSION_SECRET_FILES=crlf):
            self.assertEqual(data_of(born(a=1).session_key), {"a": 1})


if __name__ == "__main__":
    print("Django", django.get_version())
    unittest.main()
