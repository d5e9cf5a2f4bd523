#!/usr/bin/env python3
"""Compares the records of contrib/django with those of codec/record.

usage: engine_against_record.py PATH-OF-record_filter [COUNT [SEED]]

Both directions: what one seals the other must open, with every number in it,
under the same store key; with a bit changed it must not. Also that C2SP's
published vector comes out, and that records of format 1 open. (G01, G20, G21.)
Exits with 77 where Python has no cryptography.
"""
import os
import random
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__),
                                "../../contrib/django"))
try:
    from djsession import keyring, record
    from djsession.errors import Unreadable
except ModuleNotFoundError as error:
    print(error)
    sys.exit(77)

import record_against_python as independent

part = independent.part


class Case:
    def __init__(self, rnd, secrets):
        self.secret = rnd.choice(secrets)
        self.ns = rnd.randbytes(rnd.choice((0, 1, 9, 15, 255)))
        self.key = "".join(rnd.choices("abcdefghijklmnopqrstuvwxyz0123456789",
                                       k=32))
        self.mode = rnd.choice((record.SEALED, record.BARE))
        numbers = [rnd.getrandbits(63) for _ in range(6)]
        self.record = record.Record(
            rnd.randrange(1, 5), rnd.randrange(8), bytes(6),
            rnd.getrandbits(64), *numbers, rnd.getrandbits(64),
            rnd.randbytes(rnd.choice((0, 1, 16, 90, rnd.randrange(2000)))))
        ring = keyring.Keyring([self.secret])
        self.sealer = record.Sealer(ring, self.ns, self.mode)
        self.store_key = ring.first.store_key(self.ns, self.key.encode())
        self.record.tag = ring.first.tag(self.key)
        self.sealed = self.sealer.seal(self.record, self.store_key)

    def fields(self):
        r = self.record
        return struct.pack(">QQQ6qQ", r.kind, r.flags, r.version, r.created,
                           r.keyed, r.authenticated, r.saved, r.expires,
                           r.age, r.epoch)

    def question(self):
        return b"".join(map(part, (
            self.secret, self.ns, self.key.encode(), b"%d" % self.mode,
            self.fields(), self.record.body, self.sealed)))

    def check(self, store_key, theirs, opened, rnd):
        assert store_key == self.store_key
        assert opened == (self.fields() + self.record.tag.hex().encode()
                          + self.record.body)
        got = self.sealer.open(theirs, store_key)
        self.record.secret = got.secret
        assert got == self.record
        self.check_refused(theirs, rnd)

    def check_refused(self, good, rnd):
        bit = rnd.randrange(8 * len(good))
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        for data, where in ((bytes(bad), self.store_key),
                            (good[:-1], self.store_key), (b"", self.store_key),
                            (good, b"0" * 40)):
            try:
                self.sealer.open(data, where)
            except Unreadable:
                continue
            raise AssertionError("a record opens that should not")


def check_format_1(rnd, secrets):
    """What was written before there were epochs."""
    case = independent.Case(rnd, secrets)
    old = case.record(case.nonce, 1)
    sealer = record.Sealer(keyring.Keyring(secrets), case.ns, case.mode)
    got = sealer.open(old, case.store_key)
    assert (got.body, got.epoch, got.kind) == (case.body, 0, case.kind)


def check_vector():
    """C2SP's, which the key's derivation stands in the way of."""
    secret = keyring.Secret(bytes(32))
    secret._blocks = keyring.Cipher(keyring.algorithms.AES(b"\3" * 32),
                                    keyring.modes.ECB())
    secret._double = secret._find_double()
    sealed = bytes.fromhex("986ec1832593df5443a179437fd083bf3fdb41abd740a21f"
                           "71eb769d")
    assert secret.unseal(b"ABCDEFGHIJKLMNOPQRSTUVWX" + sealed,
                         b"c2sp.org/XAES-256-GCM") == b"XAES-256-GCM"


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    rnd = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    secrets = [rnd.randbytes(32) for _ in range(4)]
    check_vector()
    cases = [Case(rnd, secrets) for _ in range(count)]
    done = subprocess.run([sys.argv[1]], check=True, stdout=subprocess.PIPE,
                          input=b"".join(c.question() for c in cases))
    got = list(independent.answers(done.stdout))
    assert len(got) == 3 * count
    for i, case in enumerate(cases):
        case.check(*got[3 * i:3 * i + 3], rnd)
    for _ in range(count // 10):
        check_format_1(rnd, secrets)
    print("%d records made and opened alike" % count)


if __name__ == "__main__":
    main()
