# DjsBench::Scale - a store of a thousand sessions against one of a million.
#
# bench_store fills a store, times lookups of random sessions, expires half of
# them and sweeps. The small store is measured before and after the big one, so
# that a machine that got slower meanwhile is not taken for a store that did.
package DjsBench::Scale;
use strict;
use warnings;
use Carp qw(croak);
use File::Path qw(remove_tree);

use constant SMALL => 1_000;

# program: bench_store; sessions: how many are many; dir: where the stores lie
# while they are measured. Gives median and 99th percentile of a lookup in
# microseconds, and the sweep's longest hold in milliseconds, of `small` (twice)
# and `big`.
sub measure {
    my ($program, $sessions, $dir) = @_;
    my @small = _run($program, SMALL, $dir);
    my $big = _run($program, $sessions, $dir);
    push @small, _run($program, SMALL, $dir);
    return { small => \@small, big => $big };
}

sub _run {
    my ($program, $sessions, $dir) = @_;
    my $store = "$dir/scale-$$-$sessions";
    open my $in, '-|', $program, $store, "sessions=$sessions", 'only=get',
        'sweep=1' or croak "$program: $!";
    my %got;
    while (<$in>) {
        @got{qw(median p99)} = ($1, $2)
            if /get\s+median\s+([\d.]+) us, 99 %\s+([\d.]+) us/;
        @got{qw(removed hold)} = ($1, $2)
            if /swept (\d+) of .* longest hold ([\d.]+) ms/;
    }
    close $in;
    my $failed = $?;
    remove_tree($store);
    croak "$program failed with $sessions sessions"
        if $failed || keys %got != 4;
    return \%got;
}

# Where a big store may lie for a while: memory if there is plenty, so that the
# disk's other users do not count, otherwise `fallback`.
sub place {
    my ($sessions, $fallback) = @_;
    my $needed = $sessions * 4096;
    my $df = `df -Pk /dev/shm 2>/dev/null` // '';
    my ($free) = $df =~ /^\S+\s+\d+\s+\d+\s+(\d+)/m;
    my $memory = 0;
    if (open my $in, '<', '/proc/meminfo') {
        while (<$in>) {
            $memory = $1 if /^MemAvailable:\s+(\d+) kB/;
        }
    }
    my $room = $free && $free < $memory ? $free : $memory;
    return $free && $room * 1024 > 2 * $needed ? '/dev/shm' : $fallback;
}

1;
