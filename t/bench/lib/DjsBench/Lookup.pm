# DjsBench::Lookup - what a lookup asks of memcached, and what it costs beside
# the least that any client must do.
package DjsBench::Lookup;
use strict;
use warnings;
use Carp qw(croak);
use DjsBench::Client;
use DjsBench::Memcached;

use constant INSTRUCTIONS_OF => 5000;

my @COMMANDS = qw(cmd_get cmd_set cmd_touch delete_hits delete_misses
    cas_misses cas_hits incr_hits decr_hits total_connections);

# How often memcached was asked in `count` requests of `case`: name => times a
# request. Connections that stay open are made before.
sub commands {
    my ($case, $count) = @_;
    my $memcached = $case->{site}->memcached;
    my $server = $case->server('commands');
    $server->{one_process} = 1;
    $server->start;
    my $client = DjsBench::Client->new(port => $server->{port},
        cookie => $case->cookie($server), follow => $case->{follow});
    $client->repeat('/page.txt', 20);
    my $before = $memcached->stats;
    $client->repeat('/page.txt', $count);
    my $after = $memcached->stats;
    undef $client; # an open connection would keep a server from ending
    $server->stop;
    my %times = map {
        $_ => (($after->{$_} // 0) - ($before->{$_} // 0)) / $count
    } @COMMANDS;
    $times{total_connections} -= 1 / $count; # that of `stats` itself
    return \%times;
}

# Of `raw` and `store`: { cpu, instructions } of a lookup; and `ratio`, that of
# the processor times.
sub measure {
    my ($program, $lookups, $with_valgrind) = @_;
    my $memcached = DjsBench::Memcached->start;
    my $said = _run($program, $memcached->name, "lookups=$lookups");
    my ($raw, $store, $ratio) =
        $said =~ /^raw ([\d.]+) us, store ([\d.]+) us, ratio ([\d.]+)/m
        or croak "$program says: $said";
    my %got = (raw => { cpu => $raw }, store => { cpu => $store },
               ratio => $ratio);
    for my $who ($with_valgrind ? qw(raw store) : ()) {
        $said = _run('valgrind', '--tool=callgrind', '--collect-atstart=no',
                     '--callgrind-out-file=/dev/null',
                     "--toggle-collect=${who}_lookups", $program,
                     $memcached->name, "only=$who",
                     'lookups=' . INSTRUCTIONS_OF);
        $got{$who}{instructions} = $1 / INSTRUCTIONS_OF
            if $said =~ /Collected : (\d+)/;
    }
    $memcached->stop;
    return \%got;
}

sub _run {
    my (@words) = @_;
    my $pid = open my $in, '-|';
    croak "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec @words or POSIX::_exit(127);
    }
    my $said = do { local $/; <$in> } // '';
    close $in or croak "@words failed: $said";
    return $said;
}

1;
