"""One memcached: its text protocol, with a deadline for each call.

A connection belongs to one thread of one process. One that a restart has left
stale is passed over once. `until` is a moment of time.monotonic().
"""

import os
import socket
import threading
import time

from .errors import StoreError


_MOST_REPLY = 2_000_000  # bytes of a line or an item


class _BadReply(Exception):
    """Not what memcached says; the text has nothing of the reply."""

    def __init__(self):
        super().__init__("what it says is no reply to the question")


class _Connection:
    """A socket, and what was read from it too early."""

    def __init__(self, address, until):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_STREAM)
        self._rest = b""
        try:
            if family == socket.AF_INET:
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._wait(until)
            self._sock.connect(address)
        except BaseException:
            self.close()
            raise

    def close(self):
        self._sock.close()

    __del__ = close

    def _wait(self, until):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._sock.settimeout(left)

    def send(self, data, until):
        self._wait(until)
        self._sock.sendall(data)

    def _more(self, until):
        self._wait(until)
        data = self._sock.recv(65536)
        if not data:
            raise ConnectionError("it has closed the connection")
        self._rest += data

    def line(self, until):
        """The next line, without its CR LF."""
        while b"\r\n" not in self._rest:
            if len(self._rest) > _MOST_REPLY:
                raise _BadReply
            self._more(until)
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def block(self, size, until):
        """The next `size` bytes and a CR LF."""
        while len(self._rest) < size + 2:
            self._more(until)
        data, self._rest = self._rest[:size + 2], self._rest[size + 2:]
        if not data.endswith(b"\r\n"):
            raise _BadReply
        return data[:-2]


class Server:
    """One memcached by the name that DjSessionStore gives it: HOST:PORT, or
    the path of a unix socket."""

    def __init__(self, name):
        self.name = name
        host, _, port = name.rpartition(":")
        self._address = name if name.startswith("/") else (host, int(port))
        self._mine = threading.local()

    def get(self, keys, until):
        """What is kept under each of `keys` (bytes), as a dict; keys that are
        not there are left out."""
        return self._run(lambda c: self._get(c, keys, until), until)[0]

    @staticmethod
    def _get(connection, keys, until):
        connection.send(b"get %s\r\n" % b" ".join(keys), until)
        found = {}
        while True:
            line = connection.line(until)
            if line == b"END":
                return found
            words = line.split(b" ")
            if len(words) != 4 or words[0] != b"VALUE" \
                    or not words[3].isdigit() or int(words[3]) > _MOST_REPLY:
                raise _BadReply
            found[words[1]] = connection.block(int(words[3]), until)

    def store(self, verb, key, value, seconds, until):
        """b"add", b"replace" or b"set": was it stored, and may a first try
        that failed have done so already?"""
        command = b"%s %s 0 %d %d\r\n%s\r\n" % (verb, key, seconds, len(value),
                                               value)
        line, again = self._run(
            lambda c: self._ask(c, command, until,
                                (b"STORED", b"NOT_STORED")), until)
        return line == b"STORED", again

    def delete(self, key, until, once=False):
        """What is not there is deleted, too. With `once` there is no second
        try, which might undo what others did after the first."""
        self._run(lambda c: self._ask(c, b"delete %s\r\n" % key, until,
                                      (b"DELETED", b"NOT_FOUND")), until, once)

    @staticmethod
    def _ask(connection, command, until, answers):
        connection.send(command, until)
        line = connection.line(until)
        if line not in answers:
            raise _BadReply
        return line

    def distrust(self):
        """What it said can not be: its connection is given up."""
        connection = getattr(self._mine, "connection", None)
        if connection is not None and self._mine.pid == os.getpid():
            connection.close()
        self._mine.connection = None

    def _connection(self, until):
        """This thread's connection, and whether it is a new one."""
        old = getattr(self._mine, "connection", None)
        if old is not None and self._mine.pid == os.getpid():
            return old, False
        self._mine.connection = _Connection(self._address, until)
        self._mine.pid = os.getpid()
        return self._mine.connection, True

    def _run(self, command, until, once=False):
        """The answer, and whether it is that of a second try."""
        for again in (False, True):
            new = True
            try:
                connection, new = self._connection(until)
                return command(connection), again
            except (OSError, _BadReply) as error:
                self.distrust()
                if new or once or time.monotonic() >= until:
                    raise StoreError("memcached %s does not answer: %s"
                                     % (self.name, error)) from None
            except BaseException:
                self.distrust()  # half a reply may still be under way
                raise
        raise StoreError("memcached %s closes connections" % self.name)
