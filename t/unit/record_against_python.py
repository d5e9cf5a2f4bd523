#!/usr/bin/env python3
"""Compares codec/record with records that Python makes from doc/formats.

usage: record_against_python.py PATH-OF-record_filter [COUNT [SEED]]

AES and GCM are written out below, from FIPS 197 and NIST SP 800-38D, so that
nothing is shared with the library that the module uses. Both directions: what
we seal must be byte for byte what Python seals with our nonce, and what Python
seals, in the present format or in format 1, we must open. (G20, G21.)
"""
import functools
import hashlib
import hmac
import random
import struct
import subprocess
import sys

MASK = (1 << 128) - 1


def double(byte):
    """Times x in AES' field."""
    return byte << 1 ^ (0x11b if byte & 0x80 else 0)


def make_sbox():
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= double(p)  # p times 3
        q ^= q << 1  # q divided by 3
        q ^= q << 2
        q ^= q << 4
        q &= 255
        q ^= 0x09 if q & 0x80 else 0
        rotated = [(q << n | q >> (8 - n)) & 255 for n in range(5)]
        box[p] = functools.reduce(lambda a, b: a ^ b, rotated) ^ 0x63
        if p == 1:
            return box


SBOX = make_sbox()
# One table for SubBytes and MixColumns of the first row, turned for the others.
MIX = [[int.from_bytes(bytes(row[-n:] + row[:-n]), "big") for row in
        [[double(s), s, s, double(s) ^ s] for s in SBOX]] for n in range(4)]


def sub_word(word):
    return int.from_bytes(bytes(SBOX[b] for b in word.to_bytes(4, "big")),
                          "big")


def expand(key):
    words = list(struct.unpack(">8I", key))
    constant = 1
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = (word << 8 | word >> 24) & 0xffffffff
            word = sub_word(word) ^ constant << 24
            constant = double(constant)
        elif i % 8 == 4:
            word = sub_word(word)
        words.append(words[-8] ^ word)
    return words


def aes(words, block):
    state = [a ^ b for a, b in zip(struct.unpack(">4I", block), words)]
    for i in range(4, 56, 4):
        state = [MIX[0][state[c] >> 24]
                 ^ MIX[1][state[(c + 1) % 4] >> 16 & 255]
                 ^ MIX[2][state[(c + 2) % 4] >> 8 & 255]
                 ^ MIX[3][state[(c + 3) % 4] & 255] ^ words[i + c]
                 for c in range(4)]
    last = bytes(SBOX[state[(c + r) % 4] >> (24 - 8 * r) & 255]
                 for c in range(4) for r in range(4))
    return bytes(a ^ b for a, b in zip(last, struct.pack(">4I", *words[56:])))


def times(x, y):
    """The product in GCM's field, whose bits are reflected."""
    product = 0
    for i in range(127, -1, -1):
        if x >> i & 1:
            product ^= y
        y = y >> 1 ^ (0xe1 << 120 if y & 1 else 0)
    return product


def blocks(data):
    return [data[i:i + 16].ljust(16, b"\0") for i in range(0, len(data), 16)]


def gcm(key, nonce, plain, aad):
    """Ciphertext and tag."""
    words = expand(key)
    h = int.from_bytes(aes(words, bytes(16)), "big")
    stream = b"".join(aes(words, nonce + struct.pack(">I", 2 + i))
                      for i in range(len(blocks(plain))))
    cipher = bytes(a ^ b for a, b in zip(plain, stream))
    lengths = struct.pack(">QQ", 8 * len(aad), 8 * len(cipher))
    tag = 0
    for block in blocks(aad) + blocks(cipher) + [lengths]:
        tag = times(tag ^ int.from_bytes(block, "big"), h)
    first = aes(words, nonce + b"\0\0\0\1")
    return cipher + bytes(a ^ b for a, b in zip(tag.to_bytes(16, "big"),
                                                first))


def xaes(key, nonce, plain, aad):
    words = expand(key)
    top = int.from_bytes(aes(words, bytes(16)), "big")
    k1 = top << 1 & MASK ^ (0x87 if top >> 127 else 0)
    halves = [aes(words, (int.from_bytes(head + nonce[:12], "big")
                          ^ k1).to_bytes(16, "big"))
              for head in (b"\0\1X\0", b"\0\2X\0")]
    return gcm(b"".join(halves), nonce[12:], plain, aad)


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


@functools.lru_cache(maxsize=None)
def derive(secret, use):
    """HKDF; one block is as much as any key needs."""
    return mac(mac(bytes(32), secret), b"mod_djsession %s v1\1" % use)


def part(data):
    return struct.pack(">I", len(data)) + data


class Case:
    def __init__(self, rnd, secrets):
        self.secret = rnd.choice(secrets)
        self.ns = rnd.randbytes(rnd.choice((0, 1, 9, 15, 255)))
        self.key = rnd.randbytes(rnd.choice((0, 1, 32, 255)))
        self.mode = rnd.choice((1, 2))
        self.kind = rnd.randrange(1, 5)
        self.flags = rnd.randrange(8)
        self.numbers = rnd.randbytes(7 * 8)
        self.epoch = rnd.randbytes(8)
        self.format = rnd.choice((1, 2))  # theirs; ours is always 2
        self.body = rnd.randbytes(rnd.choice((0, 1, 15, 16, 17, 90, 300,
                                              rnd.randrange(600))))
        self.nonce = rnd.randbytes(24)
        self.store_key = mac(derive(self.secret, b"store-key"), part(self.ns)
                             + part(self.key))[:20].hex().encode()
        self.tag = mac(derive(self.secret, b"tag"), self.key)[:6]

    def header(self, form):
        return (b"DJS" + bytes((form, self.mode, self.kind))
                + struct.pack(">H", self.flags)
                + derive(self.secret, b"key-id")[:4]
                + struct.pack(">I", len(self.body)) + self.tag + self.numbers
                + (self.epoch if form == 2 else b""))

    def record(self, nonce, form):
        header = self.header(form)
        aad = (part(bytes((form,))) + part(self.ns) + part(self.store_key)
               + part(header))
        if self.mode == 1:
            return header + nonce + xaes(derive(self.secret, b"seal"), nonce,
                                         self.body, aad)
        return header + self.body + mac(derive(self.secret, b"auth"),
                                        aad + part(self.body))

    def fields(self, form):
        return (struct.pack(">QQ", self.kind, self.flags) + self.numbers
                + (self.epoch if form == 2 else bytes(8)))

    def question(self):
        return b"".join(map(part, (
            self.secret, self.ns, self.key, b"%d" % self.mode, self.fields(2),
            self.body, self.record(self.nonce, self.format))))

    def check(self, store_key, ours, opened):
        assert store_key == self.store_key
        assert ours == self.record(ours[86:86 + 24], 2)
        assert opened == (self.fields(self.format)
                          + self.tag.hex().encode() + self.body)


def answers(data):
    at = 0
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        yield data[at + 4:at + 4 + size]
        at += 4 + size


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    rnd = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    known = xaes(b"\3" * 32, b"ABCDEFGHIJKLMNOPQRSTUVWX", b"XAES-256-GCM",
                 b"c2sp.org/XAES-256-GCM")
    assert known.hex() == ("986ec1832593df5443a179437fd083bf3fdb41abd740a21f"
                           "71eb769d")
    secrets = [rnd.randbytes(32) for _ in range(8)]
    cases = [Case(rnd, secrets) for _ in range(count)]
    done = subprocess.run([sys.argv[1]], check=True, stdout=subprocess.PIPE,
                          input=b"".join(c.question() for c in cases))
    got = list(answers(done.stdout))
    assert len(got) == 3 * count
    for i, case in enumerate(cases):
        case.check(*got[3 * i:3 * i + 3])
    print("%d records made and opened alike" % count)


if __name__ == "__main__":
    main()
