# DjsBench::Django - the peer that a site would have otherwise: Django under
# mod_wsgi, its sessions in memcached, or where another engine keeps them.
#
# The application is as small as Django allows: one view and the middleware of
# sessions. It answers the user's id, which it takes from the session; or, with
# Django's own check, from the database (SQLite, a connection that stays open),
# once the session's hash of the password was compared.
package DjsBench::Django;
use strict;
use warnings;
use Carp qw(croak);

my $PYTHON = '/usr/bin/python3'; # that of mod_wsgi

# The client library that each of Django's classes needs.
my %LIBRARY = (PyLibMCCache => 'pylibmc', PyMemcacheCache => 'pymemcache');

my $MIDDLEWARE = 'AuthenticationMiddleware';

my $NOTHING = <<'END';
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", "8")])
    return [b"user 42\n"]
END

my $APPLICATION = <<'END';
import sys
sys.path[:0] = [path for path in ["PLACE"] if path]
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import re_path

MEMBERS = {ITEMS}


def page(request):
    if request.META["SCRIPT_NAME"] == "/django-seed":
        seed(request)
    text = "user %s\n" % who(request)
    return HttpResponse(text, content_type="text/plain",
                        headers={"Content-Length": len(text)})


class Urls:
    urlpatterns = [re_path("", page)]


settings.configure(
    SECRET_KEY="correct-horse-battery-staple",
    ALLOWED_HOSTS=["bench.invalid"],
    ROOT_URLCONF=Urls,
    SESSION_ENGINE="django.contrib.sessions.backends.ENGINE",
    SESSION_FILE_PATH="FILES",
    CACHES={"default": {
        "BACKEND": "django.core.cache.backends.memcached.CLASS",
        "LOCATION": "SERVER"}},
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                MORE_MIDDLEWARE],
    **{MORE_SETTINGS})
django.setup()
CHECK
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
END

my $NO_CHECK = <<'END';

def seed(request):
    request.session.update(MEMBERS)


def who(request):
    return request.session.get("_auth_user_id")

END

# Run by itself, it makes the database, and says the key of a session.
my $CHECK = <<'END';
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.management import call_command


def seed(request):
    login(request, User.objects.get(pk=42))
    for key, value in MEMBERS.items():
        request.session.setdefault(key, value)


def who(request):
    return request.user.pk if request.user.is_authenticated else None


if __name__ == "__main__":
    from importlib import import_module

    call_command("migrate", verbosity=0)
    user, _ = User.objects.get_or_create(pk=42, username="ada")
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store.update(MEMBERS)
    store["_auth_user_hash"] = user.get_session_auth_hash()
    store.save()
    print(store.session_key)

END

my $CHECK_SETTINGS = <<'END';
"INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes",
                         "django.contrib.sessions"],
      "AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.ModelBackend"],
      "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3",
                                "NAME": "USERS", "CONN_MAX_AGE": None}}
END

# Can an application that uses `class` ('': that has no Django) run here?
sub can_run {
    my ($site, $class) = @_;
    return 0 unless $site->has_module('wsgi');
    return 1 if $class eq '';
    return version($site) ne '' && _python($site, "import $LIBRARY{$class}");
}

# Django's version, or '' when there is none.
sub version {
    my ($site) = @_;
    $site->{django_version} //= do {
        _take_in($site);
        _python($site, 'import django; print(django.get_version())') // '';
    };
    return $site->{django_version};
}

# Puts a copy of the Django that was named where the servers may read it.
sub _take_in {
    my ($site) = @_;
    my $from = delete $site->{django} or return;
    my $to = $site->make_dir('django');
    system('cp', '-Rp', "$from/.", $to) == 0 or croak "cannot copy $from";
    chmod 0755, $to;
    $site->{django_copy} = $to;
}

# What Python prints (or '1' for nothing); undef when it fails.
sub _python {
    my ($site, @words) = @_;
    local $ENV{PYTHONPATH} = $site->{django_copy} // '';
    open my $in, '-|', "$PYTHON - 2>/dev/null <<'END'\n@words\nEND\n"
        or return undef;
    my $said = do { local $/; <$in> } // '';
    close $in or return undef;
    chomp $said;
    return $said eq '' ? 1 : $said;
}

# Writes the application to `path`; `items` are the members of its session. It
# is run once, so that Python has compiled all of it before it is measured.
# `how`: `class` of the cache; `check`, a path: Django asks who the user is, and
# keeps its users there; `engine` of its sessions, `files` a directory for them.
# Returns a session's key, if it was made.
sub make_app {
    my ($site, $path, $how, %items) = @_;
    my ($class, $check) = @$how{qw(class check)};
    my $engine = $how->{engine} || 'cache';
    my $text = $class eq '' ? $NOTHING : $APPLICATION;
    my $members = join ', ', map {
        my $value = $items{$_};
        $_ eq 'visits' ? qq("$_": $value) : qq("$_": "$value")
    } sort keys %items;
    my $place = $site->{django_copy} // '';
    $text =~ s/PLACE/$place/;
    $text =~ s/ITEMS/$members/;
    $text =~ s/CLASS/$class/;
    $text =~ s/backends.ENGINE/backends.$engine/;
    $text =~ s/FILES/$how->{files}/;
    $text =~ s/SERVER/$site->memcached->name/e;
    my ($code, $middleware, $settings) = !$check ? ($NO_CHECK, '', '')
        : ($CHECK, qq("django.contrib.auth.middleware.$MIDDLEWARE"),
           $CHECK_SETTINGS);
    $text =~ s/^CHECK$/$code/m;
    $text =~ s/,\n +MORE_MIDDLEWARE/$middleware && ",\n   $middleware"/e;
    $text =~ s/MORE_SETTINGS/$settings/;
    $text =~ s/"USERS"/"$check"/ if $check;
    $site->make_file($path, $text);
    my $said = _python($site, $text) or croak "$path does not run";
    $site->_give($check, glob "$how->{files}/*") if $check;
    return $said;
}

1;
