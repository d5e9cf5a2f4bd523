# DjSessionCreateLimit: an address gets so many new sessions in a time, whoever
# asks in whichever child; the rest stays anonymous, and nobody is told that
# something was saved that was not. Sessions that live are not concerned.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use List::Util qw(max);

my $s = server(loglevel => 'info', modules => ['remoteip'], global => <<'END',
RemoteIPHeader X-Client
RemoteIPInternalProxy 127.0.0.9
END
    conf => counter_pages() . <<'END');
DjSessionCreateLimit 5/2h
DjSessionMaxSize 300
<Location /always>
  DjSessionCreate Always
</Location>
Alias /always @DIR@/htdocs
ScriptAlias /alwayscgi/ @DIR@/cgi/
<Location /alwayscgi>
  DjSessionCreate Always
</Location>
END
$s->file('htdocs/count', '');
my $old = $s->browser(from => '127.0.0.8');
$old->act(u => { login => 'ada' });
my $K = $old->session_key;

sub count_records { my %r = $s->records; return scalar keys %r }

# Births tried by somebody at `address`; the statuses.
sub births ($address, $n, @what) {
    my $b = $s->browser(from => '127.0.0.9');
    @what = (u => { set => { a => 1 } }) unless @what;
    return map {
        $b->other->act(@what, headers => ["X-Client: $address"])->status
    } 1 .. $n;
}

# K01: pages that write nothing.
my $plain = $s->browser;
is join('', grep { $_ ne '200' } map {
        $plain->get('/index.html', keep => 1)->status } 1 .. 2000), '',
    'K01: two thousand anonymous hits';
is count_records(), 1, 'K01: and no record';

# K02: a page that always writes.
my @said = parallel(5, sub ($i) {
    my $b = $s->browser(jar => $i < 5 ? {} : { sessionid => $K });
    my ($good, $bad, $odd) = (0, 0, 0);
    for (1 .. ($i < 5 ? 750 : 300)) {
        my $r = $b->get('/count', keep => 1,
            $i < 5 ? (cookie => undef) : ());
        my $cookies = $r->cookies;
        if ($r->status == 200 && $cookies) { $good++ }
        elsif ($r->status == 503 && !$cookies
            && ($r->header('Retry-After') // '') =~ /^(\d+)$/
            && $1 > 1300 && $1 <= 1440) { $bad++ }
        else { $odd++ }
    }
    return "$good $bad $odd";
});
my ($good, $bad, $odd) = (0, 0, 0);
for my $said (@said[0 .. 3]) {
    my ($g, $b, $o) = split ' ', $said;
    ($good, $bad, $odd) = ($good + $g, $bad + $b, $odd + $o);
}
is "$good $bad $odd", '5 2995 0',
    'K02: of three thousand first visits of an address five get a session,'
    . ' the others 503, no cookie, and when to come back';
is $said[4], '300 0 0', 'K02: who has a session is served all the while';
is count_records(), 6, 'K02: the store has five records more';
is counted($old), 300, 'K02: and every change of a live session';
my @lines = grep { /DJS218/ } split /\n/, $s->log;
is scalar(@lines), 1, 'K02: one line tells of it';
like $lines[0], qr/\[djsession:info\].*DJS218: 127\.0\.0\.1 has begun/,
    'K02: at info, with the address';

# What becomes of a live session is no birth.
my $b = $s->browser(jar => { sessionid => $K });
is $b->act(u => { rotate => \1 })->status, 200, 'a rotation is no birth';
is $b->act(u => { login => 'bob' })->status, 200, 'nor another login';
is $b->act(u => { flush => \1, set => { n => 1 } })->status, 200,
    'nor what is set after a flush';
is $b->data->{n}, 1, 'and all of it is kept';
is $b->act(u => { flush => \1 })->status, 200, 'a logout works';
is $b->act(u => { flush => \1 })->status, 200, 'and one without a session';
my $records = count_records();
is $b->act(u => { login => 'ada' })->status, 503,
    'K03: a login without a session is one: refused';
is count_records(), $records, 'K03: and not saved';

# DjSessionCreate Always: nobody asked for it, so the page is served without.
my $v = $s->browser;
my $r = $v->get('/always/index.html');
is $r->status, 200, 'K02: with Always the visitor stays anonymous';
is scalar($r->cookies), 0, 'K02: without a cookie';
is $v->get('/alwayscgi/act')->env->{DJSESSION_STATE}, 'none',
    'K02: programs see that there is no session';
is $v->act(at => '/alwayscgi/act', u => { set => { a => 1 } })->status, 503,
    'K02: but a change is not lost in silence';

# Other addresses.
$v = $s->browser(from => '127.0.0.2');
is $v->act(u => { set => { a => 2 } })->status, 200,
    'K02: another address is not concerned';
is $v->data->{a}, 2, 'K02: and has its session';
is join(' ', births('192.0.2.1', 6)), '200 200 200 200 200 503',
    'K02: behind a proxy the address is what mod_remoteip says';
is join(' ', map { births("2001:db8:0:7::$_", 1) } 1 .. 6),
    '200 200 200 200 200 503', 'K02: IPv6 counts by its first 64 bits';
is join(' ', births('2001:db8:0:8::1', 1)), '200', 'K02: the next 64 bits';
is join(' ', map { births($_, 1) } ('::ffff:192.0.2.9', '192.0.2.9') x 3),
    '200 200 200 200 200 503', 'K02: an IPv4-mapped address counts as IPv4';

# A birth that fails costs nothing.
my $long = { u => { set => { a => 'x' x 400 } } };
is join(' ', births('192.0.2.3', 7, %$long)), join(' ', (503) x 7),
    'too much data: no session';
$s->break_store;
is join(' ', births('192.0.2.3', 7)), join(' ', (503) x 7),
    'INV8: no store: no session';
$s->mend_store;
is join(' ', births('192.0.2.3', 6)), '200 200 200 200 200 503',
    'what failed was given back';

# K02: many addresses, in a table that does not grow.
sub resident {
    return map {
        DjSession::Server::slurp("/proc/$_/status") =~ /^VmRSS:\s*(\d+)/m
            ? ($_ => $1) : ()
    } $s->workers;
}
my %before = resident();
@said = parallel(4, sub ($i) {
    my $b = $s->browser(from => '127.0.0.9');
    my $good = 0;
    for my $n (1 .. 300) {
        my $r = $b->get('/count', keep => 1, cookie => undef,
            headers => ["X-Client: 10.$i.@{[ int $n / 200 ]}.@{[ $n % 200 ]}"]);
        $good += $r->status == 200;
    }
    return $good;
});
is "@said", '300 300 300 300', 'K02: many addresses get a session each';
is $s->browser->act(u => { set => { a => 1 } })->status, 503,
    'K02: which frees the one that has none left of nothing';
SKIP: {
    skip 'K02: a sanitizer keeps what is freed', 1 if $ENV{DJS_PRELOAD};
    my %after = resident();
    my $most = max(
        map { $after{$_} - $before{$_} } grep { $before{$_} } keys %after);
    cmp_ok $most // 9999, '<', 4000, 'K02: no child grows by much';
}

# O12: a child writes nonsense over what all share.
no warnings 'portable';    # addresses have 64 bits
sub tables ($pid) {
    return grep { $_->[1] > 700_000 && $_->[1] < 900_000 }
        map { /^(\w+)-(\w+) rw-s .*zero/ ? [hex $1, hex($2) - hex $1] : () }
        split /\n/, DjSession::Server::slurp("/proc/$pid/maps");
}

SKIP: {
    skip 'O12: only root can write to a child', 6 if $> != 0;
    my ($victim) = $s->workers;
    my ($table) = tables($victim);
    ok $table, 'O12: here is the memory that children share';
    for my $fill ("\xff", undef) {
        open my $mem, '+<:raw', "/proc/$victim/mem" or die "mem: $!";
        sysseek $mem, $table->[0] + 8, 0;
        # APR keeps the size in front of what it gives.
        syswrite $mem, $fill ? $fill x ($table->[1] - 8)
            : pack 'L*', map { int rand 2**32 } 1 .. $table->[1] / 4 - 2;
        close $mem;
        my @status = map { $s->browser->act(u => { set => { a => 1 } })->status }
            1 .. 12;
        is join(' ', grep { !/^(?:200|503)$/ } @status), '',
            'O12: overwritten: children answer';
        is $v->data->{a}, 2, 'O12: and sessions are there';
    }
    ok $s->restart, 'O12: and the parent restarts';
}

# A restart begins anew, and the limit holds in the next generation.
$s->restart if $> != 0;
ok $s->wait_until(sub {
    join(' ', births('192.0.2.77', 7)) eq '200 200 200 200 200 503 503'
}, 1), 'K02: the limit holds after a graceful restart';
is $v->data->{a}, 2, 'K02: and sessions last';

$s->allows(qr/DJS209/, qr/DJS10[12]/);
$s->expects(qr/DJS101/);
unlike $s->log, qr/exit signal/, 'O12: no child has crashed';
$s->stop;
done_testing;
