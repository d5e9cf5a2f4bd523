"""Session keys, and where one that was given up leads.

A rotation leaves an alias where the old key's session lay. It names the
successor by its store key, and by its session key under a mask that takes the
old key to work out.
"""

import secrets
import string

from .errors import Absent, StoreError, Unreadable
from .record import ALIAS, SESSION
from .store import REMOVE

LENGTH = 32
CHARS = string.ascii_lowercase + string.digits
_MOST_ALIASES = 2000  # rotations that a key may have been through
_CHARS = frozenset(CHARS)


def is_key(text):
    """Has it the form of a session key?"""
    return len(text) == LENGTH and _CHARS.issuperset(text)


def new_key():
    """32 characters of a-z0-9, evenly drawn."""
    return "".join(secrets.choice(CHARS) for _ in range(LENGTH))


def successor(alias, key):
    """The session key in the place of `key`, to which the record leads."""
    body = _body(alias)
    heir = bytes(a ^ b for a, b in zip(body, alias.secret.mask(key))) \
        .decode("latin-1")
    if not is_key(heir):
        raise Unreadable("a session record is an alias of no key")
    return heir


def successor_place(alias):
    """Its store key, which takes no key to know."""
    return _body(alias)[LENGTH:].hex().encode()


def _body(record):
    if record.kind != ALIAS or len(record.body) != LENGTH + 20:
        raise Unreadable("a session record is of no known kind")
    return record.body


def end(store, sealer, at, until, insist=False):
    """Ends the session at the store key `at`, or the one that its key was given
    up for, wherever that has got to. Absent: there is none any more. `insist`:
    what does not open is removed all the same."""
    for _ in range(_MOST_ALIASES):
        leads = []

        def change(value, at=at, leads=leads):
            record = sealer.open(value, at)
            if record.kind == SESSION:
                return REMOVE
            leads.append(successor_place(record))
            return None

        try:
            store.update(at, change, until)
        except Unreadable:
            if not insist:
                raise
            store.remove(at, until)
        if not leads:
            return
        at = leads[0]
    raise StoreError("this session had too many keys to be followed")
