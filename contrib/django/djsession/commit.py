"""Load, save, move and end a session, with every race in between.

A save works on what the store holds at that moment: under the record's lock it
opens the record, does the request's edits and seals the result. So a request
that did not touch a key never reverts it, and an ended session is never
revived. httpd does the same in src/session/.
"""

import hashlib
import json
import logging
import secrets
import string
import time
from dataclasses import dataclass

from . import changes, expiry
from .errors import Absent, Moved, StoreError, Taken, TooBig, Unreadable
from .record import (ALIAS, BROWSER, FIXED, MARK, SESSION, TLS, Record)
from .store import REMOVE, now

KEY_LENGTH = 32
KEY_CHARS = string.ascii_lowercase + string.digits
_MOST_HOPS = 100  # rotations within one grace, or while one request ran
_MOST_ALIASES = 2000  # that somebody ends
_MOST_TRIES = 10  # for a free key
_LAST = (1 << 63) - 1
_log = logging.getLogger("djsession")


@dataclass
class Policy:
    """What the site says about all its sessions."""

    timeout: float  # seconds that one call may spend in the store
    user_key: str
    max_size: int  # bytes of session data
    absolute: int = 0  # microseconds since birth or login; 0: no limit
    tls: bool = False  # sessions are born over TLS
    replay_flush: bool = False


@dataclass
class Wish:
    """What one request wants saved."""

    edits: list
    age: int  # seconds: the site's SESSION_COOKIE_AGE
    browser_close: bool  # and its SESSION_EXPIRE_AT_BROWSER_CLOSE


def is_key(text):
    """Has it the form of a session key?"""
    return len(text) == KEY_LENGTH and not set(text) - set(KEY_CHARS)


def new_key():
    """32 characters of a-z0-9, evenly drawn."""
    return "".join(secrets.choice(KEY_CHARS) for _ in range(KEY_LENGTH))


def user_of(text):
    """Who the user key's value (JSON text or None) means: of strings what they
    say, of all else the JSON; "" for nobody."""
    if text is None or text == "null":
        return ""
    return json.loads(text) if text[0] == '"' else text


class Sessions:
    """The sessions of one namespace in one store. Every call ends within the
    policy's timeout; StoreError means that nobody knows."""

    def __init__(self, store, sealer, policy):
        self._store = store
        self._sealer = sealer
        self._ring = sealer.ring
        self._policy = policy
        self._epoch = hashlib.sha256(b"mod_djsession epoch v1 "
                                     + sealer.namespace) \
            .hexdigest()[:40].encode()

    def _until(self):
        return time.monotonic() + self._policy.timeout

    def _at(self, secret, name):
        """The store key of a session key or another name."""
        return secret.store_key(self._sealer.namespace, name.encode())

    # ------------------------------------------------------------- loading

    def load(self, key):
        """(key, Record) of the session that a key leads to, under the key that
        it has now; None when there is none. A key that was rotated out leads
        to its successor during the grace."""
        until = self._until()
        for _ in range(_MOST_HOPS + 1):
            at, record, epoch = self._look(key, until)
            if record is None:
                return None
            if record.kind == SESSION:
                return (key, record) if not self._is_over(record) \
                    and self._is_good(record, epoch, at, until) else None
            successor, store_key = self._successor(record, key)
            if not -record.age < now() - record.saved < record.age:
                if now() - record.saved >= record.age:
                    self._replayed(record, at, store_key, until)
                return None
            key = successor
        return None

    def _look(self, key, until):
        """What lies under `key`, whichever secret it was filed under: (store
        key, Record or None, epoch there)."""
        for secret in self._ring.looks():
            at = self._at(secret, key)
            epoch, value = self._store.read([self._epoch, at], at, until)
            if value is not None:
                return at, self._sealer.open(value, at), _number(epoch)
        return None, None, 0

    def _successor(self, record, key):
        """The session key (None without `key`) and the store key that an alias
        leads to."""
        body = record.body
        if record.kind != ALIAS or len(body) != KEY_LENGTH + 20:
            raise Unreadable("a session record is of no known kind")
        store_key = body[KEY_LENGTH:].hex().encode()
        if key is None:
            return None, store_key
        successor = bytes(a ^ b for a, b in zip(body, record.secret.mask(key))) \
            .decode("latin-1")
        if not is_key(successor):
            raise Unreadable("a session record is an alias of no key")
        return successor, store_key

    def _replayed(self, alias, at, successor, until):
        """A key was sent long after it had been given up. It is told of once:
        then it is forgotten as if it had never been."""
        if self._policy.replay_flush:
            self._end_at(successor, until)
        self._store.remove(at, until)
        _log.warning("the key of session %s was sent again after its grace: "
                     "somebody has kept it%s", alias.tag.hex(),
                     "; its session has ended" if self._policy.replay_flush
                     else "")

    def _is_over(self, record):
        return record.expires <= now() or self._limit(record) <= now()

    def _limit(self, record):
        """When the absolute limit ends it, however much it is used."""
        born = max(record.authenticated, record.created)
        return born + self._policy.absolute if self._policy.absolute else _LAST

    def _is_good(self, record, epoch, at, until):
        """Has it not been revoked? Only where the epoch is another than that
        in which it was last known to be good are marks asked; the record gets
        the new epoch then. Where the epoch was lost it is 0."""
        if record.epoch >= epoch and not (record.epoch and not epoch):
            return True
        members = changes.read(record.body)
        user = user_of(members.get(self._policy.user_key))
        names = ["all sessions"]
        if user:
            names.append("user " + hashlib.sha256(
                user.encode("utf-8", "surrogatepass")).hexdigest())
        marks = [self._at(secret, name)
                 for name in names for secret in self._ring.secrets]
        for mark, value in zip(marks, self._store.read(marks, at, until)):
            if value is not None and self._mark(value, mark) > record.epoch:
                return False
        record.epoch = max(record.epoch, epoch)
        return True

    def _mark(self, value, at):
        mark = self._sealer.open(value, at)
        if mark.kind != MARK:
            raise Unreadable("a revocation's mark does not open")
        return mark.epoch

    # -------------------------------------------------------------- saving

    def save(self, key, wish):
        """Does the wish to the session: (key, Record), under the key that it
        has got meanwhile. Absent: it has ended, and stays so."""
        return self._follow(key, self._save_at, wish)

    def cycle(self, key, wish):
        """The same, and gives the session a new key; the old one leads nowhere,
        at once, as after a login."""
        return self._follow(key, self._cycle_at, wish)

    def _follow(self, key, save_at, wish):
        until = self._until()
        for _ in range(_MOST_HOPS + 1):
            for secret in self._ring.looks():
                try:
                    return save_at(key, secret, wish, until)
                except Absent:
                    continue
                except Moved as moved:
                    key = moved.key
                    break
            else:
                raise Absent("the session has ended")
        raise StoreError("this session gets new keys all the time")

    def _save_at(self, key, secret, wish, until):
        """What lies under the first secret is changed in place, all else moves
        there."""
        at = self._at(secret, key)
        if secret is not self._ring.first:
            return self._move(key, at, wish, until)
        saved = []

        def change(value, epoch):
            record = self._open_live(value, _number(epoch), (key, at), until)
            self._advance(record, wish)
            saved.append(record)
            return self._sealer.seal(record, at), record.expires

        self._store.update(at, change, until, also=[self._epoch])
        return key, saved[0]

    def _cycle_at(self, key, secret, wish, until):
        return self._move(key, self._at(secret, key), wish, until, fresh=True)

    def _open_live(self, value, epoch, place, until):
        """The session in `value`, which lies under `place` (session key, store
        key). Moved: its key was given up; Absent: its time is over, or it was
        revoked."""
        key, at = place
        record = self._sealer.open(value, at)
        if record.kind != SESSION:
            raise Moved(self._successor(record, key)[0])
        if self._is_over(record) or not self._is_good(record, epoch, at, until):
            raise Absent("the session has ended")
        return record

    def _advance(self, record, wish):
        """The record as it shall be after this save."""
        members = changes.read(record.body) if record.body else {}
        changes.apply(members, wish.edits)
        body = changes.write(members)
        if len(body) > self._policy.max_size:
            raise TooBig("session data has %d bytes, DJSESSION_MAX_SIZE allows "
                         "%d" % (len(body), self._policy.max_size))
        record.body = body
        if _logs_in(wish.edits, self._policy.user_key):
            record.authenticated = now()
        self._stamp(record, wish, members.get("_session_expiry", "null"))

    def _stamp(self, record, wish, own):
        """Times and flags of a save that happens now; `own` is the session's
        own expiry, as JSON text."""
        own, moment = expiry.read(json.loads(own)), now()
        if own == expiry.Expiry():
            own.browser = wish.browser_close
        record.flags &= ~(BROWSER | FIXED)
        record.flags |= BROWSER if own.browser else 0
        record.flags |= FIXED if own.date is not None else 0
        record.saved = moment
        record.expires = max(1, min(own.deadline(moment, wish.age),
                                    self._limit(record)))
        record.age = max(0, record.expires - moment)
        record.version += 1

    # ------------------------------------------------------ another place

    def _move(self, key, at, wish, until, fresh=False):
        """Copies the record at `at` to a place under the first secret (and a
        fresh key), which nobody can find yet, then removes the original. All
        under the original's lock: nobody changes it in between."""
        moved = []

        def change(value, epoch):
            record = self._open_live(value, _number(epoch), (key, at), until)
            self._advance(record, wish)
            moved.append((self._copy(record, key, until, fresh), record))
            return REMOVE

        self._store.update(at, change, until, also=[self._epoch])
        return moved[0]

    def _copy(self, record, key, until, fresh):
        """Writes it to its new place; the session key there."""
        if fresh:
            record.keyed = now()
            record.flags |= TLS if self._policy.tls else 0
            return self._write_fresh(record, until)
        try:
            return self._write_new(record, key, until)
        except Taken:  # it was moved already, and is to be looked for there
            raise Absent("the session has moved") from None

    def _write_fresh(self, record, until):
        """Under a key that nobody has had, which is returned."""
        for _ in range(_MOST_TRIES):
            try:
                return self._write_new(record, new_key(), until)
            except Taken:
                continue
        raise StoreError("ten new keys were taken: the random generator is ill")

    def _write_new(self, record, key, until):
        """Under that key, which is returned. Taken: somebody has it."""
        at = self._at(self._ring.first, key)
        record.tag = self._ring.first.tag(key)
        epoch = self._store.read([self._epoch], at, until)[0]
        record.epoch = max(record.epoch, _number(epoch))
        self._store.add(at, self._sealer.seal(record, at), record.expires,
                        until)
        return key

    # --------------------------------------------------- births and deaths

    def create(self, wish, key=None):
        """Begins a session: (key, Record). Taken: `key` has one already."""
        until, moment = self._until(), now()
        record = Record(created=moment, keyed=moment,
                        flags=TLS if self._policy.tls else 0)
        self._advance(record, wish)
        if key is None:
            return self._write_fresh(record, until), record
        return self._write_new(record, key, until), record

    def end(self, key):
        """Ends the session of `key`, under whichever secret it lies and
        whichever key it has got meanwhile; none is fine."""
        until = self._until()
        # The first secret last: a save that moves the record there meanwhile
        # finds the original gone, and takes its copy away again.
        for secret in reversed(self._ring.secrets):
            at = self._at(secret, key)
            try:
                self._end_at(at, until)
            except Unreadable:
                self._store.remove(at, until)

    def _end_at(self, at, until):
        """What lies there, or what it leads to."""
        for _ in range(_MOST_ALIASES):
            leads = []

            def change(value, at=at, leads=leads):
                record = self._sealer.open(value, at)
                if record.kind == SESSION:
                    return REMOVE
                leads.append(self._successor(record, None)[1])
                return None

            try:
                self._store.update(at, change, until)
            except Absent:
                return
            if not leads:
                return
            at = leads[0]
        raise StoreError("this session had too many keys to be followed")


def _number(epoch):
    """An epoch's value; None: there is none."""
    return int.from_bytes(epoch, "big") if epoch and len(epoch) == 8 else 0


def _logs_in(edits, user_key):
    """Does it set who the user is?"""
    return any(what == "set" and name == user_key and value != "null"
               for what, name, value in edits)
