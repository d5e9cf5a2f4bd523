#!/usr/bin/env python3
"""contrib/django under a real Django, in a real memcached: what Django promises
of a session engine, expiry, limits and settings.

usage: engine_in_django.py MEMCACHED-PORT [unittest's arguments]

Exits with 77 where Python has no Django or no cryptography.
"""
import asyncio
import copy
import os
import pickle
import time
import unittest
from datetime import datetime, timedelta, timezone as zones

from engine_site import (
    DIRECTORY, PORT, SECOND, SECRET, SessionStore, born, conf, data_of, django,
    record_of, secret_file, settings,
)

from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.exceptions import ImproperlyConfigured
from django.test.utils import override_settings
from djsession import changes, expiry
from djsession.errors import TooBig, Unreadable
from djsession.record import BROWSER, FIXED, TLS
from djsession.store import now


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
        self.assertNotIn("10000", repr(record_of(key)))
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

    def test_copies_are_plain(self):
        data = SessionStore(born(a=[1]).session_key)._session
        for copied in (copy.deepcopy(data), copy.copy(data),
                       pickle.loads(pickle.dumps(data))):
            self.assertIs(type(copied), dict)
            self.assertEqual(copied, {"a": [1]})

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

    def test_cookies_that_end_with_the_browser(self):
        for own, site, flag in ((0, False, BROWSER), (0.0, False, BROWSER),
                                (None, True, BROWSER), (None, False, 0),
                                (60, True, 0), (0.5, False, 0)):
            with override_settings(SESSION_EXPIRE_AT_BROWSER_CLOSE=site):
                s = SessionStore()
                s.set_expiry(own)
                s.save()
                lasts = s.get_expiry_age()
                if lasts >= 1:
                    record = record_of(s.session_key)
                    self.assertEqual(record.flags, flag)
                    self.assertEqual(record.age, lasts * SECOND)

    def test_over_tls(self):
        for settings, flag in (({}, 0), ({"SESSION_COOKIE_SECURE": True}, TLS),
                               ({"SESSION_COOKIE_SECURE": True,
                                 "DJSESSION_TLS": False}, 0),
                               ({"DJSESSION_TLS": True}, TLS)):
            with override_settings(**settings):
                self.assertEqual(record_of(born().session_key).flags, flag)

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
        s["a"] = {'["{': ['\\"' + "[" * 200]}  # brackets in strings are none
        s.save()

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
            "DJSESSION_MAX_PER_USER": (0, 1001, "Off"),
            "DJSESSION_REPLAY": ("flush", None),
            "DJSESSION_TLS": ("On", 1),
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
