#!/usr/bin/env python3
"""contrib/django and memcached, as it should be and as it should not: removals
beside saves, envelopes, silence, hostile replies, connections.

usage: engine_in_trouble.py MEMCACHED-PORT [unittest's arguments]

Exits with 77 where Python has no Django or no cryptography.
"""
import os
import socket
import threading
import time
import unittest

from engine_site import (
    OLD_SECRET, PORT, SECOND, SECRET, SessionStore, born, conf, data_of, django,
    place,
)

from django.contrib.sessions.backends.base import CreateError
from django.test.utils import override_settings
from djsession import memcached
from djsession.errors import Absent, StoreError, Taken, Unreadable
from djsession.store import _seconds_until, now


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
                      b"VALUE djs:s:00 0 5\r\nabcde\r\nEND\r\n",
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
        server._idle[-1]._sock.shutdown(socket.SHUT_RDWR)
        self.assertEqual(data_of(key), {"a": 1})

    def test_a_connection_that_breaks_is_tried_once_more(self):  # I07
        key, asked = born(a=1).session_key, []

        def moody(connection):
            asked.append(1)
            connection.recv(4096)
            connection.sendall(b"END\r\n")
            connection.recv(4096)

        with Impostor(moody) as instead, instead:
            self.assertEqual(data_of(key), {})
            self.assertEqual(data_of(key), {})
            self.assertEqual(len(asked), 2)

    def test_bytes_of_another_reply(self):  # I14
        key = born(a=1).session_key
        asked = []

        def chatty(connection):
            asked.append(1)
            while connection.recv(4096):
                connection.sendall(b"END\r\nEND\r\n")

        with Impostor(chatty) as instead, instead:
            for _ in range(3):
                self.assertEqual(data_of(key), {})
                time.sleep(0.02)
        self.assertEqual(len(asked), 3)  # a new connection each time

    def test_a_child_has_connections_of_its_own(self):  # I22
        key, idle = born(a=1).session_key, \
            conf.sessions()._store._servers[0]._idle
        mine = idle[-1]
        child = os.fork()
        if not child:
            fine = data_of(key) == {"a": 1} and mine not in idle
            os._exit(0 if fine else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(data_of(key), {"a": 1})
        self.assertIn(mine, idle)  # nor has the child ended it

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


class Delayed:
    """A relay to the real memcached that breaks the connection instead of
    passing on the first `breaks` commands beginning with `verb`; `deliver`
    passes the last of them on, late."""

    def __init__(self, verb, breaks=1):
        self.verb, self.breaks, self.late = verb, breaks, None
        self.impostor = Impostor(self.talk)

    def talk(self, connection):
        with socket.create_connection(("127.0.0.1", PORT)) as real:
            while command := connection.recv(65536):
                if self.breaks and command.startswith(self.verb):
                    self.breaks -= 1
                    self.late = command
                    return
                real.sendall(command)
                connection.sendall(real.recv(65536))

    def deliver(self):
        with socket.create_connection(("127.0.0.1", PORT)) as real:
            real.sendall(self.late)
            return real.recv(100)

    def __enter__(self):
        self.instead = self.impostor.__enter__()
        self.instead.enable()
        for _ in range(2):  # a connection that is kept, so tried once more
            data_of("n" * 32)
        return self

    def __exit__(self, *_):
        self.instead.disable()
        self.impostor.__exit__()


class Late(unittest.TestCase):
    """What was given up may still arrive."""

    def test_a_birth_in_doubt_takes_another_key(self):  # C10
        with Delayed(b"add djs:s:") as delayed:
            s = born(a=1)
            self.assertEqual(data_of(s.session_key), {"a": 1})
            SessionStore(s.session_key).flush()
            self.assertEqual(delayed.deliver(), b"STORED\r\n")
            self.assertEqual(data_of(s.session_key), {})
            again = SessionStore()
            again["a"], again._session_key = 1, "t" * 32
            delayed.breaks = 1
            with self.assertRaises(CreateError):
                again.save(must_create=True)

    def test_a_move_in_doubt_is_tried_again(self):  # G10
        with override_settings(DJSESSION_SECRET_FILES=[OLD_SECRET]):
            key = born(a=1).session_key
        with override_settings(DJSESSION_SECRET_FILES=[SECRET, OLD_SECRET]), \
                Delayed(b"add djs:s:"):
            s = SessionStore(key)
            s["b"] = 2
            s.save()
            self.assertEqual(s.session_key, key)
        self.assertEqual(data_of(key), {"a": 1, "b": 2})

    def test_a_removal_in_doubt_keeps_its_lock(self):  # C10
        s = born(a=1)
        key = s.session_key
        with Delayed(b"delete djs:s:", breaks=2) as delayed:
            with self.assertRaises(StoreError):
                s.cycle_key()
        other = SessionStore(key)
        other["b"] = 2
        with self.assertRaises(StoreError):
            other.save()  # which would go with the removal
        self.assertEqual(data_of(key), {"a": 1})
        self.assertEqual(delayed.deliver(), b"DELETED\r\n")

    def test_an_idle_connection_is_given_up(self):
        key = born(a=1).session_key
        idle = conf.sessions()._store._servers[0]._idle
        old = idle[-1]
        for connection in idle:
            connection.used -= 16
        self.assertEqual(data_of(key), {"a": 1})
        self.assertNotIn(old, idle)

    def test_an_error_report_has_no_data(self):
        wish = SessionStore()._wish([("set", "card", "4111")])
        self.assertNotIn("4111", repr(wish))


class Records(unittest.TestCase):
    """What djsession.store makes of memcached's verbs."""

    def setUp(self):
        self.store, self.until = place("k" * 32)[1], time.monotonic() + 5
        self.name = os.urandom(20).hex().encode()

    def add(self, value, expires):
        self.store.add(self.name, value, expires, self.until)

    def read(self):
        return self.store.read([self.name], self.name, self.until)[0]

    def test_a_removal_beside_a_save_holds(self):  # C10
        self.add(b"old", now() + 60 * SECOND)

        def change(value):
            self.store.remove(self.name, self.until)
            return b"new", now() + 60 * SECOND

        with self.assertRaises(Absent):
            self.store.update(self.name, change, self.until)
        self.assertIsNone(self.read())

    def test_what_is_over_makes_room(self):
        self.add(b"old", now() + SECOND // 20)
        with self.assertRaises(Taken):
            self.add(b"new", now() + 60 * SECOND)
        time.sleep(0.06)  # memcached keeps it for a second more
        self.assertIsNone(self.read())
        with self.assertRaises(Absent):
            self.store.update(self.name, lambda value: None, self.until)
        self.add(b"new", now() + 60 * SECOND)
        self.assertEqual(self.read(), b"new")

    def test_envelopes_that_do_not_agree_with_themselves(self):  # I12 I26
        server = self.store._servers[0]
        where = self.store._key(b"s:", self.name)
        self.add(b"value", now() + 60 * SECOND)
        good = server.get([where], self.until)[where]
        for bad in (good + b"x", good[:-1], b"x" + good[1:],
                    good.replace(self.name, b"0" * 40), good[:5] + b"E"
                    + good[6:], good[:4] + b"\2" + good[5:]):
            server.store(b"set", where, bad, 60, self.until)
            with self.assertRaises(Unreadable):
                self.read()

    def test_how_long_memcached_keeps_them(self):  # I16
        day, moment = 86400, now() // SECOND
        for seconds, least in ((-5, 1), (0, 1), (10, 11), (29 * day, 29 * day),
                               (31 * day, moment + 31 * day),
                               (10**6 * day, 2147483647)):
            told = _seconds_until(now() + seconds * SECOND)
            self.assertIn(told - least, (0, 1, 2))
        self.assertEqual(_seconds_until((1 << 63) - 1), 2147483647)


if __name__ == "__main__":
    print("Django", django.get_version())
    unittest.main()
