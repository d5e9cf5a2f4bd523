#!/usr/bin/env python3
"""A Django site for tests, with its sessions in httpd's store, or its own.

usage: django_site.py PORT DIRECTORY SETTINGS

SETTINGS is a JSON object of what the test says, in the place of what stands
here. Serves until it is killed.
Users ada and bob, with their names as passwords. Each page answers with JSON:
who is logged in, and the session's data.

    /django/login?user=U  /django/logout  /django/password (changes it)
    /django/active?user=U&is=0 (blocks him; 1: lets him in again)
    /django/act           does the JSON object that was posted: set, remove,
                          incr, expiry, clear, cycle, wait and touch (of files
                          in DIRECTORY/sync)
"""
import json
import os
import socketserver
import sys
import time
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../contrib/django"))
PORT, DIRECTORY, SETTINGS = sys.argv[1:]

from django.conf import settings

settings.configure(**{**dict(
    ALLOWED_HOSTS=["*"],
    AUTH_PASSWORD_VALIDATORS=[],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
                           "NAME": os.path.join(DIRECTORY, "users.sqlite")}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DJSESSION_NAMESPACE="localhost",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware"],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the site, and not of the sessions",
    SESSION_ENGINE="djsession.backend",
    USE_TZ=True), **json.loads(SETTINGS)})

import django

django.setup()
from django.contrib import auth
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path


def answer(request):
    """Whoever is in: as AuthenticationMiddleware finds it now."""
    request.session.accessed = True
    user = auth.get_user(request)
    return JsonResponse({"user": user.get_username(),
                         "id": user.pk,
                         "data": dict(request.session.items())})


def login(request):
    name = request.GET["user"]
    user = auth.authenticate(request, username=name, password=name)
    auth.login(request, user)
    return answer(request)


def logout(request):
    auth.logout(request)
    return answer(request)


def password(request):
    """As the view that changes one: the other sessions end, this goes on."""
    request.user.set_password(request.user.get_username())
    request.user.save()
    auth.update_session_auth_hash(request, request.user)
    return answer(request)


def active(request):
    """As the administrator's pages do it."""
    user = User.objects.get(username=request.GET["user"])
    user.is_active = request.GET["is"] == "1"
    user.save()
    return JsonResponse({"active": user.is_active})


def act(request):
    todo = json.loads(request.body or "{}")
    session = request.session
    if "touch" in todo:
        session.get("anything")  # so that it is loaded before
        open(os.path.join(DIRECTORY, "sync", todo["touch"]), "w").close()
    if "wait" in todo:
        await_file(os.path.join(DIRECTORY, "sync", todo["wait"]))
    if todo.get("clear"):
        session.clear()
    session.update(todo["set"]) if "set" in todo else None
    for name in todo.get("remove", ()):
        session.pop(name, None)
    for name, number in todo.get("incr", {}).items():
        session.incr(name, number)
    if "expiry" in todo:
        session.set_expiry(todo["expiry"])
    if todo.get("cycle"):
        session.cycle_key()
    return answer(request)


def await_file(name):
    for _ in range(500):
        if os.path.exists(name):
            return
        time.sleep(0.02)


urlpatterns = [path("django/login", login), path("django/logout", logout),
               path("django/password", password), path("django/act", act),
               path("django/active", active)]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # asks no name server
        self.server_name, self.server_port = "localhost", int(PORT)
        self.setup_environ()


class Handler(WSGIRequestHandler):
    def address_string(self):
        return "127.0.0.1"

    def log_message(self, *arguments):
        pass


def main():
    call_command("migrate", verbosity=0)
    for name in {"ada", "bob"} - {user.username for user in User.objects.all()}:
        User.objects.create_user(name, password=name)
    server = Server(("127.0.0.1", int(PORT)), Handler)
    server.set_app(get_wsgi_application())
    print("Django", django.get_version(), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
