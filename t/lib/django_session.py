"""Django's own session engines, from the shell: the other side of a test.

    django_session.py ENGINE SETTINGS make DATA     prints the new key
    django_session.py ENGINE SETTINGS load KEY      prints the data, or null
    django_session.py ENGINE SETTINGS update KEY DATA
    django_session.py ENGINE SETTINGS delete KEY

SETTINGS and DATA are JSON. With the file engine it runs as the owner of
SESSION_FILE_PATH, as Django would.
"""
import importlib
import json
import os
import sys

from django.conf import settings


def main(engine, given, verb, *words):
    given = json.loads(given)
    if os.geteuid() == 0 and "SESSION_FILE_PATH" in given:
        os.setuid(os.stat(given["SESSION_FILE_PATH"]).st_uid)
    settings.configure(USE_TZ=True, **given)
    module = importlib.import_module("django.contrib.sessions.backends." + engine)
    store = module.SessionStore(words[0] if verb != "make" else None)
    if verb == "make":
        store.update(json.loads(words[0]))
        store.create()
        store.save()
        print(store.session_key)
    elif verb == "load":
        data = dict(store.items())
        print(json.dumps(data if store.session_key else None, sort_keys=True))
    elif verb == "update":
        store.update(json.loads(words[1]))
        store.save()
    elif verb == "delete":
        store.delete()


main(*sys.argv[1:])
