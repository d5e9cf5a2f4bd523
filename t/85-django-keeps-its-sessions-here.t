# A Django site with contrib/django and httpd share their sessions: who logs in
# or out at one is in or out at the other, changes of both at the same time are
# all made, and an outage is no logout at either.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Django;
use DjSession::Memcached;
use DjSession::Test;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

plan skip_all => 'no memcached here: build/deps check'
    if !DjSession::Memcached->program;
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
plan skip_all => 'no python3-cryptography here: build/deps check'
    if system "$python -c 'import cryptography' 2>/dev/null";

my $ROUNDS = 500;
my ($s, $m, @site);

# The site, as a process of its own; what it says first is its version.
sub start_site ($place, $port, %settings) {
    pipe my $read, my $write or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $ENV{PYTHONPATH} = $place;
        $ENV{PYTHONDONTWRITEBYTECODE} = 1;
        open STDOUT, '>&', $write;
        open STDERR, '>', $s->dir . '/logs/django';
        { exec $python, 't/lib/django_site.py', $port, $s->dir,
            json(\%settings) }
        POSIX::_exit(127);
    }
    close $write;
    @site = ($pid, $$);
    return scalar(<$read>) // said_by_site();
}

sub said_by_site () {
    return DjSession::Server::slurp($s->dir . '/logs/django');
}

sub stop_site () {
    my ($pid, $owner) = @site;
    return if !$pid || $owner != $$;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    @site = ();
    return;
}
END { local ($?, $@); stop_site() }

# What Django and httpd say of a visitor: the user, or '-'.
sub page ($b, $path) {
    my $r = $b->get("/django/$path");
    return $r->status == 200 ? JSON::PP::decode_json($r->body) : {};
}
sub at_django ($b) { return page($b, 'act')->{user} || '-' }
sub at_httpd ($b)  { return $b->get('/cgi/act')->env->{DJSESSION_USER} // '-' }
sub there ($b)     { return at_django($b) . ' ' . at_httpd($b) }
sub private ($b)   { return $b->get('/private/')->status }

sub django ($b, %todo) {
    return $b->request('POST', '/django/act', type => 'application/json',
        body => json(\%todo));
}
sub login ($user) {
    my $b = $s->browser;
    page($b, "login?user=$user");
    return $b;
}

sub logins ($version) {
    my $b = $s->browser;
    is private($b), 401, "$version: a stranger is refused";
    $b->act(u => { set => { cart => [1] } });
    my $guest = $b->session_key;
    my $in = page($b, 'login?user=ada');
    is $in->{user}, 'ada', "C02: $version: ada logs in at Django";
    is json($in->{data}{cart}), '[1]', 'and what httpd kept for her stays';
    isnt $b->session_key, $guest, 'C02: under a new key';
    is live_data($b, $guest) // page($b->other($guest), 'act')->{user}, '',
        'C02: the old one is dead at both, at once';
    is at_httpd($b), $in->{id}, 'httpd sees who she is';
    is private($b), 200, 'and lets her in';

    my $twin = login('ada');
    my $old = $twin->session_key;
    page($twin, 'logout');
    $twin->{jar}{sessionid} = $old; # a browser that forgets nothing
    is private($twin), 401,
        'C10: logged out at Django: refused by httpd at once';
    $b->act(u => { flush => \1 });
    is there($b), '- -', 'C10: logged out at httpd: gone at Django, too';

    my ($here, $away) = (login('bob'), login('bob'));
    page($here, 'password');
    is at_django($here) . at_django($away), 'bob-',
        'a changed password ends the other sessions';
    isnt at_httpd($here), '-', 'and httpd knows the one under its new key';
    return;
}

sub changes () {
    my $b = login('ada');
    my $id = at_httpd($b);
    $b->act(u => { set => { a => [1, { b => "\x{e9}" }] },
        incr => { n => 2 } });
    is json(page($b, 'act')->{data}{a}), '[1,{"b":"\u00e9"}]',
        'Django sees what httpd has set';
    django($b, set => { c => '12345678901234567890' }, remove => ['a'],
        incr => { n => 5 });
    my $data = $b->data;
    is "$data->{c} $data->{n} " . exists $data->{a}, '12345678901234567890 7 ',
        'L04: and httpd what Django has set, removed and added';

    my $deep = [];
    $deep = [$deep] for 1 .. 62;
    django($b, set => { deep => $deep });
    is json($b->data->{deep}), '[' x 63 . ']' x 63,
        'H01: as deep as Django may go httpd can follow';

    my $expires = $b->get('/cgi/act')->env->{DJSESSION_EXPIRES};
    django($b, expiry => 100);
    my $r = $b->get('/cgi/act');
    cmp_ok $r->env->{DJSESSION_EXPIRES}, 'ne', $expires,
        'an expiry that Django sets is httpd\'s';
    is $r->data->{_session_expiry}, 100, 'kept as Django keeps it';
    $b->act(u => { expiry => '2100-01-02T03:04:05Z' });
    my ($cookie) = django($b, set => { d => 1 })->cookies;
    like $cookie, qr/expires=Sat, 02.Jan.2100 03:0[34]:/i,
        'and a date that httpd sets is Django\'s';
    return;
}

# Two that change one session, five hundred times each, each its own keys and
# both one counter.
sub side_by_side ($version) {
    my $b = $s->browser;
    $b->act(u => { set => { n => 0, untouched => 'x' } });
    my $key = $b->session_key;
    my $began = time;
    my @said = parallel(2, sub ($i) {
        my $w = $b->other($key);
        return scalar grep { $_->status == 200 } map {
            $i == 1
                ? $w->act(u => { set => { "h$_" => $_ }, incr => { n => 1 } })
                : django($w, set => { "d$_" => $_ }, incr => { n => 1 })
        } 1 .. $ROUNDS;
    });
    is "@said", "$ROUNDS $ROUNDS", "L04: $version: both are served";
    my $data = live_data($b, $key);
    is scalar(grep { ($data->{"h$_"} // 0) == $_ } 1 .. $ROUNDS), $ROUNDS,
        'L04: no change of httpd\'s is lost';
    is scalar(grep { ($data->{"d$_"} // 0) == $_ } 1 .. $ROUNDS), $ROUNDS,
        'L04: and none of Django\'s';
    is $data->{n}, 2 * $ROUNDS, 'L04: every increment of both counts';
    is $data->{untouched}, 'x', 'what nobody touched is there';
    note sprintf '%d changes in %.1f s', 2 * $ROUNDS, time - $began;
    return;
}

# A slow request of Django's, in the middle of which httpd does something.
sub meanwhile ($key, $todo, $update) {
    state $n = 0;
    $n++;
    my @pipes = begin_parallel(1, sub ($i) {
        my $w = $s->browser->other($key);
        my $r = django($w, touch => "in$n", wait => "go$n", %$todo);
        return join ' ', $r->status, $w->session_key // '-';
    });
    $s->wait_until(sub { -e $s->dir . "/sync/in$n" });
    my $w = $s->browser->other($key);
    $w->act(u => $update);
    $s->file("sync/go$n", '');
    return ($w, end_parallel(@pipes));
}

sub slow_ones () {
    my $b = $s->browser;
    $b->act(u => { set => { a => 1, b => 1 } });
    my ($w, $said) = meanwhile($b->session_key, { set => { b => 2 } },
        { set => { a => 2 } });
    is json($b->data), '{"a":2,"b":2}',
        'C15: a slow request of Django\'s reverts nothing';
    my $key = $b->session_key;
    ($w, $said) = meanwhile($key, { set => { b => 3 } }, { flush => \1 });
    is $said, "400 $key", 'C10: and revives nothing that httpd has ended';
    is live_data($b, $key), undef, 'C10: it stays ended';

    $b->act(u => { set => { a => 1 } });
    ($w, $said) = meanwhile($b->session_key, { incr => { a => 4 } },
        { rotate => \1 });
    is $said, '200 ' . $w->session_key,
        'L05: a key that httpd rotates meanwhile: Django tells the new one';
    is $w->data->{a}, 5, 'L05: and its change is there';
    return;
}

sub keys_that_rotate () {
    my $b = login('ada');
    my $old = $b->session_key;
    $b->act(u => { rotate => \1 });
    my $new = $b->session_key;
    isnt $new, $old, 'C18: httpd gives a new key';
    my $late = $b->other($old);
    is at_django($late), 'ada',
        'C18: in the grace the old one is good at Django';
    is $late->session_key, $new, 'C19: which tells the browser the new one';
    sleep 2.1;
    is at_django($b->other($old)), '-', 'C18: after it, it is good for nothing';
    like said_by_site(), qr/^the key of session [0-9a-f]{12} was sent again/m,
        'C18: of which Django warns';
    is there($b), "ada " . at_httpd($b), 'while the session goes on';
    return $b;
}

sub revocations ($spec) {
    my ($ada, $bob) = (login('ada'), login('bob'));
    my $id = at_httpd($ada);
    my @whose = ('--store', $spec, '--namespace', 'localhost',
        '--secret-file', $s->state . '/secret.key');
    is +(ctl($s, 'revoke', '--user', $id, @whose))[0], 0, 'revoke --user';
    is page($ada->other($ada->session_key), 'act')->{user}, '',
        'C20: Django refuses her';
    is at_django($bob), 'bob', 'C20: and not him';
    $ada = login('ada');
    is there($ada), "ada $id", 'C20: she may log in again, at Django';
    my ($w, $said) = meanwhile($bob->session_key, { set => { x => 1 } },
        { logout_everywhere => \1 });
    like $said, qr/^400 /, 'C20: a save on what was revoked is refused';
    is +(ctl($s, 'revoke', '--all', @whose))[0], 0, 'revoke --all';
    is there($ada), '- -', 'C21: nobody is left';
    return;
}

sub outage () {
    my $b = login('ada');
    my $key = $b->session_key;
    $m->freeze;
    my $began = time;
    my $r = $b->get('/django/act');
    is $r->status, 500, 'I03: memcached is silent: 500';
    cmp_ok time - $began, '<', 0.5 + 0.3 + ($ENV{DJS_LOAD_SLACK} // 300) / 1000,
        'I03: at the deadline';
    is scalar($r->cookies), 0, 'I03: no cookie is touched';
    $m->thaw;
    is at_django($b), 'ada', 'I03: it goes on, and she is still in';
    $m->kill_now;
    is $b->get('/django/act')->status, 500, 'I06: memcached is gone: 500';
    is $b->get('/django/logout')->status, 500,
        'I06: a logout that fails says so';
    is $s->browser->get('/django/login?user=bob')->status, 500,
        'I06: and so does a login';
    is $b->session_key, $key, 'I06: no cookie is touched';
    $m->again;
    is there($b), '- -', 'I07: it comes back, having forgotten her';
    is there(login('ada')) =~ /^ada \d+$/, 1, 'I07: and serves at once';
    return;
}

# httpd in front of a site of that Django, with more directives and settings;
# the site's port.
sub begin ($version, $place, $store, $conf = '', %settings) {
    my $port = DjSession::Server::free_port();
    $s = server(loglevel => 'info', store => "DjSessionStore $store",
        conf => <<"CONF", @{ delete $settings{server} // [] });
DjSessionRotateGrace 2s
ProxyPass /django http://127.0.0.1:$port/django retry=0
<Location /django>
  DjSession Off
</Location>
<Location /private>
  AuthType DjSession
  Require djsession-user *
</Location>
$conf
CONF
    $s->file('htdocs/private/index.html', "private\n");
    like start_site($place, $port, DJSESSION_STORE => $store,
        DJSESSION_SECRET_FILES => [$s->state . '/secret.key'], %settings),
        qr/^Django \Q$version\E\./, "a site of Django $version"
        or BAIL_OUT 'no site';
    return $port;
}

sub finish () {
    stop_site();
    my $said = said_by_site();
    ok !(grep { index($said, $_) >= 0 } keys %{ $s->{canary} }),
        'M01: nor has the site said one';
    $s->allows(qr/DJS10[12]|DJS006: with DjSessionRotateGrace/);
    $s->stop;
    return;
}

my $latest;
for my $version (qw(5.2 4.2 3.2)) {
    my $place = DjSession::Django->place_of($version);
    if (!defined $place) {
        note "no Django $version to be had";
        next;
    }
    $latest //= [$version, $place];
    $m = DjSession::Memcached->start;
    my $spec = 'memcache:' . $m->name;
    begin($version, $place, $spec);
    logins($version);
    changes();
    side_by_side($version);
    slow_ones();
    keys_that_rotate();
    revocations($spec);
    outage();
    finish();
    $m->kill_now;
}
plan skip_all => 'no Django to be had' if !$latest;

# Everything that may be configured on both sides.
my $socket = File::Temp->newdir('djs-XXXXXX', DIR => '/tmp');
chmod 0777, $socket;
my @three = (DjSession::Memcached->start, DjSession::Memcached->start,
    DjSession::Memcached->start(path => "$socket/memcached"));
my $spec = 'memcache:' . join(',', map { $_->name } @three) . ' prefix=both:';
begin(@$latest, $spec, <<'CONF',
DjSessionUserKey who
CONF
    server => [global => "DjSessionEncrypt Off\nDjSessionMaxPerUser 2\n"],
    DJSESSION_ENCRYPT => JSON::PP::false, DJSESSION_USER_KEY => 'who',
    DJSESSION_MAX_PER_USER => 2);
my @ours = map { my $b = $s->browser; $b->act(u => { set => { n => $_ } }); $b }
    1 .. 20;
my @theirs = map { my $b = $s->browser; django($b, set => { n => $_ }); $b }
    1 .. 20;
is join(' ', map { page($_, 'act')->{data}{n} // '-' } @ours),
    join(' ', 1 .. 20), 'on three servers Django finds what httpd keeps there';
is join(' ', map { $_->data->{n} // '-' } @theirs), join(' ', 1 .. 20),
    'and httpd what Django keeps there';
is scalar(grep { ($_->ask('stats items'))[0] =~ /^STAT/ } @three), 3,
    'which is on all of them';
my @who = map { $s->browser } 1 .. 4;
for my $i (0 .. 3) {
    $i % 2 ? django($who[$i], set => { who => 'eve' })
        : $who[$i]->act(u => { login => 'eve' });
}
is join(' ', map { at_httpd($_) } @who), '- - eve eve',
    'C22: logins at both count together';
finish();

# Secrets that rotate: the site has only the old one yet, httpd both.
my $old = "$socket/old.key";
open my $fh, '>', $old or die "$old: $!";
print {$fh} join('', map { sprintf '%02x', rand 256 } 1 .. 32), "\n";
close $fh;
chmod 0600, $old;
$spec = 'memcache:' . $three[0]->name;
my $port = begin(@$latest, $spec, '',
    server => [secret => "DjSessionSecretFile \@STATE\@/secret.key $old"],
    DJSESSION_SECRET_FILES => [$old]);
my @seen = map { login('ada') } 1 .. 3;
is scalar(grep { at_httpd($_) ne '-' } @seen), 3,
    'G10: sessions under the old secret are good at httpd';
$seen[0]->act(u => { set => { n => 1 } });
stop_site();
like start_site($latest->[1], $port, DJSESSION_STORE => $spec,
    DJSESSION_SECRET_FILES => [$s->state . '/secret.key', $old]),
    qr/^Django/, 'the site gets the new secret';
is join(' ', map { at_django($_) } @seen), 'ada ada ada',
    'G10: and at a site that has both, whoever has moved them';
django($seen[1], incr => { n => 2 });
is join(' ', map { $_->data->{n} // '-' } @seen), '1 2 -',
    'G10: httpd follows what the site has moved';
page($_, 'logout') for @seen[1, 2];
is join(' ', map { at_httpd($_) eq '-' ? 'out' : 'in' } @seen), 'in out out',
    'C10: and who is logged out there is out';
finish();
done_testing;
