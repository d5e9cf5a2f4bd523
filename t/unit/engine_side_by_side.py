#!/usr/bin/env python3
"""contrib/django beside others, in a real memcached: parallel requests, keys
that were given up, secrets that rotate, revocations, users with too many
sessions.

usage: engine_side_by_side.py MEMCACHED-PORT [unittest's arguments]

Exits with 77 where Python has no Django or no cryptography.
"""
import hashlib
import threading
import time
import unittest

from engine_site import (
    OLD_SECRET, SECOND, SECRET, SessionStore, born, conf, data_of, django,
    place, put, record_of,
)

from django.contrib.sessions.backends.base import UpdateError
from django.test.utils import override_settings
from djsession.errors import Unreadable
from djsession.record import ALIAS, LIST, MARK, Record
from djsession.store import now


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

    def test_a_theft_ends_a_session_that_has_moved_since(self):  # G10
        old, s = self.rotated(1, 5)
        with override_settings(DJSESSION_SECRET_FILES=[OLD_SECRET, SECRET],
                               DJSESSION_REPLAY="Flush"):
            s["n"] = 3
            s.save()
            self.assertEqual(data_of(s.session_key), {"n": 3})
            self.assertEqual(data_of(old), {})
            self.assertEqual(data_of(s.session_key), {})

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


class Revoked(unittest.TestCase):
    """What httpd and djsessionctl revoke: a mark, then the epoch."""

    def setUp(self):
        settings = override_settings(DJSESSION_NAMESPACE="ns %d" % now())
        settings.enable()
        self.addCleanup(settings.disable)

    def revoke(self, user=None, number=None, secret=SECRET):
        number, until = number or now(), time.monotonic() + 5
        with override_settings(DJSESSION_SECRET_FILES=[secret]):
            sealer, store = place("k" * 32)[:2]
            text = "all sessions" if user is None \
                else "user " + hashlib.sha256(user.encode()).hexdigest()
            name = sealer.ring.first.store_key(sealer.namespace, text.encode())
            mark = Record(kind=MARK, epoch=number)
            far = now() + 1000 * SECOND
            store.change(name, lambda _: (sealer.seal(mark, name), far), until)
            self.set_epoch(number)

    def set_epoch(self, number):
        store, until = place("k" * 32)[1], time.monotonic() + 5
        store.change(conf.sessions()._revocations.epoch, lambda _: (
            number.to_bytes(8, "big"), now() + 1000 * SECOND), until)

    def test_a_user(self):  # C20
        ada, bob = born(_auth_user_id="1"), born(_auth_user_id="2")
        self.revoke("1")
        with self.assertRaises(UpdateError):
            ada.save()
        self.assertEqual(data_of(ada.session_key), {})
        bob["n"] = 1
        bob.save()
        self.assertEqual(data_of(bob.session_key)["n"], 1)
        self.assertGreater(record_of(bob.session_key).epoch, 0)
        again = born(_auth_user_id="1")
        self.assertEqual(data_of(again.session_key), {"_auth_user_id": "1"})

    def test_a_new_key_outruns_no_revocation(self):  # C20
        """Neither does a cycle that has found the session good already."""
        s = born(_auth_user_id="1")
        sessions = conf.sessions()
        write = sessions._write_fresh

        def after_the_revocation(*args, **more):
            self.revoke("1")
            return write(*args, **more)

        sessions._write_fresh = after_the_revocation
        try:
            s.cycle_key()
        finally:
            del sessions._write_fresh
        self.assertEqual(data_of(s.session_key), {})

    def test_a_user_under_another_key(self):  # C20
        """httpd may know him by another DjSessionUserKey."""
        with override_settings(DJSESSION_USER_KEY=["_auth_user_id", "uid"]):
            s = born(_auth_user_id="1", uid="bob")
            self.revoke("bob")
            with self.assertRaises(UpdateError):
                s.save()
            self.assertEqual(data_of(s.session_key), {})

    def test_everybody(self):  # C21
        sessions = [born(_auth_user_id="1"), born(n=1)]
        self.revoke()
        for session in sessions:
            self.assertEqual(data_of(session.session_key), {})
        session.cycle_key()  # a login would do so: it starts from nothing
        self.assertEqual(data_of(session.session_key), {})

    def test_a_mark_under_another_secret(self):
        with override_settings(DJSESSION_SECRET_FILES=[SECRET, OLD_SECRET]):
            session = born(_auth_user_id="1")
            self.revoke("1", secret=OLD_SECRET)
            self.assertEqual(data_of(session.session_key), {})

    def test_an_epoch_that_was_lost(self):  # I10
        self.set_epoch(now())
        session = born(_auth_user_id="1")
        self.revoke("1")
        self.set_epoch(0)
        self.assertEqual(data_of(session.session_key), {})

    def test_users_that_are_numbers(self):
        session = born(_auth_user_id=7)
        self.revoke("7")
        self.assertEqual(data_of(session.session_key), {})


class Quotas(unittest.TestCase):
    """DjSessionMaxPerUser."""

    def login(self, user):
        session = SessionStore()
        session["_auth_user_id"] = user
        session.save()
        return session.session_key

    def test_a_login_too_many_ends_the_oldest_session(self):  # C22
        user = "user %d" % now()
        with override_settings(DJSESSION_MAX_PER_USER=2):
            keys = [self.login(user) for _ in range(4)]
            other = self.login(user + "x")
        self.assertEqual([bool(data_of(key)) for key in keys],
                         [False, False, True, True])
        self.assertTrue(data_of(other))

    def test_sessions_that_have_ended_do_not_count(self):  # C22
        user = "user %d" % now()
        with override_settings(DJSESSION_MAX_PER_USER=2):
            first, second = self.login(user), self.login(user)
            moved = SessionStore(second)
            moved.cycle_key()
            moved["_auth_user_id"] = user
            moved.save()
            self.assertTrue(data_of(first))
            moved.flush()
            third = self.login(user)
        self.assertTrue(data_of(first))
        self.assertTrue(data_of(third))

    def test_a_list_that_does_not_open_begins_anew(self):
        user = "user %d" % now()
        with override_settings(DJSESSION_MAX_PER_USER=1,
                               DJSESSION_ENCRYPT=False):
            self.login(user)
        with override_settings(DJSESSION_MAX_PER_USER=1):
            first, second = self.login(user), self.login(user)
        self.assertEqual([bool(data_of(key)) for key in (first, second)],
                         [False, True])


if __name__ == "__main__":
    print("Django", django.get_version())
    unittest.main()
