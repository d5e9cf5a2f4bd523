"""SESSION_ENGINE = "djsession.backend": Django's face of httpd's sessions."""

from datetime import datetime, timedelta, timezone as zones

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import (
    CreateError, SessionBase, UpdateError,
)
from django.utils import timezone

from . import changes, conf, expiry
from .commit import Wish
from .errors import Absent, Taken
from .keys import is_key

conf.sessions()  # a site that is set up wrongly does not start


class SessionStore(SessionBase):
    """A session that lies in mod_djsession's memcached records.

    Saves merge key by key with those of parallel requests, here and in httpd.
    StoreError (a 500 unless somebody catches it) means that the store is in
    trouble: nothing is known, nothing was promised.
    """

    # ------------------------------------------------- what SessionBase wants

    def load(self):
        found = self._sessions.load(self.session_key) if self.session_key \
            else None
        if found is None:
            self._session_key = None
            return {}
        key, record = found
        if key != self.session_key:  # it came under a key that was given up
            self._session_key = key
            self.modified = True
        return changes.Data(changes.read(record.body))

    def exists(self, session_key):
        return bool(session_key) and is_key(session_key) \
            and self._sessions.load(session_key) is not None

    def create(self):
        self._settle(*self._sessions.create(self._whole()))
        self.modified = True

    def save(self, must_create=False):
        if self.session_key is None:
            self.create()
            return
        try:
            if must_create:
                saved = self._sessions.create(self._whole(), self.session_key)
            else:
                saved = self._save_changes()
        except Taken:
            raise CreateError from None
        except Absent:
            raise UpdateError from None
        self._settle(*saved)

    def delete(self, session_key=None):
        session_key = session_key or self.session_key
        if session_key and is_key(session_key):
            self._sessions.end(session_key)

    def clear(self):
        # The keys must be known to be removed: others' new ones stay.
        self._session.clear()
        self.modified = True

    def flush(self):
        self.delete()
        self._session_cache = {}
        self._session_key = None
        self.accessed = self.modified = True

    def cycle_key(self):
        """The same data under a new key. Of a session that has ended meanwhile
        only what this request did lives on: as a new one."""
        wish = self._changed()
        try:
            if self.session_key is None:
                raise Absent
            moved = self._sessions.cycle(self.session_key, wish)
        except Absent:
            moved = self._sessions.create(wish)
        self._settle(*moved)
        self.modified = True

    async def aclear(self):
        """clear() of a session that was not looked at yet asks memcached."""
        await sync_to_async(self.clear)()

    async def aflush(self):
        await sync_to_async(self.flush)()

    async def acycle_key(self):
        await sync_to_async(self.cycle_key)()

    @classmethod
    def clear_expired(cls):
        """memcached forgets them by itself."""

    # -------------------------------------------------------- and more of it

    def incr(self, key, delta=1):
        """Adds an integer, absent counts as 0, and returns the sum as far as it
        is known here. The save adds to what others have made of it by then."""
        data = self._session
        if isinstance(data, changes.Data):
            total = data.incr(key, delta)
        else:
            total = data[key] = changes.sum_of(data.get(key, 0), delta)
        self.modified = True
        return total

    async def aincr(self, key, delta=1):
        await self._aget_session()
        return self.incr(key, delta)

    # ---------------------------------------------------------------- expiry

    def set_expiry(self, value):
        super().set_expiry(_storable(value))

    async def aset_expiry(self, value):
        await super().aset_expiry(_storable(value))

    def get_expiry_age(self, **kwargs):
        if "expiry" not in kwargs:
            kwargs["expiry"] = self.get("_session_expiry")
        return self._age_of(**kwargs)

    async def aget_expiry_age(self, **kwargs):
        if "expiry" not in kwargs:
            kwargs["expiry"] = await self.aget("_session_expiry")
        return self._age_of(**kwargs)

    def get_expiry_date(self, **kwargs):
        if "expiry" not in kwargs:
            kwargs["expiry"] = self.get("_session_expiry")
        return self._date_of(**kwargs)

    async def aget_expiry_date(self, **kwargs):
        if "expiry" not in kwargs:
            kwargs["expiry"] = await self.aget("_session_expiry")
        return self._date_of(**kwargs)

    def _age_of(self, expiry=None, modification=None):
        """Seconds."""
        if not isinstance(expiry, (str, datetime)):
            return expiry or self.get_session_cookie_age()
        left = _aware(_date(expiry)) - _aware(modification or timezone.now())
        return left.days * 86400 + left.seconds

    def _date_of(self, expiry=None, modification=None):
        if isinstance(expiry, (str, datetime)):
            return _date(expiry)
        return (modification or timezone.now()) + timedelta(
            seconds=expiry or self.get_session_cookie_age())

    # ----------------------------------------------------------------- inside

    @property
    def _sessions(self):
        return conf.sessions()

    def _validate_session_key(self, key):
        """Others are never looked up."""
        return isinstance(key, str) and is_key(key)

    def _wish(self, edits):
        return Wish(edits, int(self.get_session_cookie_age()),
                    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE)

    def _whole(self):
        """All the data, for a record of its own."""
        data = getattr(self, "_session_cache", {})
        fresh = changes.Data()
        fresh.update(data)
        return self._wish(fresh.edits())

    def _changed(self):
        """What this request did since it has loaded the session."""
        data = self._session
        return self._wish(data.edits()) if isinstance(data, changes.Data) \
            else self._whole()

    def _save_changes(self):
        wish = self._changed()
        if self.session_key is None:  # it was not there to be loaded
            raise Absent
        return self._sessions.save(self.session_key, wish)

    def _settle(self, key, record):
        """The session becomes what the store now holds."""
        data = changes.Data()
        data.update(getattr(self, "_session_cache", {}))
        self._session_key = key
        self._session_cache = data.settled(changes.read(record.body))


def _storable(value):
    """What set_expiry() is given, as httpd reads it: dates have an offset."""
    if isinstance(value, timedelta):
        value = timezone.now() + value
    if isinstance(value, datetime):
        return _aware(value).astimezone(zones.utc).isoformat()
    expiry.read(value)
    return value


def _aware(date):
    """Naive dates are in the site's time zone, as everywhere in Django."""
    return timezone.make_aware(date, timezone.get_default_timezone()) \
        if timezone.is_naive(date) else date


def _date(value):
    """The date in a value of _session_expiry; naive where the site's are."""
    date = expiry.read(value).date if isinstance(value, str) else value
    if not settings.USE_TZ and timezone.is_aware(date):
        return timezone.make_naive(date, timezone.get_default_timezone())
    return date
