# DjSessionStore django-cache: and django-cached-db: the sessions of a Django
# site's cache and cached_db engines, in its own memcached, as each of its
# clients puts them there. Django makes, changes and ends them, httpd reads,
# guards by, changes and ends the very same ones (H35).
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use DjSession::Database;
use DjSession::Django;
use DjSession::Memcached;
use DjSession::Shared;
use File::Temp ();
use IO::Socket::INET;

my $python = DjSession::Django->python;
plan skip_all => "no Django for $python"
    if system("$python -c 'import django' 2>/dev/null") != 0;
plan skip_all => 'no memcached here: build/deps check'
    if !DjSession::Memcached->program;

my $SECRET = 'a site of its own: key number four 0123456789';
my $site = File::Temp->newdir('djs-XXXXXX', TMPDIR => 1);
chmod 0755, "$site";
my $key = site_key("$site", $SECRET);
my %backend = (pymemcache => 'PyMemcacheCache', pylibmc => 'PyLibMCCache',
    memcache => 'MemcachedCache');

sub has ($module) {
    return system("$python -c 'import $module' 2>/dev/null") == 0;
}

# settings.CACHES for these servers; Django takes one only as it is.
sub caches ($client, $servers, %more) {
    my @names = map { $_->name } @$servers;
    return { default => {
        BACKEND => "django.core.cache.backends.memcached.$backend{$client}",
        LOCATION => @names > 1 ? \@names : $names[0], %more } };
}

sub start_httpd ($store, $conf = '', @modules) {
    my $s = server(store => "DjSessionStore $store", loglevel => 'info',
        modules => ['authz_user', @modules],
        conf => site_pages() . "DjSessionStoreTimeout 5s\n$conf");
    site_pages($s);
    return $s;
}

sub names (@servers) { return join ',', map { $_->name } @servers }

# Bytes in the memcached that has the entry; what it said to that.
sub say_to ($m, $line) {
    my $sock = IO::Socket::INET->new($m->name) or die "no memcached: $!";
    print {$sock} $line;
    my $said = readline $sock;
    close $sock;
    return $said;
}
sub entry ($K, $value, $flags = 1) {
    return sprintf "set :1:django.contrib.sessions.cache%s %d 60 %d\r\n%s\r\n",
        $K, $flags, length $value, $value;
}

# Values that no session is in, and some that no JSON could hold.
sub odd_values ($name, $django, $s, $m) {
    my %odd = ('H36: a text' => ['hello', 16], 'H36: a number' => ['12', 2],
        'H23: what would run' => ["cos\nsystem\n(S'true'\ntR.", 1],
        'H32: a pickle cut short' => ["\x80\x05}\x94", 1],
        'an empty one' => ['', 1]);
    $s->expects(qr/DJS203/, qr/DJS206/);
    my $n = 0;
    for my $what (sort keys %odd) {
        my $K = some_key(++$n);
        $s->canary($K);
        say_to($m, entry($K, @{ $odd{$what} }));
        my $b = $s->browser(jar => { sessionid => $K });
        is $b->act(u => { set => { a => 1 } })->status, 503,
            "$what is no session, and is not written over";
        is say_to($m, "get :1:django.contrib.sessions.cache$K\r\n")
            =~ s/^VALUE \S+ (\d+) (\d+)\r\n/$1 $2/r,
            "$odd{$what}[1] " . length $odd{$what}[0], "$what: it is as it was";
    }
    # {"a": (1,), "_auth_user_id": "7"}: a tuple has no form in JSON.
    my $K = some_key(++$n);
    $s->canary($K);
    say_to($m, entry($K, "\x80\x04}(\x8c\x01aK\x01\x85\x8c\x0d_auth_user_id"
        . "\x8c\x017u."));
    my $b = $s->browser(jar => { sessionid => $K });
    is $b->get('/inside.html')->status, 200,
        'H30: a session with a tuple can be read';
    $s->expects(qr/DJS209/);
    is $b->act(u => { set => { b => 1 } })->status, 500,
        'H30: and is not written, for that would change it';
    return;
}

# Without the memcached nobody is logged out.
sub comes_and_goes ($name, $django, $s, $m) {
    my $K = $django->make({ _auth_user_id => '7' });
    $s->canary($K);
    my $b = $s->browser(jar => { sessionid => $K });
    is $b->get('/inside.html')->status, 200, "$name: before the trouble";
    $s->expects(qr/DJS101/);
    $s->allows(qr/DJS209/, qr/DJS10/);
    $m->freeze;
    is $b->get('/inside.html')->status, 503,
        "J14: $name: a memcached that stands still logs nobody out";
    is $b->act(u => { set => { a => 1 } })->status, 503,
        "$name: and no change is said to be saved";
    $m->thaw;
    return ok $s->wait_until(
        sub { $b->get('/inside.html')->status == 200 }, 10),
        "J14: $name: it goes on, and so does he";
}

for my $client (qw(pymemcache pylibmc memcache)) {
    SKIP: {
        skip "no $client for Python", 1 if !has($client);
        my @m = map { DjSession::Memcached->start } 1 .. 3;
        my $django = DjSession::Django->start(cache => {
            SECRET_KEY => $SECRET, CACHES => caches($client, \@m,
                KEY_PREFIX => 'site', VERSION => 3) });
        my $s = start_httpd('django-cache:' . names(@m)
            . " client=$client prefix=site version=3");
        my $name = "$client, three servers";
        my $b = reads_and_writes($name, $django, $s);
        changes_at_once($name, $s, $b);
        in_turn($name, $django, $b, $ENV{DJS_ROUNDS} // 100);
        keys_come_and_go($name, $django, $s, $b);
        dies_in_time($name, $django, $s);
        only_the_site_may($name, $django, $s);
        my $found = 0;
        for (1 .. 30) {
            my $K = $django->make({ _auth_user_id => '7' });
            $s->canary($K);
            $found += $s->browser(jar => { sessionid => $K })
                ->get('/inside.html')->status == 200;
        }
        is $found, 30, "$name: every entry is looked for where it is";
        $s->stop;
        $django->stop;
        $_->kill_now for @m;
    }
}

SKIP: {
    skip 'no pymemcache for Python', 1 if !has('pymemcache');
    my $m = DjSession::Memcached->start;
    my $django = DjSession::Django->start(cache => { SECRET_KEY => $SECRET,
        CACHES => caches('pymemcache', [$m]) });
    my $s = start_httpd('django-cache:' . $m->name,
        "DjSessionStoreTimeout 300ms\n");
    odd_values('one server', $django, $s, $m);
    comes_and_goes('one server', $django, $s, $m);
    $s->stop;
    $django->stop;

    # Longer than 30 days is a date for memcached, both ways.
    $s = start_httpd('django-cache:' . $m->name, "DjSessionCookieAge 60d\n");
    my $b = $s->browser;
    $b->act(u => { set => { a => 1 } });
    is $b->data->{a}, 1, 'sixty days are not over at once';
    $s->canary($b->session_key);
    $s->stop;
}

# The row, and the entry before it.
SKIP: {
    my $lacks = DjSession::Database->lacks('sqlite');
    skip $lacks, 1 if $lacks;
    skip 'no pymemcache for Python', 1 if !has('pymemcache');
    my $m = DjSession::Memcached->start;
    my $db = DjSession::Database->start('sqlite');
    my $django = DjSession::Django->start(cached_db => {
        SECRET_KEY => $SECRET, CACHES => caches('pymemcache', [$m]),
        DATABASES => { default => $db->for_django } });
    $django->ask('migrate');
    $db->give_away;
    my $s = start_httpd('django-cached-db:' . $m->name,
        $db->directives . "DjSessionDjangoSecretFile $key\n", 'dbd');
    $s->canary($SECRET);
    my $name = 'cached_db';
    my $b = reads_and_writes($name, $django, $s);
    changes_at_once($name, $s, $b);
    in_turn($name, $django, $b, $ENV{DJS_ROUNDS} // 100);
    my $K = $b->session_key;
    is json($django->ask(row => $K)), json($django->load($K)),
        "$name: the row and its entry say the same";
    say_to($m, "flush_all\r\n");
    is $b->data->{turn}, -($ENV{DJS_ROUNDS} // 100),
        "$name: without the entry the row counts";
    is $b->act(u => { set => { alone => 1 } })->status, 200,
        "$name: and is changed";
    is $django->load($K)->{alone}, 1, "$name: which Django sees";
    $b->act(u => { set => { again => 1 } });
    is $django->load($K)->{again}, 1, "$name: in the entry that it made, too";
    keys_come_and_go($name, $django, $s, $b);
    dies_in_time($name, $django, $s);
    only_the_site_may($name, $django, $s);

    $K = $django->make({ _auth_user_id => '7' });
    $s->canary($K);
    $b = $s->browser(jar => { sessionid => $K });
    $m->kill_now;
    is $b->get('/inside.html')->status, 200,
        "J14: $name: without the cache the row is read";
    $s->expects(qr/DJS101/);
    $s->allows(qr/DJS209/, qr/DJS10/);
    is $b->act(u => { flush => \1 })->status, 503,
        "$name: but no logout is said to be done while a copy may lie there";
    $s->stop;
    $django->stop;
}
done_testing;
