"""What a request did to the data, and how it is done again on other data.

The data of a session is one JSON object. Its members are kept as JSON texts by
their names, so that what nobody touches stays as it is, byte by byte. An edit
is ("set", name, JSON text), ("remove", name, None) or ("add", name, integer).
"""

import json
import re
from json.decoder import JSONDecoder, scanstring

from .errors import Unreadable

_DEPTH = 63  # arrays and objects inside each other that httpd reads in a value
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_decode = JSONDecoder().raw_decode


def dumps(value):
    """JSON as httpd and Django write it; TypeError as from JSONSerializer."""
    return json.dumps(value, separators=(",", ":"))


def _storable(value):
    """The same for httpd to read: ValueError when it could not."""
    text = dumps(value)
    if text[0] not in "[{":
        return text
    if _depth(text) > _DEPTH:
        raise ValueError("session data is nested too deep for httpd: at most "
                         "%d levels" % _DEPTH)
    # Keys that become the same text would stand there twice.
    return dumps(json.loads(text))


def _depth(text):
    """How deep arrays and objects stand in a JSON text."""
    deepest = depth = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _name(key):
    """The text that JSON makes of a key."""
    return key if isinstance(key, str) else next(iter(json.loads(
        json.dumps({key: 0}))))


def read(body):
    """The members (name: JSON text) of a body (bytes); Unreadable."""
    try:
        return _read(body.decode("ascii"))
    except (ValueError, IndexError, RecursionError):
        raise Unreadable("session data is not a JSON object") from None


def _read(text):
    members, at = {}, 1
    if text[0] != "{":
        raise ValueError
    while text[at] == '"':
        name, colon = scanstring(text, at + 1)
        if text[colon] != ":":
            raise ValueError
        _, end = _decode(text, colon + 1)
        members[name] = text[colon + 1:end]
        at = end + (text[end] == ",")
    if text[at:] != "}":
        raise ValueError
    return members


def write(members):
    """The body (bytes) of members."""
    return ("{%s}" % ",".join("%s:%s" % (json.dumps(name), text)
                              for name, text in members.items())).encode()


def apply(members, edits):
    """Does the edits to `members`. TypeError: an increment met something that
    is no integer."""
    for what, name, value in edits:
        if what == "set":
            members[name] = value
        elif what == "remove":
            members.pop(name, None)
        else:
            members[name] = dumps(sum_of(json.loads(members.get(name, "0")),
                                         value))


def sum_of(value, delta):
    """value + delta, integers both; TypeError otherwise."""
    for number in (value, delta):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError("incr() takes integers, and adds to integers")
    return value + delta


class Data(dict):
    """Session data that remembers what is done to it.

    `base`: JSON texts by name, as loaded; what lies inside values may change
    without our notice, so a look at the end compares. `touched`: names that
    were set or removed. `added`: sums of increments.
    """

    def __init__(self, members=None):
        super().__init__((name, json.loads(text))
                         for name, text in (members or {}).items())
        self.base = {name: dumps(value) for name, value in self.items()}
        self.touched = set()
        self.added = {}

    def __reduce__(self):
        return dict, (dict(self),)  # copies are plain

    def _touch(self, key):
        self.touched.add(_name(key))
        self.added.pop(_name(key), None)

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        self._touch(key)

    def __delitem__(self, key):
        super().__delitem__(key)
        self._touch(key)

    def pop(self, key, *default):
        if key in self:
            self._touch(key)
        return super().pop(key, *default)

    def popitem(self):
        key, value = super().popitem()
        self._touch(key)
        return key, value

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others, **more):
        for key, value in dict(*others, **more).items():
            self[key] = value

    def __ior__(self, other):
        self.update(other)
        return self

    def clear(self):
        """A removal of each key that is known: what a parallel request adds
        meanwhile was not touched here, and stays."""
        for key in list(self):
            del self[key]

    def incr(self, key, delta):
        """Adds to a number, of which others may make more meanwhile."""
        total = sum_of(self.get(key, 0), delta)
        super().__setitem__(key, total)
        if _name(key) not in self.touched:
            self.added[_name(key)] = self.added.get(_name(key), 0) + delta
        return total

    def edits(self):
        """All that happened since it was loaded."""
        now = {_name(key): value for key, value in self.items()}
        names = list(dict.fromkeys([*self.base, *now, *self.touched]))
        return [self._edit(name, now) for name in names
                if name in self.touched or self._differs(name, now)]

    def _differs(self, name, now):
        return name not in now or dumps(now[name]) != self.base.get(name)

    def _edit(self, name, now):
        if name in self.added:
            return "add", name, self.added[name]
        if name in now:
            return "set", name, _storable(now[name])
        return "remove", name, None

    def settled(self, members):
        """What the store holds now, with the values of before where they are
        the same: programs may have hold of them."""
        fresh = Data(members)
        mine = {_name(key): value for key, value in self.items()}
        for name, text in fresh.base.items():
            if name in mine and dumps(mine[name]) == text:
                dict.__setitem__(fresh, name, mine[name])
        return fresh
