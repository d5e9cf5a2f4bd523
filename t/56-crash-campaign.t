#!/usr/bin/env perl
# Whatever a store acknowledged is there after its writers were killed (J10):
# the short run; make crash is the long one.
use strict;
use warnings FATAL => 'all';
use File::Basename qw(dirname);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $crash = ($ENV{DJS_BUILDDIR} // '.') . '/t/crash/crash';
plan skip_all => "no $crash; run it through make check" if !-x $crash;

for my $type (qw(sdbm gdbm db)) {
    my $said = qx{$crash type=$type kills=150 2>&1};
    is $?, 0, 'nothing is lost, stale, corrupt or revived'
        or diag substr $said, -4000;
    note $said;
}
done_testing;
