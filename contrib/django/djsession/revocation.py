"""Have all sessions of a user, or of everybody, been ended?

A revocation leaves a mark with a number wherever sessions may lie, then raises
the namespace's epoch to that number. A record has the epoch in which it was
known to be good; where that is another one now, the marks are asked.
"""

import hashlib
import json

from . import changes
from .errors import Unreadable
from .record import BARE, MARK


def number(value):
    """The number in an epoch's value; None: there is none."""
    return int.from_bytes(value, "big") if value and len(value) == 8 else 0


def user_of(body, user_key):
    """Whose session data (bytes) it is, as bytes: of strings what they say, of
    all else the JSON; b"" for nobody's."""
    text = changes.read(body).get(user_key, "null")
    if text == "null":
        return b""
    try:
        return (json.loads(text) if text[0] == '"' else text).encode()
    except UnicodeEncodeError:  # half a surrogate pair says nothing
        return text.encode()


def digest(user):
    """What stands for a user in names of records."""
    return hashlib.sha256(user).hexdigest()


class Revocations:
    """Those of one namespace. `epoch` is the store key of its epoch, which
    depends on no secret."""

    def __init__(self, store, sealer, user_keys):
        self._store = store
        self._sealer = sealer
        self._user_keys = user_keys
        self.epoch = hashlib.sha256(
            b"mod_djsession epoch v1 " + sealer.namespace) \
            .hexdigest()[:40].encode()

    def epoch_at(self, at, until):
        """The epoch where the record `at` lies."""
        return number(self._store.read([self.epoch], at, until)[0])

    def is_good(self, record, epoch, at, until):
        """Is the session, which lies at `at`, still good in `epoch`? Then the
        record's epoch is raised to it. Where the epoch was lost, with whatever
        else was there, it is 0."""
        if record.epoch >= epoch and not (record.epoch and not epoch):
            return True
        names = self._marks({user_of(record.body, user_key)
                             for user_key in self._user_keys})
        for name, value in zip(names, self._store.read(names, at, until)):
            if value is not None and self._open(value, name) > record.epoch:
                return False
        record.epoch = max(record.epoch, epoch)
        return True

    def _marks(self, users):
        """Store keys of the marks that concern users, under all secrets."""
        texts = ["all sessions"] + ["user " + digest(user)
                                    for user in users if user]
        mode = " bare" if self._sealer.mode == BARE else ""
        return [secret.store_key(self._sealer.namespace, (text + mode).encode())
                for text in texts for secret in self._sealer.ring.secrets]

    def _open(self, value, name):
        mark = self._sealer.open(value, name)
        if mark.kind != MARK:
            raise Unreadable("a revocation's mark is none")
        return mark.epoch
