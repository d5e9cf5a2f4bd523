# Whatever memcached does, a request has its answer when DjSessionStoreTimeout
# is over, and the first one after an outage is served. DJS_LOAD_SECONDS says
# how long each phase of load lasts, DJS_LOAD_SLACK how many milliseconds more
# than the 50 that are promised a busy machine may take.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Memcached;
use DjSession::Test;
use Time::HiRes qw(time sleep);

plan skip_all => 'no memcached here: build/deps check'
    if !DjSession::Memcached::program();
my $loadgen = ($ENV{DJS_BUILDDIR} // '.') . '/t/lib/loadgen';
plan skip_all => "no $loadgen: make tests builds it" if !-x $loadgen;

my $phase = $ENV{DJS_LOAD_SECONDS} // 1;
my $outage = 0.75;
my $slack = $ENV{DJS_LOAD_SLACK} // 300;
my ($TIMEOUT, $PROMISED) = (500, 50);
my $noise = 0; # milliseconds that this machine takes with nothing wrong
my $trouble = qr/\[djsession:(?:error|crit|warn)\]/;

# Load of 16 connections that goes on while the test does something else.
sub begin_load ($s, $seconds, $key, $path = '/index.html') {
    my $pid = open my $said, '-|', $loadgen, $s->port, 16, $seconds, 1500,
        $path, "sessionid=$key";
    die "loadgen: $!" if !$pid;
    return $said;
}

sub end_load ($name, $load) {
    my %did = map { /(\w+)=(\S+)/ ? ($1, $2) : () } split ' ', <$load> // '';
    close $load;
    diag sprintf '%-26s %5d requests, %4d of them 503: p50 %.1f p99 %.1f'
        . ' p99.9 %.1f max %.1f ms', $name,
        @did{qw(requests unavailable p50 p99 p999 max)};
    cmp_ok $did{requests}, '>', 30, "$name: there was load";
    is $did{other} + $did{broken}, 0, "$name: every request has an answer";
    cmp_ok $did{p999}, '<=', $TIMEOUT + $PROMISED + $slack + $noise,
        "$name: 99.9 % of them in time";
    return %did;
}

# Enough children for all connections from the start.
my $PREFORK = <<'END';
StartServers 34
MinSpareServers 4
MaxSpareServers 40
END

# Waits until every child has noticed that memcached is back.
sub recover ($s, $b) {
    return $s->wait_until(sub {
        !grep { $b->get('/index.html')->status != 200 } 1 .. 30 });
}

# One child and many threads, so that its pool has the size we make it have.
my $m = DjSession::Memcached->start;
my $s = server(loglevel => 'info', conf => counter_pages(),
    store => 'DjSessionStore memcache:' . $m->name,
    global => ($ENV{DJS_MPM} // '') eq 'prefork' ? $PREFORK : <<'END');
StartServers 1
ServerLimit 1
ThreadLimit 80
ThreadsPerChild 80
MinSpareThreads 1
MaxSpareThreads 80
MaxRequestWorkers 80
END
$s->file('htdocs/count', '');
my $b = $s->browser;
$b->get('/count');
my $key = $b->session_key;

my %did = end_load('undisturbed', begin_load($s, $phase, $key));
is $did{good}, $did{requests}, 'undisturbed: all served';
my %changed = end_load('undisturbed changes',
    begin_load($s, $phase, $key, '/count'));
$noise = $did{p999} > $changed{p999} ? $did{p999} : $changed{p999};

# I03: SIGSTOP under load.
my $load = begin_load($s, 2 * $phase, $key);
sleep 0.3;
$m->freeze;
sleep $outage;
$m->thaw;
my $back = time;
%did = end_load('I03: SIGSTOP, SIGCONT', $load);
cmp_ok $did{unavailable}, '>', 0, 'I03: it was noticed';
cmp_ok $did{last_bad}, '<', $back + 1 + ($TIMEOUT + $slack) / 1000,
    'I03: a second later all is well';
$load = begin_load($s, 2 * $phase, $key, '/count');
sleep 0.3;
$m->freeze;
sleep $outage;
$m->thaw;
end_load('I03: the same, changes', $load);
recover($s, $b);
is $b->state, 'live', 'I03: the session is the one it was';

# I06, I07: SIGKILL and restart under load.
$load = begin_load($s, 2 * $phase, $key);
sleep 0.3;
$m->kill_now;
sleep $outage;
$m->again;
$back = time;
%did = end_load('I07: SIGKILL, restart', $load);
cmp_ok $did{unavailable}, '>', 0, 'I06: it was noticed';
cmp_ok $did{last_bad}, '<', $back + $slack / 1000,
    'I07: with the restart all is well';

# I07: however many connections have gone stale. Requests that wait for a
# stopped server have a connection each.
sub fill_pool ($size) {
    recover($s, $b);
    my @visitors = map { $b->other($key) } 1 .. $size;
    $m->freeze;
    for my $v (@visitors) {
        my $sock = $v->open_connection(1);
        $v->send_bytes($sock, "GET /index.html HTTP/1.1\r\nHost: localhost\r\n"
            . "Cookie: sessionid=$key\r\nConnection: close\r\n\r\n");
    }
    sleep 0.2;
    $m->thaw;
    my @said = map { $_->read_response($_->{sock}, 'GET')->status } @visitors;
    $_->close_connection for @visitors;
    return scalar grep { $_ == 200 } @said;
}

for my $size ($s->mpm eq 'prefork' ? (1, 8, 30) : (1, 8, 64)) {
    is fill_pool($size), $size, "I07: $size at once are served";
    my $open = map { $m->sockets_of($_) } $s->workers;
    cmp_ok $open, '>=', $size, "I07: and leave $open connections";
    $m->kill_now;
    $m->again;
    my $began = time;
    my $r = $b->get('/index.html');
    my $took = 1000 * (time - $began);
    diag sprintf 'I07: %d stale connections: next answer after %.1f ms', $open,
        $took;
    is $r->status, 200, "I07: $open stale connections: the next is served";
    cmp_ok $took, '<', $PROMISED + $slack, 'I07: at once';
    is scalar(grep { $b->get('/index.html')->status == 200 } 1 .. 50), 50,
        'I07: and those after it';
}
$s->allows($trouble);
$s->stop;
$m->kill_now;

# I21: more threads than connections. A child of prefork has one of each.
sub too_few_connections {
    $m->again;
    my $s = server(loglevel => 'info', conf => counter_pages(),
        store => 'DjSessionStore memcache:' . $m->name . ' max=1');
    my $b = $s->browser;
    $s->file('htdocs/count', '');
    $b->get('/count');
    my %did = end_load('I21: one connection a child',
        begin_load($s, $phase, $b->session_key));
    is $did{good}, $did{requests}, 'I21: all wait their turn and are served';
    $m->freeze;
    %did = end_load('I21: and that one hangs',
        begin_load($s, $phase, $b->session_key));
    is $did{good}, 0, 'I21: none is served, each in its time';
    $m->thaw;
    $s->allows($trouble);
    $s->stop;
    return;
}
too_few_connections() if $s->mpm ne 'prefork';

# I24: the same over a unix socket.
my $dir = File::Temp->newdir('djs-XXXXXX', DIR => '/tmp');
chmod 0777, "$dir"; # memcached drops its privileges first
my $unix = DjSession::Memcached->start(path => "$dir/memcached.sock");
$s = server(loglevel => 'info', conf => counter_pages(),
    store => 'DjSessionStore memcache:' . $unix->name,
    global => $s->mpm eq 'prefork' ? $PREFORK : '');
$s->file('htdocs/count', '');
$b = $s->browser;
$b->get('/count');
$b->get('/count');
is counted($b), 2, 'I24: a session lives behind a unix socket';
$load = begin_load($s, $phase * 1.5, $b->session_key);
sleep 0.3;
$unix->freeze;
sleep $outage;
$unix->thaw;
end_load('I24: SIGSTOP, unix socket', $load);
recover($s, $b);
is counted($b), 2, 'I24: and goes on';
$unix->kill_now;
is $b->get('/index.html')->status, 503, 'I24: gone: 503';
$unix->again;
is $b->get('/index.html')->status, 200, 'I24: there again: served';
$s->allows($trouble);
$s->stop;
done_testing;
