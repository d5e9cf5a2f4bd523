# What the children of one httpd know together: an outage is one line when it
# begins and one when it is over, however many children see it; and one child
# in trouble of its own does not fill the log.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes qw(sleep time);

# All children are there before the trouble begins.
my $s = server(loglevel => 'info', conf => counter_pages(),
    global => ($ENV{DJS_MPM} // '') eq 'prefork' ? <<'END' : '');
StartServers 8
MinSpareServers 1
MaxSpareServers 8
MaxRequestWorkers 8
END
my $children = $s->mpm eq 'prefork' ? 8 : 2;

# All children are there, and have had the time to open the store: one that is
# born into an outage opens it with a later request (t/51).
sub settled {
    $s->wait_until(sub { $s->workers >= $children });
    return sleep 0.7;
}
$s->file('htdocs/count', '');
my $b = $s->browser;
$b->get('/count');
my $K = $b->session_key;

sub lines ($tag) { return scalar(() = $s->log =~ /\b$tag\b/g) }

# Requests by several visitors at once; how many got which status.
sub statuses ($n) {
    my %seen;
    for my $said (parallel(8, sub ($i) {
        my $v = $b->other($K);
        return join ' ', map { $v->get('/index.html')->status } 1 .. $n;
    })) {
        $seen{$_}++ for split ' ', $said;
    }
    return \%seen;
}

# J14: all children see it.
settled();
$s->break_store;
my $t = time;
is json(statuses(20)), '{"503":160}', 'J14: the store is gone for everybody';
sleep 0.3;
statuses(1);
is lines('DJS101'), 1, 'J14: one line, not one a child';
is lines('DJS102'), 0, 'J14: it is not over yet';
$s->mend_store;
my $mended = time;
is json(statuses(2)), '{"200":16}', 'J14: it is back for everybody at once';
ok $s->wait_until(sub { $b->get('/index.html'); lines('DJS102') }, 5),
    'J14: after a second without failure it is over';
is json(statuses(20)), '{"200":160}', 'J14: and stays so';
is lines('DJS101') . lines('DJS102'), '11', 'J14: one line for its end';
my ($ms) = $s->log =~ /\[djsession:notice\].*DJS102: .* after (\d+) ms/;
cmp_ok $ms, '<=', ($mended - $t) * 1000 + 500, 'J14: with its length';
cmp_ok $ms, '>=', 300, 'J14: which is about that of the trouble';

# A graceful restart while it lasts: the new children find it out once more.
$s->break_store;
statuses(3);
my $before = lines('DJS101');
is $before, 2, 'J14: another outage is told of';
$s->mend_store;    # a start needs the store
$s->restart;
settled();
statuses(4);
$s->break_store;
statuses(6);
cmp_ok lines('DJS101'), '<=', 3, 'J14: once a generation of children';
$s->mend_store;
ok $s->wait_until(sub { $b->get('/index.html'); lines('DJS102') >= 2 }, 5),
    'J14: and of its end';

# O09: one child of many can open no file any more.
sub free_descriptor ($pid) {
    my %used = map { m{(\d+)$} ? ($1 => 1) : () } glob "/proc/$pid/fd/*";
    my $n = 0;
    $n++ while $used{$n};
    return $n;
}

# As the user that serves, who may do this to processes of his own.
sub limit_descriptors ($pid, $n) {
    my $limiter = fork // die "fork: $!";
    if (!$limiter) {
        DjSession::Server::become_server();
        { exec 'prlimit', '--pid', $pid, "--nofile=$n:" }
        POSIX::_exit(127);
    }
    waitpid $limiter, 0;
    return $?;
}
SKIP: {
    skip 'O09: prefork has a request a child', 5 if $s->mpm ne 'prefork';
    skip 'O09: needs prlimit', 5 unless `sh -c 'command -v prlimit'`;
    my ($poor) = $s->workers;
    my $n = free_descriptor($poor) + 1; # for the connection, and no more
    my ($old101, $old102) = (lines('DJS101'), lines('DJS102'));
    is limit_descriptors($poor, $n), 0,
        'O09: one child has no descriptors left';
    my %all;
    my $until = time + 3;
    while (time < $until) {
        my $seen = statuses(6);
        $all{$_} += $seen->{$_} for keys %$seen;
    }
    ok $all{503} && $all{200},
        'O09: its requests fail, those of others do not: ' . json(\%all);
    is lines('DJS101') - $old101, 1, 'O09: that is one outage';
    cmp_ok lines('DJS102') - $old102, '<=', 1, 'O09: whose end is told once';
    limit_descriptors($poor, 256);
    ok $s->wait_until(sub {
        $b->get('/index.html');
        lines('DJS102') - $old102 == lines('DJS101') - $old101
    }, 8), 'O09: with descriptors it is over';
}

$s->expects(qr/DJS101/);
$s->allows(qr/DJS209/);
$s->stop;
done_testing;
