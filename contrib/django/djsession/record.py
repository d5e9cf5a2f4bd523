"""A session as a store keeps it (doc/formats, section 4).

Header, then the body: sealed, or bare with a MAC. Times are microseconds since
1970 in UTC, 0 for never.
"""

import hmac
import struct
from dataclasses import dataclass, field

from .errors import Unreadable
from .keyring import GCM_TAG, NONCE, part

SESSION, ALIAS, MARK, LIST = 1, 2, 3, 4
TLS, BROWSER, FIXED = 1, 2, 4
SEALED, BARE = 1, 2
GROWTH = {SEALED: NONCE + GCM_TAG, BARE: 32}
OVERHEAD = 128  # a sealed record is at most this much longer than its body

_HEADER = {2: struct.Struct(">3sBBBH4sI6sQ6qQ"),
           1: struct.Struct(">3sBBBH4sI6sQ6q")}
_FORMAT = 2  # what we write; 1 had no epoch
_MOST_TIME = (1 << 63) - 1


@dataclass
class Record:
    """What stands in a record; `secret` is the one that opened it. Reports of
    errors show variables: the data is no part of it."""

    kind: int = SESSION
    flags: int = 0
    tag: bytes = bytes(6)
    version: int = 0
    created: int = 0
    keyed: int = 0
    authenticated: int = 0
    saved: int = 0
    expires: int = 0
    age: int = 0
    epoch: int = 0
    body: bytes = field(default=b"", repr=False)
    secret: object = field(default=None, repr=False)


class Sealer:
    """Makes and opens the records of one namespace (bytes) in one mode."""

    def __init__(self, ring, namespace, mode):
        self.ring = ring
        self.namespace = namespace
        self.mode = mode

    def _aad(self, header, store_key):
        return (part(header[3:4]) + part(self.namespace) + part(store_key)
                + part(header))

    def seal(self, record, store_key):
        """The bytes to store under `store_key`, under the first secret."""
        secret, body = self.ring.first, record.body
        header = _HEADER[_FORMAT].pack(
            b"DJS", _FORMAT, self.mode, record.kind, record.flags, secret.id,
            len(body), record.tag, record.version, record.created,
            record.keyed, record.authenticated, record.saved,
            min(record.expires, _MOST_TIME), record.age, record.epoch)
        aad = self._aad(header, store_key)
        if self.mode == SEALED:
            return header + secret.seal(body, aad)
        return header + body + secret.mac(aad + part(body))

    def open(self, data, store_key):
        """The Record in `data`; Unreadable, whatever the cause."""
        layout = _HEADER.get(data[3] if len(data) > 3 else 0)
        if layout is None or len(data) < layout.size + GROWTH[self.mode]:
            raise Unreadable("a session record does not open")
        header, rest = data[:layout.size], data[layout.size:]
        (magic, _, mode, kind, flags, key_id, length, tag, version, created,
         keyed, authenticated, saved, expires, age, *epoch) = \
            layout.unpack(header)
        secret = self.ring.by_id(key_id)
        if (magic != b"DJS" or mode != self.mode or not 1 <= kind <= 4
                or flags > 7 or secret is None
                or length != len(rest) - GROWTH[mode]):
            raise Unreadable("a session record does not open: are namespace "
                             "and secret files those of httpd?")
        body = self._body(secret, rest, self._aad(header, store_key))
        return Record(kind, flags, tag, version, created, keyed, authenticated,
                      saved, expires, age, epoch[0] if epoch else 0, body,
                      secret)

    def _body(self, secret, rest, aad):
        if self.mode == SEALED:
            body = secret.unseal(rest, aad)
        else:
            body, mac = rest[:-32], rest[-32:]
            if not hmac.compare_digest(mac, secret.mac(aad + part(body))):
                body = None
        if body is None:
            raise Unreadable("a session record is not authentic: hands off")
        return body
