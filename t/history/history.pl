#!/usr/bin/env perl
# t/history/history.pl - the long run of the history checker (L08).
#
# Usage: history.pl [OPERATIONS [STORE:FAULT,FAULT… …]], as make history does.
# The operations are spread over the schedules; exits 0 without a violation.
use v5.36;
use lib 't/lib';
use Test::More;
use DjSession::History;

my ($operations, @schedules) = @ARGV;
$operations ||= 1_000_000;
no warnings "qw";
@schedules = qw(
    dbm: dbm:kill dbm:graceful dbm:break dbm:kill,graceful,break
    gdbm:kill,graceful,break db:kill,graceful,break
    memcache: memcache:kill memcache:freeze memcache:down
    memcache:kill,graceful,freeze,down
    twins: twins:kill twins:freeze twins:down twins:kill,graceful,down
    tiers: tiers:kill tiers:break tiers:down
    tiers:kill,graceful,break,freeze,down
) unless @schedules;

$| = 1;
my $total = 0;
while (my ($i, $schedule) = each @schedules) {
    my ($store, $faults) = split /:/, $schedule;
    my $run = DjSession::History->run(
        store => $store, faults => [split /,/, $faults // ''],
        ops => int($operations / @schedules), seed => $i + 1);
    is $run->{violations}, 0, "L08: $schedule: every promise is kept";
    $total += $run->{operations};
    diag sprintf '%s: %.0f s, %.0f/s; %s', $schedule, $run->{seconds},
        $run->{operations} / $run->{seconds}, $run->{text};
}
diag "operations in all: $total";
done_testing;
