"""One memcached: its text protocol, with a deadline for each call.

Connections are kept for whoever asks next in this process; one that is stale,
or has something to say that nobody asked for, is passed over. `until` is a
moment of time.monotonic().
"""

import collections
import os
import socket
import time

from .errors import StoreError

_MOST_IDLE = 64  # connections
_LONGEST_IDLE = 15  # seconds; firewalls forget connections without a word
_MOST_REPLY = 2_000_000  # bytes of a line or an item


class _BadReply(Exception):
    """Not what memcached says; the text has nothing of the reply."""

    def __init__(self):
        super().__init__("what it says is no reply to the question")


class _Connection:
    """A socket of process `pid`, and what was read from it too early."""

    _sock = None

    def __init__(self, address, until):
        self.pid = os.getpid()
        self.used = 0.0  # when it was put aside
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
        if self._sock is not None:
            self._sock.close()

    __del__ = close

    def is_fit(self):
        """Is it ours, open, fresh and silent? What it would say now is no reply
        to a question that is yet to be asked."""
        if self.pid != os.getpid() or self._rest \
                or time.monotonic() - self.used > _LONGEST_IDLE:
            return False
        self._sock.settimeout(0)
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

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
    the path of a unix socket. OSError when the host has no IPv4 address."""

    def __init__(self, name):
        self.name = self._address = name
        self._idle = collections.deque(maxlen=_MOST_IDLE)
        if not name.startswith("/"):
            host, _, port = name.rpartition(":")
            self._address = socket.getaddrinfo(
                host, int(port), socket.AF_INET, socket.SOCK_STREAM)[0][4]

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
                    or words[1] not in keys or words[1] in found \
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
        """What it said can not be: its connections are given up."""
        self._idle.clear()

    def _connection(self, fresh, until):
        """One that can be used, and whether it is new."""
        while self._idle and not fresh:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if connection.is_fit():
                return connection, False
        return _Connection(self._address, until), True

    def _run(self, command, until, once=False):
        """The answer, and whether it is that of a second try, on a connection
        of its own. One that fails half-way is never used again."""
        for again in (False, True):
            new = True
            try:
                connection, new = self._connection(again, until)
                answer = command(connection)
            except (OSError, _BadReply) as error:
                if new or once or time.monotonic() >= until:
                    raise StoreError("memcached %s does not answer: %s"
                                     % (self.name, error)) from None
            else:
                connection.used = time.monotonic()
                self._idle.append(connection)
                return answer, again
        raise StoreError("memcached %s closes connections" % self.name)
