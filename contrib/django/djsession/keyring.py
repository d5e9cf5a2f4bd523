"""Secrets, and all that is derived from them (doc/formats, sections 1 to 3)."""

import errno
import hashlib
import hmac
import os
import stat
import string

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 24  # bytes: the first half derives a key, the second is GCM's
GCM_TAG = 16
MOST_NAME = 255  # bytes of a namespace


def read_secret(path):
    """The 32 bytes of a secret file; ValueError says what is wrong with it.

    The open file is judged, not its name, so nothing changes in between.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)
    except OSError as error:
        why = "it is a symbolic link, name the file itself" \
            if error.errno == errno.ELOOP else error.strerror
        raise ValueError("secret file %s cannot be read: %s" % (path, why)) \
            from None
    try:
        _judge(path, os.fstat(fd))
        return _parse(path, os.read(fd, 67))
    finally:
        os.close(fd)


def _judge(path, found):
    """ValueError when somebody else can read or replace the file."""
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("secret file %s is not a regular file" % path)
    if found.st_uid not in (0, os.geteuid()):
        raise ValueError(
            "secret file %s belongs to user %d: give it to the user that runs "
            "Django (id %d)" % (path, found.st_uid, os.geteuid()))
    if mode not in (0o600, 0o400):
        raise ValueError(
            "secret file %s has mode %04o, not 0600 or 0400: `chmod 600 %s`, "
            "and make a new secret if others have read it" % (path, mode, path))
    if found.st_nlink != 1:
        raise ValueError("secret file %s has %d hard links, not 1: remove the "
                         "others" % (path, found.st_nlink))


def _parse(path, text):
    """64 hex digits, then LF, CR LF or nothing, as bytes."""
    for end in (b"\n", b"\r"):
        text = text[:-1] if text.endswith(end) else text
    digits = text.decode("latin-1")
    if len(digits) != 64 or set(digits) - set(string.hexdigits):
        raise ValueError(
            "secret file %s does not hold exactly 64 hex digits and an end of "
            "line: copy httpd's, byte for byte" % path)
    return bytes.fromhex(digits)


def part(data):
    """`data` behind its length."""
    return len(data).to_bytes(4, "big") + data


def _mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


class Secret:
    """The keys of one secret (32 bytes): HKDF-SHA-256, one block each."""

    def __init__(self, secret):
        pseudo = _mac(bytes(32), secret)

        def derive(use):
            return _mac(pseudo, b"mod_djsession %s v1\1" % use)

        self.id = derive(b"key-id")[:4]
        self._auth = derive(b"auth")
        self._name = derive(b"store-key")
        self._tag = derive(b"tag")
        self._alias = derive(b"alias")
        self._blocks = Cipher(algorithms.AES(derive(b"seal")), modes.ECB())
        self._double = self._find_double()

    def _aes(self, blocks):
        return self._blocks.encryptor().update(blocks)

    def _find_double(self):
        """K1 of XAES-256-GCM, as a number."""
        top = int.from_bytes(self._aes(bytes(16)), "big")
        return (top << 1) % (1 << 128) ^ (0x87 if top >> 127 else 0)

    def _gcm(self, nonce):
        """AES-256-GCM under the key of one record."""
        blocks = [int.from_bytes(head + nonce[:12], "big") ^ self._double
                  for head in (b"\0\1X\0", b"\0\2X\0")]
        return AESGCM(self._aes(b"".join(b.to_bytes(16, "big")
                                         for b in blocks)))

    def seal(self, plain, aad):
        """Nonce, ciphertext and tag."""
        nonce = os.urandom(NONCE)
        return nonce + self._gcm(nonce).encrypt(nonce[12:], plain, aad)

    def unseal(self, sealed, aad):
        """What was sealed; None when it does not open."""
        nonce = sealed[:NONCE]
        try:
            return self._gcm(nonce).decrypt(nonce[12:], sealed[NONCE:], aad)
        except InvalidTag:
            return None

    def mac(self, text):
        """32 bytes that authenticate a bare record."""
        return _mac(self._auth, text)

    def store_key(self, namespace, name):
        """What the store knows `name` (bytes) by: 40 hex digits, bytes."""
        return _mac(self._name, part(namespace) + part(name))[:20] \
            .hex().encode()

    def tag(self, session_key):
        """6 bytes that stand for a session key in logs."""
        return _mac(self._tag, session_key.encode())[:6]

    def mask(self, session_key):
        """32 bytes that hide the key which `session_key` leads to."""
        return _mac(self._alias, session_key.encode())


class Keyring:
    """One or more secrets: the first seals and names, all open and find."""

    def __init__(self, secrets):
        self.secrets = [Secret(secret) for secret in secrets]
        if len({secret.id for secret in self.secrets}) < len(self.secrets):
            raise ValueError("two of the secret files are the same: name each "
                             "once")
        self.first = self.secrets[0]

    def by_id(self, key_id):
        """The secret of that id; None when it is none of ours."""
        for secret in self.secrets:
            if secret.id == key_id:
                return secret
        return None

    def looks(self):
        """The secrets in the order in which a record is looked for. It may
        move to the first one meanwhile, so that is asked again."""
        more = self.secrets[:1] if len(self.secrets) > 1 else []
        return self.secrets + more
