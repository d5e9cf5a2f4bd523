# Sessions in memcached: with the server gone a request is answered 503 or goes
# on with state unavailable, and no cookie is touched; the next request after a
# restart is served; with two servers either may go.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Memcached;
use DjSession::Test;
use Time::HiRes qw(time sleep);

plan skip_all => 'no memcached here: build/deps check'
    if !DjSession::Memcached::program();

my $trouble = qr/\[djsession:(?:error|crit|warn)\]/;
my ($m, $twin) = map { DjSession::Memcached->start } 1, 2;
my ($one, $two) = map { $_->port } $m, $twin;

# One server.
my $s = server(loglevel => 'info', store =>
    "DjSessionStore memcache:127.0.0.1:$one", conf => <<'CONF');
<Location /cgi/act/on>
  DjSessionOnStoreError Anonymous
</Location>
ErrorDocument 503 /cgi/act
CONF
my $b = $s->browser;
$b->act(u => { login => { id => 'ada', data => { n => 1 } } });
my $key = $b->session_key;
is $b->data->{n}, 1, 'a session lives in memcached';
$b->act(u => { incr => { n => 1 } }) for 1 .. 3;
is $b->data->{n}, 4, 'and is changed there';
parallel(4, sub ($i) {
    my $v = $b->other($key);
    return join '', map { $v->act(u => { incr => { c => 1 } })->status == 200 }
        1 .. 10;
});
is $b->data->{c}, 40, 'I18: changes at the same time are all made';

$m->freeze;
my $t = time;
my $r = $b->get('/cgi/act');
is $r->status, 503, 'I03: it is silent: 503';
cmp_ok time - $t, '<', 0.5 + 0.05 + ($ENV{DJS_LOAD_SLACK} // 300) / 1000,
    'I03: at the deadline';
is scalar($r->all('Set-Cookie')), 0, 'I03: the cookie is left alone';
$m->thaw;
ok $s->wait_until(sub {
        !grep { $b->get('/cgi/act')->status != 200 } 1 .. 20 }, 5),
    'I03: it goes on, and so do we';
is $b->data->{n}, 4, 'I03: nobody lost out';

$m->kill_now;
$r = $b->get('/cgi/act');
is $r->status, 503, 'I06: it is gone: 503';
is scalar($r->all('Set-Cookie')), 0, 'I06: the cookie is left alone';
$r = $b->get('/cgi/act/on');
is $r->status, 200, 'I06: Anonymous: it goes on';
is $r->env->{DJSESSION_STATE}, 'unavailable', 'I06: state unavailable';
is scalar($r->all('Set-Cookie')), 0, 'I06: the cookie is left alone';
is $s->browser->act(u => { set => { n => 2 } })->status, 503,
    'I06: a new session is not promised';
$m->again;
$t = time;
is $b->get('/cgi/act')->status, 200, 'I07: after a restart it is asked';
my $v = $s->browser;
is $v->act(u => { set => { n => 2 } })->status, 200, 'I07: and serves at once';
is $v->data->{n}, 2, 'I07: a new session';
cmp_ok time - $t, '<', 1, 'I07: no hole of five seconds';
ok $s->wait_until(sub { $v->data; $s->log =~ /DJS102/ }, 20),
    'I06: and it is over after a while without failure';
my @lines = grep { /$trouble/ } split /\n/, $s->log;
cmp_ok scalar(@lines), '>=', 1, 'I06: the log tells of the outages';
cmp_ok scalar(@lines), '<=', 6 * ($s->workers + 1), 'I06: not at each request';
like $s->log, qr/DJS102/, 'I06: and of their end';
$key = $v->session_key;
$v->act(u => { flush => \1 });
is live_data($s->browser, $key), undef, 'what is ended is ended';
$s->allows($trouble);
$s->stop;

# Two that hold the same.
$s = server(loglevel => 'info', store =>
    "DjSessionStore memcache:127.0.0.1:$one,127.0.0.1:$two replicas=2");
$b = $s->browser;
$b->act(u => { set => { n => 1 } });
for my $victim ($m, $twin) {
    my $port = $victim->port;
    $victim->kill_now;
    is $b->data->{n}, 1, 'I19: one of two is gone: nobody notices';
    is $b->act(u => { set => { n => 1, m => $port } })->status, 200,
        'I19: nor with a change';
    like $s->log, qr/DJS108: a server of memcache:/, 'I19: but the log tells'
        if $victim == $m;
    $victim->again;
    is $b->data->{m}, $port, 'I19: it comes back: nothing was lost';
    ok $s->wait_until(sub { $b->data; $s->log =~ /DJS109: all servers of/ }, 5),
        'I19: which the log tells, too' if $victim == $m;
}
unlike $s->log, qr/DJS101/, 'I19: that was no outage';
$s->allows($trouble);
$s->stop;

# C18: a new key among writers: the copy is made anew each time that one of them
# was quicker, and it is made in the end.
$s = server(store => "DjSessionStore memcache:127.0.0.1:$one,127.0.0.1:$two"
    . " replicas=2\nDjSessionStoreTimeout 5s", conf => <<'END');
DjSessionRotateGrace 30s
Header set X-DjSession-Update "expr=%{HTTP:X-Do}"
END
$b = $s->browser;
$b->get('/index.html', headers => ['X-Do: {"set":{"n":0}}']);
my $first = $b->session_key;
my @said = parallel(7, sub ($i) {
    my $v = $b->other($first);
    my $do = $i == 1 ? '{"rotate":true}' : '{"incr":{"n":1}}';
    my %seen;
    for (1 .. ($i == 1 ? 15 : 60)) {
        $seen{ $v->get('/index.html', headers => ["X-Do: $do"])->status }++;
    }
    return json(\%seen);
});
is join(' ', sort @said), '{"200":15}' . ' {"200":60}' x 6,
    'C18: fifteen rotations among six writers: all are answered';
$s->stop;

# I25, I24: what a configuration may not say.
like(DjSession::Server->refuses(store =>
        "DjSessionStore memcache:192.0.2.1:11211\nDjSessionEncrypt Off"),
    qr/another host.*DjSessionEncrypt On/s,
    'I25: no session in the clear to another host');
like(DjSession::Server->refuses(store =>
        'DjSessionStore memcache:[::1]:11211'),
    qr/IPv6/, 'I24: IPv6 is refused in words');
done_testing;
