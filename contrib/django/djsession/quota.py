"""At most so many sessions of one user (DjSessionMaxPerUser).

A record of kind list, under a name made of the user, has the store keys of the
user's sessions, the oldest login first, 20 bytes each. It may be wrong for a
while: sessions end or change their keys without a word to it. A login looks at
the oldest ones before it ends any of them.
"""

from . import keys
from .errors import Absent, StoreError, Unreadable
from .record import LIST, SESSION, Record
from .revocation import digest
from .store import now

_ENTRY = 20
_MOST_ENTRIES = 1000
_MOST_HOPS = 2000
_MOST_TRIES = 5  # logins that may get in between


class Quota:
    """Keeps users to `most` sessions each."""

    def __init__(self, store, sealer, most):
        self._store = store
        self._sealer = sealer
        self._most = most

    def note(self, user, record, at, until):
        """The session `record`, saved at the store key `at`, is the user's:
        ends the oldest ones beyond the limit."""
        mine, lasts = bytes.fromhex(at.decode()), record.expires + record.age
        name = self._sealer.ring.first.store_key(
            self._sealer.namespace, b"list for " + digest(user).encode())
        entries = self._write(name, mine, {}, lasts, until)
        for _ in range(_MOST_TRIES):
            if len(entries) <= self._most:
                return
            swaps = self._evict(entries, until)
            entries = self._write(name, mine, swaps, lasts, until)

    def _write(self, name, mine, swaps, lasts, until):
        """The list as it is now, with ours, each entry as `swaps` has it."""
        entries = []

        def change(value):
            record = self._read(value, name)
            there = [record.body[i:i + _ENTRY]
                     for i in range(0, len(record.body), _ENTRY)]
            there = [swaps.get(entry, entry) for entry in there] + [mine]
            entries[:] = dict.fromkeys(e for e in there if e)  # each once
            del entries[:-_MOST_ENTRIES]
            record.body = b"".join(entries)
            record.saved = now()
            record.version += 1
            record.expires = min(max(lasts, record.expires), (1 << 63) - 1)
            return self._sealer.seal(record, name), record.expires

        self._store.change(name, change, until)
        return entries

    def _read(self, value, name):
        """A list that can not be read begins anew."""
        try:
            record = self._sealer.open(value or b"", name)
        except Unreadable:
            record = Record()
        if record.kind != LIST or len(record.body) % _ENTRY:
            record = Record(kind=LIST, created=now())
        return record

    def _evict(self, entries, until):
        """What is to stand in the place of entries: the session's store key of
        now, None for those that have ended. Of the others as many as are too
        many are ended, the oldest. A session that got new keys may be there
        several times: it keeps the oldest of its places."""
        swaps, live = {}, {}
        for entry in entries:
            at = self._find(entry, until)
            place = bytes.fromhex(at.decode()) if at else None
            swaps[entry] = None if place in live.values() else place
            if swaps[entry]:
                live[entry] = place
        for entry, place in list(live.items())[:-self._most]:
            try:
                keys.end(self._store, self._sealer, place.hex().encode(), until)
            except Absent:
                pass
            swaps[entry] = None
        return swaps

    def _find(self, entry, until):
        """The store key that a listed session has by now; None: it has
        ended."""
        at = entry.hex().encode()
        for _ in range(_MOST_HOPS):
            value = self._store.read([at], at, until)[0]
            if value is None:
                return None
            try:
                record = self._sealer.open(value, at)
                if record.kind == SESSION:
                    return at if record.expires > now() else None
                at = keys.successor_place(record)
            except Unreadable:
                return None
        raise StoreError("a session had too many keys to be followed")
