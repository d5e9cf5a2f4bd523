#!/usr/bin/env perl
# memcached in front of DBM files: memcached may be slow, gone, back and full of
# old copies, and no visitor notices: no change is lost, nobody is logged out,
# nobody who logged out is back. The log tells of it once.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes qw(time sleep);

my ($program) = grep { -x } map { "$_/memcached" } split(/:/, $ENV{PATH}),
    '/usr/bin';
plan skip_all => 'no memcached here: build/deps check' if !$program;

my $port = DjSession::Server::free_port();
my ($memcached, $owner) = (undef, $$);

sub begin_memcached {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        { exec $program, '-l', '127.0.0.1', '-p', $port, '-U', 0, '-m', 64,
            ($> == 0 ? ('-u', 'nobody') : ()) }
        POSIX::_exit(127);
    }
    $memcached = $pid;
    for (1 .. 200) {
        return if IO::Socket::INET->new("127.0.0.1:$port");
        sleep 0.02;
    }
    die "memcached does not start\n";
}

sub end_memcached {
    return if !$memcached;
    kill 'KILL', $memcached;
    waitpid $memcached, 0;
    undef $memcached;
    return;
}

END {
    local $?;
    end_memcached() if $owner && $owner == $$;
}

# What memcached itself has counted.
sub counter ($name) {
    my $to = IO::Socket::INET->new("127.0.0.1:$port") or return;
    print {$to} "stats\r\nquit\r\n";
    local $/ = undef;
    my ($n) = <$to> =~ /STAT $name (\d+)/;
    return $n;
}

my $s;

sub tool_on ($store, @words) {
    my ($status, $out) = ctl($s, @words, '--store', $store, '--namespace',
        'localhost', '--secret-file', $s->state . '/secret.key');
    return $status ? "exit $status" : $out;
}

sub lines ($re) { return scalar grep { /$re/ } split /\n/, $s->log }

begin_memcached();
$s = server(loglevel => 'info', store =>
    "DjSessionStore memcache:127.0.0.1:$port prefix=t: dbm:\@STATE\@/store"
        . " type=sdbm shards=16");
$s->allows(qr/DJS10[67]/);
my $dbm = 'dbm:' . $s->storedir;
my $both = "memcache:127.0.0.1:$port prefix=t: $dbm";

# --- both at work ------------------------------------------------------------

my $b = $s->browser;
$b->act(u => { login => { id => 'ada', data => { n => 1 } } });
my $before = counter('get_hits');
is $b->data->{n}, 1, 'a session lives in two tiers' for 1 .. 5;
cmp_ok counter('get_hits'), '>=', $before + 5, 'memcached answers reads';
like tool_on($dbm, 'stat'), qr/^records +1$/m, 'and the DBM files have it';
$b->act(u => { incr => { n => 1 } }) for 1 .. 3;
is $b->data->{n}, 4, 'a change is seen at once';

# --- gone, and back ----------------------------------------------------------

end_memcached();
is $b->data->{n}, 4, 'I06: memcached is gone: nobody notices' for 1 .. 10;
is $b->act(u => { incr => { n => 1 } })->status, 200, 'I06: nor a change';
my $other = $s->browser;
$other->act(u => { login => 'bob' });
is $other->state, 'live', 'I06: nor a login';
my $told = lines(qr/DJS106: memcached of memcache:\S+ dbm:\S+ is in trouble/);
cmp_ok $told, '>=', 1, 'I06: the log tells of it';
cmp_ok $told, '<=', $s->workers, 'I06: once for each child';
is lines(qr/DJS101/), 0, 'I06: the store as a whole is in no trouble';
begin_memcached();
ok $s->wait_until(sub { $b->data->{n} == 5 && lines(qr/DJS107/) }),
    'I07: memcached is back, and the log tells for how long it was not';
$b->data;
$before = counter('get_hits');
$b->data;
cmp_ok counter('get_hits'), '>', $before, 'I07: it is healed: it has copies';

# --- silent ------------------------------------------------------------------

my $key = $other->session_key;
kill 'STOP', $memcached;
my $t = time;
is $b->data->{n}, 5, 'I03: memcached is silent: the answer is right';
cmp_ok time - $t, '<', 0.5 + 0.25, 'I03: and in time';
is $b->act(u => { incr => { n => 1 } })->status, 200, 'I03: a change is made';
is $other->act(u => { flush => \1 })->status, 200, 'I03: a logout is made';
kill 'CONT', $memcached;
is live_data($s->browser, $key), undef,
    'INV2: it goes on, and who had logged out stays so' for 1 .. 20;
is $b->data->{n}, 6, 'INV2: and no older copy wins' for 1 .. 20;
sleep 1;
is live_data($s->browser, $key), undef, 'INV2: nor later';

# --- under load --------------------------------------------------------------

# One of them is no visitor: it stops, kills and starts memcached.
end_memcached();
sub flap ($seconds) {
    my $end = time + $seconds;
    while (time < $end) {
        begin_memcached();
        sleep 0.3;
        kill 'STOP', $memcached;
        sleep 0.2;
        kill 'CONT', $memcached;
        sleep 0.2;
        end_memcached();
        sleep 0.1;
    }
    return '';
}

sub visit ($seconds) {
    my ($end, @wrong) = (time + $seconds);
    while (time < $end) {
        my $v = $s->browser;
        my $r = $v->act(u => { login => { id => 'eve', data => { n => 0 } } });
        push @wrong, 'login ' . $r->status if $r->status != 200;
        my $old = $v->session_key // '';
        for (1 .. 5) {
            $r = $v->act(u => { incr => { n => 1 } });
            push @wrong, 'change ' . $r->status if $r->status != 200;
        }
        my $n = $v->data->{n} // 'none';
        push @wrong, "5 is $n" if $n ne '5';
        $r = $v->act(u => { flush => \1 });
        push @wrong, 'logout ' . $r->status if $r->status != 200;
        push @wrong, 'lives' if defined live_data($s->browser, $old);
    }
    return join ', ', @wrong;
}
my ($flapped, @said) =
    parallel(5, sub ($i) { $i == 1 ? flap(6) : visit(6) });
is $flapped, '', 'memcached came and went';
is $said[$_], '', "I08, C20, L01: visitor $_ has not noticed" for 0 .. $#said;
is lines(qr/DJS101|DJS209/), 0, 'I08: no request was in trouble';
begin_memcached();
is $b->data->{n}, 6, 'I08: nor was anybody lost who was away';

# --- the tool ----------------------------------------------------------------

for my $store ($both, $dbm) {
    my $v = $s->browser;
    $v->act(u => { login => 'cy' });
    my $tag = $v->get('/cgi/act')->env->{DJSESSION_TAG};
    is $v->state, 'live', 'a session, in both tiers';
    like tool_on($store, 'list'), qr/^$tag /m, 'djsessionctl lists it';
    tool_on($store, 'remove', $tag);
    is $v->state, 'none', "C20: removed (@{[(split ' ', $store)[0]]}):"
        . ' httpd sees it at once';
}
is $b->state, 'live', 'and others live';

# --- DBM in trouble ----------------------------------------------------------

SKIP: {
    skip 'only root can take a directory away from httpd', 4 if $>;
    $s->allows(qr/DJS101|DJS102|DJS209|DJS206/);
    $s->break_store;
    my $r = $b->act(u => { incr => { n => 1 } });
    is $r->status, 503, 'J09: no DBM files: memcached alone promises nothing';
    is scalar($r->all('Set-Cookie')), 0, 'J09: the cookie is left alone';
    $s->mend_store;
    is $b->data->{n}, 6, 'J09: they are back';
    is $b->act(u => { incr => { n => 1 } })->status, 200, 'J09: and serve';
}
$s->stop;

# --- what a configuration may not say ----------------------------------------

my $mc = "memcache:127.0.0.1:$port";
like(DjSession::Server->refuses(store => "DjSessionStore $_"),
    qr/two stores are possible as memcache:HOST:PORT/, "refused: $_")
    for "dbm:\@STATE\@/store $mc", "$mc $mc", "$mc dbm:/x dbm:/y",
    'dbm:/x dbm:/y';
like(DjSession::Server->refuses(store =>
        "DjSessionStore memcache:192.0.2.1:11211 dbm:\@STATE\@/store\n"
            . 'DjSessionEncrypt Off'),
    qr/another host.*DjSessionEncrypt On/s,
    'I25: no session in the clear to another host');
like(DjSession::Server->refuses(store =>
        "DjSessionStore $mc dbm:\@STATE\@/../htdocs/x"),
    qr/DocumentRoot/, 'E26: the files of the second tier are not served');
done_testing;
