# A child that has served many thousands of requests is no larger than one
# that served some, and no process keeps a secret where it can be found.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
no warnings 'portable';    # addresses have 64 bits

plan skip_all => 'no h2load' unless `sh -c 'command -v h2load'`;
my $s = server(loglevel => 'warn', conf => counter_pages(),
    global => ($ENV{DJS_MPM} // '') eq 'prefork' ? <<'END' : '');
StartServers 2
MinSpareServers 1
MaxSpareServers 2
MaxRequestWorkers 3
END
$s->file('htdocs/count', '');
my $visitor = $s->browser;
$visitor->get('/count');
my $K = $visitor->session_key;

sub load ($path, $requests) {
    my $url = 'http://127.0.0.1:' . $s->port . $path;
    my $said = `h2load --h1 -n $requests -c 2 -H 'Cookie: sessionid=$K' $url`;
    my ($good) = $said =~ /(\d+) 2xx/;
    return $good // 0;
}

# Resident memory of each child, in kB.
sub resident {
    return map {
        DjSession::Server::slurp("/proc/$_/status") =~ /^VmRSS:\s*(\d+)/m
            ? ($_ => $1) : ()
    } $s->workers;
}
load('/index.html', 6000);
load('/count', 1000);

# A child that was idle so far grows once, with its first requests; one that
# leaks grows in every round.
my ($grown, $writes) = (9999, 1000);
for my $round (1 .. 3) {
    my %before = resident();
    is load('/index.html', 12_000), 12_000, 'E23: twelve thousand reads';
    is load('/count', 2000), 2000, 'E23: two thousand writes';
    $writes += 2000;
    my %after = resident();
    $grown = (sort { $a <=> $b } map { $after{$_} - $before{$_} }
        grep { $before{$_} } keys %after)[-1] // 9999;
    last if $grown < 500 || $ENV{DJS_PRELOAD};
}
SKIP: {
    skip 'E23: a sanitizer keeps what is freed', 1 if $ENV{DJS_PRELOAD};
    cmp_ok $grown, '<', 500, "E23: no child grew by more than $grown kB";
}
is counted($visitor), $writes + 1, 'E23: and every write counted';

# G19: the secret is wiped once everything is derived from it.
SKIP: {
    my ($hex) = DjSession::Server::slurp($s->state . '/secret.key') =~ /(\w+)/;
    my %seen;
    for my $pid ($s->pid, $s->workers) {
        my $found = search($pid, pack('H*', $hex), $hex);
        skip 'G19: may not look into processes', 1 unless defined $found;
        $seen{$pid} = $found if $found;
    }
    ok search($s->pid, $s->state), 'G19: looking into memory works';
    is join(' ', %seen), '', 'G19: no process has the secret in its memory';
}

# How often any of the needles lies in a process's writable memory.
sub search ($pid, @needles) {
    open my $mem, '<:raw', "/proc/$pid/mem" or return;
    my $count = 0;
    for my $map (split /\n/, DjSession::Server::slurp("/proc/$pid/maps")) {
        my ($from, $to) = $map =~ /^(\w+)-(\w+) rw/ or next;
        my ($start, $size) = (hex $from, hex($to) - hex $from);
        next if $size > 64 << 20;
        sysseek $mem, $start, 0 or next;
        my $bytes = '';
        sysread $mem, $bytes, $size;
        for my $needle (@needles) {
            $count++ while $bytes =~ /\Q$needle\E/g;
        }
    }
    return $count;
}
$s->stop;
done_testing;
