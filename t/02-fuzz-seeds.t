#!/usr/bin/env perl
# Every seed of every fuzz target passes it: what was once found to be
# difficult stays understood.
use strict;
use warnings FATAL => 'all';
use File::Basename qw(basename dirname);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $built = $ENV{DJS_BUILDDIR} // '.';

for my $target (map { basename($_, '.c') } glob 't/fuzz/fuzz_*.c') {
    my $program = "$built/t/fuzz/$target";
    my @seeds = grep { -f } glob 't/fuzz/seeds/' . $target =~ s/^fuzz_//r
                                                 . '/*';
    ok @seeds > 0, "$target has seeds";
    if (!-x $program) {
        fail "$target is built";
        diag "no $program; run it through make check";
        next;
    }
    my $said = qx{$program @seeds 2>&1};
    is $?, 0, "$target passes its " . @seeds . ' seeds'
        or diag substr $said, -4000;
}
done_testing;
