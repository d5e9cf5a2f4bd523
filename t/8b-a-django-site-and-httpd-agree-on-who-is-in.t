# A Django site as it is, under each supported version and with each engine,
# behind an httpd that reads its sessions: who logs in or out there is in or out
# here; a changed password and a blocked account end access here, too; and its
# passwords are good for AuthType Basic.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Database;
use DjSession::Django;
use DjSession::Memcached;
use DjSession::Test;
use File::Temp ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

my $python = DjSession::Django->python;
plan skip_all => "no Django for $python"
    if system("$python -c 'import django' 2>/dev/null") != 0;
my $lacks = DjSession::Database->lacks('sqlite');
plan skip_all => $lacks if $lacks;
plan skip_all => 'no memcached here: build/deps check'
    if !DjSession::Memcached->program;
plan skip_all => 'no pymemcache here: build/deps check'
    if system("$python -c 'import pymemcache' 2>/dev/null") != 0;

my $SECRET = 'a site of its own: key number three 0123456789';
my $OLD = 'the key that it had before 0123456789 0123456789';
my ($site, $s, $memcached, @running);

# The places and files of a site; Django runs as the user that serves.
sub make_site {
    $site = File::Temp->newdir('djs-XXXXXX', TMPDIR => 1);
    chmod 0755, "$site";
    mkdir "$site/run", 0700;
    mkdir "$site/run/sessions", 0700;
    chown +(getpwnam 'www-data')[2, 3], "$site/run", "$site/run/sessions"
        if $> == 0;
    for (['key', $SECRET], ['old', $OLD]) {
        my ($name, $text) = @$_;
        open my $file, '>', "$site/$name" or die "$site/$name: $!";
        print {$file} "$text\n";
        close $file;
        chmod 0600, "$site/$name";
    }
    return;
}

# httpd in front of it.
sub start_httpd ($store, $port) {
    $s = server(store => "DjSessionStore $store", loglevel => 'info',
        modules => [qw(authz_user auth_basic dbd proxy proxy_http)],
        conf => <<"END");
DBDriver sqlite3
DBDParams $site/run/users.sqlite
DjSessionStoreTimeout 5s
DjSessionDjangoSecretFile $site/key $site/old
DjSessionDjangoUserQuery "SELECT password, is_active FROM auth_user WHERE id = %d"
DjSessionDjangoLoginQuery "SELECT password, is_active FROM auth_user WHERE username = %s"
ProxyPass /django/ http://127.0.0.1:$port/django/
<Location /private>
  AuthType DjSession
  Require djsession-user *
</Location>
<Location /renewed>
  DjSessionRenew EveryRequest
  AuthType DjSession
  Require djsession-user *
</Location>
<Location /basic>
  AuthType Basic
  AuthName site
  AuthBasicProvider djsession-django
  Require valid-user
</Location>
END
    $s->allows(qr/DJS22[02].*said of/); # a child's first one is a warning
    $s->canary($_) for $SECRET, $OLD;
    $s->file("htdocs/$_", "$_\n") for qw(private renewed basic);
    return;
}

my @HASHERS = map { "django.contrib.auth.hashers.${_}PasswordHasher" }
    qw(PBKDF2 MD5);

sub start_site ($place, $port, $engine, %more) {
    pipe my $read, my $write or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $ENV{PYTHONPATH} = $place;
        open STDOUT, '>&', $write;
        open STDERR, '>', "$site/django";
        DjSession::Server::become_server();
        { exec $python, 't/lib/django_site.py', $port, "$site/run", json({
            SECRET_KEY => $SECRET,
            CACHES => { default => { LOCATION => $memcached->name, BACKEND =>
                'django.core.cache.backends.memcached.PyMemcacheCache' } },
            $engine eq 'db' ? (PASSWORD_HASHERS => \@HASHERS) : (),
            SESSION_ENGINE => "django.contrib.sessions.backends.$engine",
            SESSION_FILE_PATH => "$site/run/sessions", %more }) }
        POSIX::_exit(127);
    }
    close $write;
    @running = ($pid, $$);
    return scalar(<$read>) // DjSession::Server::slurp("$site/django");
}

sub stop_site {
    my ($pid, $owner) = @running;
    return if !$pid || $owner != $$;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    @running = ();
    return;
}
END { local ($?, $@); stop_site() }

sub page ($b, $path) {
    my $r = $b->get("/django/$path");
    return $r->status == 200 ? JSON::PP::decode_json($r->body) : {};
}
sub at_django ($b) { return page($b, 'act')->{user} || '-' }
sub at_httpd ($b)  { return $b->get('/private')->status }
sub there ($b)     { return at_django($b) . ' ' . at_httpd($b) }

sub login ($user) {
    my $b = $s->browser;
    page($b, "login?user=$user");
    $s->canary($b->{jar}{sessionid} // '');
    return $b;
}

# The way of a user through both; `keeps`: the engine has something that ends.
sub agree ($name, $keeps) {
    my $nobody = $s->browser;
    is there($nobody), '- 401', "$name: a visitor is in nowhere";
    my $ada = login('ada');
    is there($ada), 'ada 200', "H35: $name: who logs in at the site is in here";
    my $r = $ada->act(u => { set => { cart => 3 } });
    is $r->status, 200, "$name: a program behind httpd changes the session";
    is page($ada, 'act')->{data}{cart}, 3, "H35: $name: the site sees that";
    $r = $ada->get('/renewed');
    is $r->status . ' ' . $r->cookies, '200 1', "$name: renewed here";
    is there($ada), 'ada 200', "$name: and still logged in there";

    my ($here, $other) = map { login('ada') } 1 .. 2;
    is there($other), 'ada 200', "$name: ada has two more browsers";
    page($here, 'password');
    is there($here), 'ada 200', "$name: she changes her password in one";
    is at_httpd($other), 401,
        "$name: the other one is out here, before the site was asked";
    is at_django($other), '-', "$name: as it is there";

    my $bob = login('bob');
    is there($bob), 'bob 200', "$name: bob is in";
    page($nobody, 'active?user=bob&is=0');
    is at_httpd($bob), 401, "$name: a blocked user is out here";
    is at_django($bob), '-', "$name: as there";
    page($nobody, 'active?user=bob&is=1');
    $bob = login('bob');
    is there($bob), 'bob 200', "$name: and in again with a new login";

    my $kept = $s->browser(jar => { %{ $bob->{jar} } });
    page($bob, 'logout');
    is there($bob), '- 401', "$name: who logs out at the site is out here";
    is at_httpd($kept), 401, "H35: $name: so is who has kept the cookie"
        if $keeps;
    $ada = login('ada');
    $ada->act(u => { flush => \1 });
    is there($ada), '- 401', "$name: who logs out here is out at the site";
    return;
}

# SECRET_KEY changes, and the old one is a fallback.
sub fallback ($name, $place, $port, $engine) {
    stop_site();
    start_site($place, $port, $engine, SECRET_KEY => $OLD);
    my $ada = login('ada');
    is there($ada), 'ada 200', "H13: $name: a login under a key that goes";
    stop_site();
    start_site($place, $port, $engine, SECRET_KEY_FALLBACKS => [$OLD]);
    is at_httpd($ada), 200, "H13: $name: is good while it is a fallback";
    is at_django($ada), 'ada', "H13: $name: as it is at the site";
    is at_httpd($ada), 200, "H13: $name: and when that has signed it anew";
    return;
}

# Programs that log in with each request.
sub basic ($name) {
    my $with = sub ($user, $password) {
        return $s->browser->get('/basic', headers => ['Authorization: Basic '
            . encode_base64("$user:$password", '')]);
    };
    my $r = $with->('ada', 'ada');
    is $r->status . ' ' . $r->cookies, '200 0',
        "$name: a password of the site's, by AuthType Basic; no session begins";
    is $with->('ada', 'bob')->status, 401, "$name: a wrong one";
    my $from = time;
    is $with->("eve' OR '1'='1", 'eve')->status, 401,
        "$name: a user who does not exist";
    cmp_ok time - $from, '>', 0.05, "$name: which takes its time";
    my $visitor = $s->browser;
    page($visitor, 'active?user=ada&is=0');
    is $with->('ada', 'ada')->status, 401, "$name: a blocked user";
    page($visitor, 'active?user=ada&is=1');
    $s->allows(qr/AH0161[78]/);
    return;
}

sub unknown_hasher ($place, $port) {
    stop_site();
    start_site($place, $port, 'db', PASSWORD_HASHERS => [reverse @HASHERS]);
    login('ada'); # her password is hashed with MD5 now
    $s->expects(qr/DJS224/);
    is $s->browser->get('/basic', headers => ['Authorization: Basic '
        . encode_base64('ada:ada', '')])->status, 500,
        'a hasher that is not known lets nobody in, and is an error';
    return;
}

$memcached = DjSession::Memcached->start;
my %store = (db => sub { 'django-db:' },
    cache => sub { 'django-cache:' . $memcached->name },
    cached_db => sub { 'django-cached-db:' . $memcached->name },
    file => sub { "django-file:$site/run/sessions" },
    signed_cookies => sub { 'django-cookies:' });
for my $version (DjSession::Django->versions) {
    my ($number, $place) = @$version;
    for my $engine (sort keys %store) {
        my $name = "Django $number, $engine";
        my $port = DjSession::Server::free_port();
        make_site();
        like start_site($place, $port, $engine), qr/^Django \Q$number\E/, "$name: the site begins";
        start_httpd($store{$engine}->(), $port);
        agree($name, $engine ne 'signed_cookies');
        basic($name) if $engine eq 'db';
        fallback($name, $place, $port, $engine) if $number ne '3.2';
        unknown_hasher($place, $port) if $name eq 'Django 3.2, db';
        stop_site();
        if ($engine eq 'db') {
            system $python, '-c', 'import sqlite3, sys; sqlite3.connect('
                . 'sys.argv[1]).execute("DROP TABLE django_session")',
                "$site/run/users.sqlite";
            my $b = $s->browser(jar => { sessionid => some_key() });
            $s->expects(qr/DJS221/, qr/DJS101/);
            $s->allows(qr/DJS10|\[dbd:/);
            is $b->get('/private')->status, 503,
                "J14: $name: without its tables nobody is said to be out";
        }
        $s->stop;
    }
}
done_testing;
