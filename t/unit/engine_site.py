"""What the tests of contrib/django share: settings, and ways to look into the
store behind an engine's back."""
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__),
                                "../../contrib/django"))
try:
    import cryptography
    import django
except ModuleNotFoundError as error:
    print(error)
    sys.exit(77)
from django.conf import settings

DIRECTORY = tempfile.TemporaryDirectory()
PORT = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 11211
SECOND = 1_000_000


def secret_file(name, text="", mode=0o600):
    path = os.path.join(DIRECTORY.name, name)
    with open(path, "w") as file:
        file.write(text or os.urandom(32).hex() + "\n")
    os.chmod(path, mode)
    return path


SECRET, OLD_SECRET = secret_file("secret"), secret_file("old")
settings.configure(
    SECRET_KEY="unused here", USE_TZ=True, SESSION_ENGINE="djsession.backend",
    DJSESSION_STORE="memcache:127.0.0.1:%d" % PORT,
    DJSESSION_NAMESPACE="localhost", DJSESSION_SECRET_FILES=[SECRET])
django.setup()
from djsession import conf
from djsession.backend import SessionStore


def born(**data):
    session = SessionStore()
    session.update(data)
    session.save()
    return session


def data_of(key):
    return dict(SessionStore(key).items())


def place(key):
    """(sealer, store, store key, until) of a session."""
    sessions = conf.sessions()
    return (sessions._sealer, sessions._store,
            sessions._at(sessions._ring.first, key), time.monotonic() + 5)


def record_of(key):
    sealer, store, at, until = place(key)
    value = store.read([at], at, until)[0]
    return value and sealer.open(value, at)


def put(key, record):
    sealer, store, at, until = place(key)
    store.remove(at, until)
    store.add(at, sealer.seal(record, at), record.expires, until)
