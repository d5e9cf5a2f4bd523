"""Load, save, move and end a session, with every race in between.

A save works on what the store holds at that moment: under the record's lock it
opens the record, does the request's edits and seals the result. So a request
that did not touch a key never reverts it, and an ended session is never
revived. httpd does the same in src/session/.
"""

import contextlib
import json
import logging
import time
from dataclasses import dataclass, field

from . import changes, expiry, keys
from .errors import Absent, Moved, StoreError, Taken, TooBig
from .quota import Quota
from .record import BROWSER, FIXED, SESSION, TLS, Record
from .revocation import Revocations, number, user_of
from .store import REMOVE, now

_MOST_HOPS = 100  # rotations within one grace, or while one request ran
_MOST_TRIES = 10  # for a free key
_LAST = (1 << 63) - 1
_log = logging.getLogger("djsession")


@dataclass
class Policy:
    """What the site says about all its sessions."""

    timeout: float  # seconds that one call may spend in the store
    user_key: str
    max_size: int  # bytes of session data
    more_user_keys: tuple = ()  # of other places: revocations may go by them
    absolute: int = 0  # microseconds since birth or login; 0: no limit
    max_per_user: int = 0  # sessions; 0: no limit
    tls: bool = False  # sessions are born over TLS
    replay_flush: bool = False


@dataclass
class Wish:
    """What one request wants saved."""

    edits: list = field(repr=False)  # session data is in no error report
    age: int  # seconds: the site's SESSION_COOKIE_AGE
    browser_close: bool  # and its SESSION_EXPIRE_AT_BROWSER_CLOSE


class Sessions:
    """The sessions of one namespace in one store. Every call ends within the
    policy's timeout; StoreError means that nobody knows."""

    def __init__(self, store, sealer, policy):
        self._store = store
        self._sealer = sealer
        self._ring = sealer.ring
        self._policy = policy
        self._revocations = Revocations(
            store, sealer, (policy.user_key,) + policy.more_user_keys)
        self._quota = Quota(store, sealer, policy.max_per_user)

    def _until(self):
        return time.monotonic() + self._policy.timeout

    def _at(self, secret, key):
        """The store key of a session key."""
        return secret.store_key(self._sealer.namespace, key.encode())

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
                live = self._is_live(record, epoch, at, until)
                return (key, record) if live else None
            key, gone = keys.successor(record, key), now() - record.saved
            if not -record.age < gone < record.age:
                if gone >= record.age:
                    self._replayed(record, key, at, until)
                return None
        return None

    def _look(self, key, until):
        """What lies under `key`, whichever secret it was filed under: (store
        key, Record or None, epoch there)."""
        for secret in self._ring.looks():
            at = self._at(secret, key)
            epoch, value = self._store.read([self._revocations.epoch, at], at,
                                            until)
            if value is not None:
                return at, self._sealer.open(value, at), number(epoch)
        return None, None, 0

    def _is_live(self, record, epoch, at, until):
        return record.expires > now() and self._limit(record) > now() \
            and self._revocations.is_good(record, epoch, at, until)

    def _limit(self, record):
        """When the absolute limit ends it, however much it is used."""
        born = max(record.authenticated, record.created)
        return born + self._policy.absolute if self._policy.absolute else _LAST

    def _replayed(self, alias, key, at, until):
        """A key was sent long after it had been given up for `key`. It is told
        of once: then it is forgotten as if it had never been."""
        ended = self._policy.replay_flush and self._end_successor(key, until)
        self._store.remove(at, until)
        _log.warning("the key of session %s was sent again after its grace: "
                     "somebody has kept it%s", alias.tag.hex(),
                     "; the session that it led to has ended"
                     if ended else "")

    def _end_successor(self, key, until):
        """Ends the session of a key, under whichever secret it lies by now and
        whichever key it has got; False: there is none any more."""
        for _ in range(_MOST_HOPS + 1):
            at, record, _ = self._look(key, until)
            if record is None:
                return False
            if record.kind != SESSION:
                key = keys.successor(record, key)
                continue
            try:
                keys.end(self._store, self._sealer, at, until)
                return True
            except Absent:  # it has moved since
                continue
        raise StoreError("this session gets new keys all the time")

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
        if secret is not self._ring.first:
            return self._move(key, secret, wish, until)
        at, saved = self._at(secret, key), []

        def change(value, epoch):
            record = self._open_live(value, epoch, (key, at), until)
            saved.append((record, self._advance(record, wish)))
            return self._sealer.seal(record, at), record.expires

        self._store.update(at, change, until, also=[self._revocations.epoch])
        return self._saved(key, *saved[0], until)

    def _cycle_at(self, key, secret, wish, until):
        return self._move(key, secret, wish, until, fresh=True)

    def _open_live(self, value, epoch, place, until):
        """The session in `value`, which lies under `place` (session key, store
        key). Moved: its key was given up; Absent: its time is over, or it was
        revoked."""
        key, at = place
        record = self._sealer.open(value, at)
        if record.kind != SESSION:
            raise Moved(keys.successor(record, key))
        if not self._is_live(record, number(epoch), at, until):
            raise Absent("the session has ended")
        return record

    def _advance(self, record, wish):
        """Makes the record what it shall be after this save. True when the
        user's list of sessions must hear of it: after a login, and ten times
        in a lifetime, so that it is not forgotten."""
        members, before = changes.read(record.body), record.saved
        changes.apply(members, wish.edits)
        record.body = changes.write(members)
        if len(record.body) > self._policy.max_size:
            raise TooBig("session data has %d bytes, DJSESSION_MAX_SIZE allows "
                         "%d" % (len(record.body), self._policy.max_size))
        login = _logs_in(wish.edits, self._policy.user_key)
        if login:
            record.authenticated = now()
        self._stamp(record, wish, members.get("_session_expiry", "null"))
        step = record.age // 10
        return login or step > 0 and before // step != record.saved // step

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

    def _saved(self, key, record, noted, until):
        """The answer to a save. Where users may have so many sessions only,
        theirs are counted; if that can not be done now, the next login will."""
        user = user_of(record.body, self._policy.user_key) \
            if noted and self._policy.max_per_user else b""
        try:
            if user:
                self._quota.note(user, record, self._at(self._ring.first, key),
                                 until)
        except (StoreError, Absent) as error:
            _log.warning("the sessions of a user can not be counted: %s; the "
                         "next login will", error)
        return key, record

    # ------------------------------------------------------ another place

    def _move(self, key, secret, wish, until, fresh=False):
        """Copies the record to a place under the first secret (and a fresh
        key), which nobody can find yet, then removes the original. All under
        the original's lock: nobody changes it in between."""
        at, moved = self._at(secret, key), []

        def change(value, epoch):
            record = self._open_live(value, epoch, (key, at), until)
            noted = self._advance(record, wish)
            to = self._copy(record, key, until, fresh)
            moved.append((to, record, noted))
            return REMOVE

        self._store.update(at, change, until, also=[self._revocations.epoch])
        if fresh:
            self._remove_elsewhere(key, secret, until)
        return self._saved(*moved[0], until)

    def _remove_elsewhere(self, key, but, until):
        """Who moved the record between secrets may have died before the
        original was removed: once the key is given up that would be found."""
        for secret in self._ring.secrets:
            if secret is not but:
                with contextlib.suppress(StoreError):
                    self._store.remove(self._at(secret, key), until)

    def _copy(self, record, key, until, fresh):
        """Writes it to its new place; the session key there."""
        if fresh:
            record.keyed = now()
            record.flags |= TLS if self._policy.tls else 0
            return self._write_fresh(record, until)
        at = self._at(self._ring.first, key)
        for _ in range(_MOST_TRIES):
            try:
                return self._write_new(record, key, until)
            except Taken:
                # It was moved already, and is to be looked for there; or nobody
                # has, but memcached did not answer at once.
                if self._store.read([at], at, until)[0] is not None:
                    raise Absent("the session has moved") from None
        raise StoreError("memcached does not answer at once")

    def _write_fresh(self, record, until, birth=False):
        """Under a key that nobody has had, which is returned."""
        for _ in range(_MOST_TRIES):
            try:
                return self._write_new(record, keys.new_key(), until, birth)
            except Taken:
                continue
        raise StoreError("memcached does not answer at once")

    def _write_new(self, record, key, until, birth=False):
        """Under that key, which is returned. Taken: somebody has it. A birth is
        good in any epoch; what moves keeps that in which it was found good, or
        a revocation in between would be passed over."""
        at = self._at(self._ring.first, key)
        record.tag = self._ring.first.tag(key)
        if birth:
            record.epoch = self._revocations.epoch_at(at, until)
        self._store.add(at, self._sealer.seal(record, at), record.expires,
                        until)
        return key

    # --------------------------------------------------- births and deaths

    def create(self, wish, key=None):
        """Begins a session: (key, Record). Taken: `key` has one already."""
        until, moment = self._until(), now()
        record = Record(created=moment, keyed=moment, body=b"{}",
                        flags=TLS if self._policy.tls else 0)
        noted = self._advance(record, wish)
        key = self._write_fresh(record, until, birth=True) if key is None \
            else self._write_new(record, key, until, birth=True)
        return self._saved(key, record, noted, until)

    def end(self, key):
        """Ends the session of `key`, under whichever secret it lies and
        whichever key it has got meanwhile; none is fine."""
        until = self._until()
        # The first secret last: a save that moves the record there meanwhile
        # is waited for, under the lock of the original.
        for secret in reversed(self._ring.secrets):
            try:
                keys.end(self._store, self._sealer, self._at(secret, key),
                         until, insist=True)
            except Absent:
                pass


def _logs_in(edits, user_key):
    """Does it set who the user is?"""
    return any(what == "set" and name == user_key and value != "null"
               for what, name, value in edits)
