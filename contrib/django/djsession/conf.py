"""Settings, read when the site starts; ImproperlyConfigured says what to do.

README has the table of them. What httpd has to agree about is written in the
words of its directive.
"""

import functools

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .commit import Policy, Sessions
from .keyring import MOST_NAME, Keyring, read_secret
from .memcached import Server
from .record import BARE, OVERHEAD, SEALED, Sealer
from .store import Store

_MOST_VALUE = 1_000_000  # bytes that httpd keeps in memcached
_MOST_SERVERS = 16
_PREFIX_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789_.:-")
_JSON = ("django.contrib.sessions.serializers.JSONSerializer",
         "django.core.signing.JSONSerializer")
_DEFAULTS = {
    "DJSESSION_STORE": None,
    "DJSESSION_NAMESPACE": None,
    "DJSESSION_SECRET_FILES": None,
    "DJSESSION_ENCRYPT": True,
    "DJSESSION_STORE_TIMEOUT": 0.5,
    "DJSESSION_USER_KEY": "_auth_user_id",
    "DJSESSION_ABSOLUTE_TIMEOUT": None,
    "DJSESSION_MAX_SIZE": 64 * 1024,
    "DJSESSION_MAX_PER_USER": None,
    "DJSESSION_REPLAY": "Log",
    "DJSESSION_TLS": None,
    "SESSION_COOKIE_SECURE": False,
    "SESSION_SERIALIZER": _JSON[0],
}


def sessions():
    """The Sessions that the settings of now describe."""
    values = []
    for name, default in _DEFAULTS.items():
        value = getattr(settings, name, default)
        values.append(tuple(value) if isinstance(value, list) else value)
    return _sessions(*values)


@functools.lru_cache(maxsize=8, typed=True)
def _sessions(store, namespace, files, encrypt, *policy):
    sealer = Sealer(_ring(files), _namespace(namespace),
                    SEALED if _flag("DJSESSION_ENCRYPT", encrypt) else BARE)
    return Sessions(_store(store), sealer, _policy(*policy))


def _refuse(sentence, *about):
    raise ImproperlyConfigured(sentence % about)


def _flag(name, value):
    if not isinstance(value, bool):
        _refuse("%s is True or False", name)
    return value


def _number(name, value, least, most):
    if isinstance(value, bool) or not isinstance(value, (int, float)) \
            or not least <= value <= most:
        _refuse("%s is a number from %s to %s", name, least, most)
    return value


def _text(name, value, what):
    if not isinstance(value, str) or not value:
        _refuse("%s is not set: %s", name, what)
    return value


def _namespace(value):
    name = _text("DJSESSION_NAMESPACE", value, "give it httpd's "
                 "DjSessionNamespace, or the host's ServerName where there is "
                 "none").encode()
    if len(name) > MOST_NAME:
        _refuse("DJSESSION_NAMESPACE has more than %d bytes", MOST_NAME)
    return name


def _ring(files):
    files = (files,) if isinstance(files, str) else files
    if not files:
        _refuse("DJSESSION_SECRET_FILES is not set: name copies of httpd's "
                "DjSessionSecretFile, in its order, that the user who runs "
                "Django can read")
    try:
        return Keyring([read_secret(str(path)) for path in files])
    except ValueError as error:
        raise ImproperlyConfigured("DJSESSION_SECRET_FILES: %s" % error) \
            from None


def _store(text):
    where, *options = _text(
        "DJSESSION_STORE", text, "give it what stands behind httpd's "
        "DjSessionStore, as in 'memcache:127.0.0.1:11211'").split()
    if not where.startswith("memcache:"):
        _refuse("DJSESSION_STORE: sessions can be shared in memcached only, "
                "not in %s: use DjSessionStore memcache:HOST:PORT in httpd and "
                "the same here", where)
    prefix = "djs:"
    for option in options:
        name, _, value = option.partition("=")
        if name == "prefix":
            prefix = _prefix(value)
        elif option == "replicas=2":
            _refuse("DJSESSION_STORE: replicas=2 is httpd's alone: share one "
                    "copy, with replicas=1 on both sides")
        elif ":" in option:
            _refuse("DJSESSION_STORE: with DBM files behind memcached httpd "
                    "shares nothing with other hosts or programs: use "
                    "memcache:... alone on both sides")
        elif option != "replicas=1" and name not in ("min", "max", "ttl"):
            _refuse("DJSESSION_STORE has no option %s: it has prefix=P and "
                    "replicas=1", option)
    return Store(_servers(where[len("memcache:"):]), prefix)


def _prefix(value):
    if not 0 < len(value) <= 64 or set(value) - _PREFIX_CHARS:
        _refuse("DJSESSION_STORE: prefix=%s is not possible: use 1 to 64 of "
                "the letters A to Z and a to z, digits and _ . : -", value)
    return value


def _servers(text):
    names = text.split(",")
    if len(names) > _MOST_SERVERS:
        _refuse("DJSESSION_STORE names more than %d servers", _MOST_SERVERS)
    if len(set(names)) < len(names):
        _refuse("DJSESSION_STORE names a server twice")
    return [_server(name) for name in names]


def _server(name):
    host, _, port = name.rpartition(":")
    if not name.startswith("/"):
        if not host or ":" in host or not port.isdigit() \
                or not 1 <= int(port) <= 65535:
            _refuse("DJSESSION_STORE: '%s' is no memcached server: use "
                    "HOST:PORT with an IPv4 address, or the path of a unix "
                    "socket", name)
    try:
        return Server(name)
    except OSError:
        return _refuse("DJSESSION_STORE: the host of '%s' has no IPv4 address "
                       "that can be found now", name)


def _limit(name, value, most):
    """A number; None is no limit, and 0."""
    return 0 if value is None else _number(name, value, 1, most)


def _policy(timeout, user_key, absolute, max_size, max_per_user, replay, tls,
            secure, serializer):
    if serializer not in _JSON:
        _refuse("SESSION_SERIALIZER is %s, but httpd reads JSON: leave it at "
                "%s", serializer, _JSON[0])
    if replay not in ("Log", "Flush"):
        _refuse("DJSESSION_REPLAY is 'Log' or 'Flush', as httpd's "
                "DjSessionReplay")
    keys = user_key if user_key and isinstance(user_key, tuple) else (user_key,)
    return Policy(
        timeout=_number("DJSESSION_STORE_TIMEOUT", timeout, 0.01, 60),
        user_key=_text("DJSESSION_USER_KEY", keys[0], "give it httpd's "
                       "DjSessionUserKey"),
        more_user_keys=tuple(
            _text("DJSESSION_USER_KEY", key, "give it a list of keys")
            for key in keys[1:]),
        max_size=_number("DJSESSION_MAX_SIZE", max_size, 1,
                         _MOST_VALUE - OVERHEAD),
        absolute=int(1_000_000 * _limit(
            "DJSESSION_ABSOLUTE_TIMEOUT (seconds, or None)", absolute,
            100 * 365 * 86400)),
        max_per_user=_limit("DJSESSION_MAX_PER_USER (or None)", max_per_user,
                            1000),
        tls=bool(secure) if tls is None else _flag("DJSESSION_TLS", tls),
        replay_flush=replay == "Flush")
