"""A session's own expiry, `_session_expiry`, as httpd understands it.

Absent or None: the site's age. 0: the site's age, and the cookie ends with the
browser. Other numbers: so many seconds after each save. A string: an ISO 8601
date in UTC or with an offset, which saves do not move.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = 1_000_000  # microseconds
_LAST = (1 << 63) - 1


@dataclass
class Expiry:
    """One of `seconds` and `date` (aware), or none: the site's age."""

    seconds: int = None
    date: datetime = None
    browser: bool = False  # it said 0: ends with the browser

    def deadline(self, now, age):
        """Microseconds since 1970, from `now` and the site's age (seconds)."""
        if self.date is not None:
            return (self.date - _EPOCH) // timedelta(microseconds=1)
        seconds = age if self.seconds is None else self.seconds
        return max(-_LAST, min(now + seconds * _SECOND, _LAST))


def read(value):
    """The Expiry that a value of `_session_expiry` means. TypeError and
    ValueError for what httpd would refuse to save."""
    if value is None:
        return Expiry()
    if isinstance(value, str):
        return Expiry(date=_date(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("_session_expiry is neither a number nor a date: use "
                        "set_expiry()")
    if not math.isfinite(value):
        raise ValueError("_session_expiry is not a finite number")
    return Expiry(seconds=int(value)) if value else Expiry(browser=True)


def _date(text):
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError("_session_expiry is not an ISO 8601 date with Z or an "
                         "offset: use set_expiry()")
    *numbers, fraction, sign, hours, minutes = found.groups()
    zone = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    date = datetime(*(int(n or 0) for n in numbers),
                    int((fraction or "").ljust(6, "0")[:6]),
                    timezone(-zone if sign == "-" else zone))
    if date < _EPOCH:
        raise ValueError("_session_expiry is before 1970")
    return date
