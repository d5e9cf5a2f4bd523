"""Django's own session engines, from the shell: the other side of a test.

    django_session.py ENGINE SETTINGS make DATA     prints the new key
    django_session.py ENGINE SETTINGS load KEY      prints the data, or null
    django_session.py ENGINE SETTINGS update KEY DATA   prints the key
    django_session.py ENGINE SETTINGS delete KEY
    django_session.py ENGINE SETTINGS version
    django_session.py ENGINE SETTINGS serve

SETTINGS and DATA are JSON. `serve` reads such a verb and its words as a JSON
list from each line of its input, and answers each with a line, an object that
has a `result` or an `error`. With the file engine it runs as the owner of
SESSION_FILE_PATH, as Django would. With a database it also knows

    migrate                 makes the tables of sessions and users
    user NAME PASSWORD      makes a user, or sets his password; prints his id
    active NAME 0|1         blocks a user, or lets him in again
    hash NAME               what a session keeps of his password
    odd                     makes a row that is signed and no session; its key
    row KEY                 the data of a row, whatever the engine
    sql STATEMENT           prints the rows as JSON
"""
import importlib
import json
import os
import sys

from django.conf import settings


def configured(given):
    if os.geteuid() == 0 and "SESSION_FILE_PATH" in given:
        os.setuid(os.stat(given["SESSION_FILE_PATH"]).st_uid)
    base = {"USE_TZ": True}
    if "DATABASES" in given:
        base["DEFAULT_AUTO_FIELD"] = "django.db.models.AutoField"
        base["INSTALLED_APPS"] = ["django.contrib.auth",
                                  "django.contrib.contenttypes",
                                  "django.contrib.sessions"]
    base.update(given)
    settings.configure(**base)
    import django

    django.setup()


def of_a_user(verb, name, word=None):
    from django.contrib.auth.models import User

    user, _ = User.objects.get_or_create(username=name)
    if verb == "hash":
        return user.get_session_auth_hash()
    if verb == "user":
        user.set_password(word)
    else:
        user.is_active = word == "1"
    user.save()
    return str(user.pk)


def sql(statement):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    return json.dumps(rows, default=str)


def odd():
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session

    store = SessionStore()
    store.create()
    Session.objects.filter(pk=store.session_key).update(
        session_data=store.encode(["a", "list"]))
    return store.session_key


def row(key):
    from django.contrib.sessions.backends.db import SessionStore

    return dict(SessionStore(key).items())


def migrate():
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def run(engine, verb, *words):
    if verb in ("user", "active", "hash"):
        return of_a_user(verb, *words)
    if verb in ("sql", "migrate", "odd", "row"):
        return globals()[verb](*words)
    if verb == "version":
        import django

        return django.get_version()
    module = importlib.import_module("django.contrib.sessions.backends." + engine)
    store = module.SessionStore(words[0] if verb != "make" else None)
    if verb == "make":
        store.update(json.loads(words[0]))
        store.create()
        store.save()
        return store.session_key
    if verb == "load":
        data = dict(store.items())
        return json.dumps(data if store.session_key else None, sort_keys=True)
    if verb == "update":
        store.update(json.loads(words[1]))
        store.save()
        return store.session_key
    elif verb == "delete":
        store.delete()


def serve(engine):
    for line in sys.stdin:
        try:
            answer = {"result": run(engine, *json.loads(line))}
        except Exception as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps(answer), flush=True)


def main(engine, given, verb, *words):
    configured(json.loads(given))
    if verb == "serve":
        serve(engine)
    else:
        said = run(engine, verb, *words)
        if said is not None:
            print(said)


main(*sys.argv[1:])
