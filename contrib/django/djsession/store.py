"""Records in memcached: envelopes, servers, locks (doc/formats-memcache).

memcached has no compare-and-swap in httpd's library, so whoever changes a
record adds a lock key first, which memcached forgets by itself, and writes
only while it surely stands. A store key is 40 hex digits, as bytes; a value is
a sealed record; `until` is a moment of time.monotonic().
"""

import contextlib
import random
import secrets
import struct
import time

from .errors import Absent, StoreError, Taken, Unreadable

REMOVE = object()  # what a change may return: the record ends

_HEAD = struct.Struct(">5scHQqI")
_MAGIC = b"djsm\1"
_LOCK_SECONDS = 4  # memcached counts whole ones: it stands for more than three
_LOCK_STANDS = 0.9
_PAUSE, _LONGEST_PAUSE = 0.0002, 0.004  # seconds, and up to twice as long
_MONTH = 30 * 24 * 3600  # more seconds are a date to memcached
_LAST_DATE = 2147483647
_U64 = (1 << 64) - 1


def now():
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def _seconds_until(expires):
    """How long memcached shall keep it: a second more than is left."""
    left = (expires - now()) // 1_000_000 + 2
    if expires <= now():
        return 1
    if left <= _MONTH + 2:
        return min(left, _MONTH)
    if now() // 1_000_000 + _MONTH >= _LAST_DATE:
        return _MONTH
    return min(expires // 1_000_000 + 2, _LAST_DATE)


class _Envelope:
    """What stands around a value in memcached."""

    def __init__(self, raw, store_key):
        """Unreadable when `raw` is not the envelope of that key."""
        if len(raw) < _HEAD.size:
            raise Unreadable("an item in memcached is no record")
        magic, kind, key_length, self.version, self.expires, length = \
            _HEAD.unpack_from(raw)
        key, self.value = raw[_HEAD.size:][:key_length], \
            raw[_HEAD.size + key_length:]
        if (magic != _MAGIC or kind not in (b"L", b"E") or key != store_key
                or len(self.value) != length or kind == b"E" and length):
            raise Unreadable("an item in memcached is no record")
        self.live = kind == b"L" and self.expires > now()


def _pack(store_key, version, expires, value):
    return _HEAD.pack(_MAGIC, b"L", len(store_key), version, expires,
                      len(value)) + store_key + value


class _Lock:
    """A lock that was asked for at `since`. `uncertain`: a write was tried
    twice or cut short and may still arrive, so the lock is left to end by
    itself."""

    def __init__(self, since):
        self.since = since
        self.uncertain = False

    def until(self, until):
        """The deadline, or when the lock surely stands no longer."""
        return min(until, self.since + _LOCK_STANDS)


class Store:
    """The memcached servers of one DjSessionStore line; one copy of each
    record (replicas=1)."""

    def __init__(self, servers, prefix):
        self._servers = servers
        self._prefix = prefix.encode()

    def _key(self, kind, store_key):
        return self._prefix + kind + store_key.hex().encode()

    def _server(self, store_key):
        """Who keeps the record: the highest score."""
        if len(self._servers) == 1:
            return self._servers[0]
        return max(self._servers, key=lambda s: _score(s.name, store_key))

    def read(self, store_keys, beside, until):
        """The live values of `store_keys` where the record `beside` lies, None
        for what is not there; one round trip."""
        found = self._read(self._server(beside), store_keys, until)
        return [e.value if e and e.live else None for e in found]

    def _read(self, server, store_keys, until):
        """Envelopes. What can not be this record's may be the reply to another
        question: on a new connection it is asked again."""
        names = [self._key(b"s:", store_key) for store_key in store_keys]
        for again in (False, True):
            got = server.get(names, until)
            try:
                return [_Envelope(got[name], store_key) if name in got else None
                        for name, store_key in zip(names, store_keys)]
            except Unreadable:
                server.distrust()
                if again:
                    raise
        return []

    def add(self, store_key, value, expires, until):
        """Keeps a record that is new. Taken: a live one is there, or a first
        try failed that may still arrive: it would begin the session anew when
        it has ended, so nobody is to be told of it."""
        server, name = self._server(store_key), self._key(b"s:", store_key)
        raw = _pack(store_key, now(), expires, value)
        stored, again = server.store(b"add", name, raw,
                                     _seconds_until(expires), until)
        if again and (stored or server.get([name], until).get(name) == raw):
            with contextlib.suppress(StoreError):
                server.delete(name, until)
            raise Taken("the record may be added once more, late")
        if not stored:
            self._add_over(server, store_key, (value, expires), until)

    def _add_over(self, server, store_key, item, until):
        """The same where something is: its time may be over."""
        with self._locked(server, store_key, until) as lock:
            old = self._read(server, [store_key], until)[0]
            if old is not None and old.live:
                raise Taken("a record is there")
            self._write(server, lock, (store_key, old), item, until)

    def update(self, store_key, change, until, also=()):
        """Calls change(value, *values of `also`) under the record's lock, and
        does what it returns: None keeps the record, REMOVE ends it, (value,
        expires) takes its place. Absent: there is none, or it was removed
        meanwhile."""
        server = self._server(store_key)
        with self._locked(server, store_key, until) as lock:
            old, *rest = self._read(server, [store_key, *also], until)
            if old is None or not old.live:
                raise Absent("there is no such record")
            todo = change(old.value,
                          *(e.value if e and e.live else None for e in rest))
            if todo is REMOVE:
                try:
                    server.delete(self._key(b"s:", store_key),
                                  lock.until(until))
                except BaseException:
                    lock.uncertain = True
                    raise
            elif todo is not None:
                self._write(server, lock, (store_key, old), todo, until)

    def change(self, store_key, change, until):
        """Calls change(value, or None where there is none) under the record's
        lock, and keeps the (value, expires) that it returns."""
        server = self._server(store_key)
        with self._locked(server, store_key, until) as lock:
            old = self._read(server, [store_key], until)[0]
            item = change(old.value if old and old.live else None)
            self._write(server, lock, (store_key, old), item, until)

    def remove(self, store_key, until):
        """Afterwards there is none, whatever was there."""
        self._server(store_key).delete(self._key(b"s:", store_key), until)

    def _write(self, server, lock, at, item, until):
        """Over the old envelope: a replace finds nothing after a removal."""
        (store_key, old), (value, expires) = at, item
        version = max(old.version + 1 if old else 0, now()) & _U64
        until = lock.until(until)
        try:
            stored, again = server.store(
                b"replace" if old else b"add", self._key(b"s:", store_key),
                _pack(store_key, version, expires, value),
                _seconds_until(expires), until)
        except BaseException:
            lock.uncertain = True
            raise
        lock.uncertain = again
        if not stored:
            raise Absent("the record was removed meanwhile")

    @contextlib.contextmanager
    def _locked(self, server, store_key, until):
        name = self._key(b"l:", store_key)
        lock = _take(server, name, until)
        try:
            yield lock
        finally:
            end = lock.until(until)
            if not lock.uncertain and time.monotonic() < end:
                with contextlib.suppress(StoreError):
                    server.delete(name, end, once=True)


def _take(server, name, until):
    """Waits for the lock until the deadline; StoreError then."""
    owner = secrets.token_hex(16).encode() + b" 1"
    pause = _PAUSE
    while True:
        lock = _Lock(time.monotonic())
        stored, again = server.store(b"add", name, owner, _LOCK_SECONDS, until)
        if not stored and again:
            stored = server.get([name], until).get(name) == owner
        if stored:
            return lock
        wait = pause * (1 + random.random())
        if time.monotonic() + wait >= until:
            raise StoreError("others changed this session all the time")
        time.sleep(wait)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _score(name, store_key):
    """A server's score for a record: FNV-1a of both, then mixed."""
    points = 14695981039346656037
    for byte in name.encode() + store_key:
        points = (points ^ byte) * 1099511628211 & _U64
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        points ^= points >> 33
        points = points * factor & _U64
    return points ^ points >> 33
