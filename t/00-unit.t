#!/usr/bin/env perl
# Every unit does what its header promises: the programs of t/unit, each test
# in them counted here under its own name.
use strict;
use warnings FATAL => 'all';
use File::Basename qw(basename dirname);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $built = $ENV{DJS_BUILDDIR} // '.';
my @units = map { basename($_, '.c') } glob 't/unit/test_*.c';

sub run_unit {
    my ($unit) = @_;
    my $said = qx{CMOCKA_MESSAGE_OUTPUT=tap $built/t/unit/$unit 2>&1};
    my ($status, $failed) = ($?, 0);

    for (split /\n/, $said) {
        if (/^\s*not ok \d+ # SKIP (.*)/) {
            SKIP: { skip "$unit: $1", 1 }
        }
        elsif (/^\s*(not )?ok \d+ - (.*)/) {
            ok !$1, "$unit: $2";
            $failed++ if $1;
        }
    }
    ok $failed || $status == 0, "$unit ends well";
    diag "$unit, status $status, said:\n", substr $said, -4000
        if $failed || $status;
    return;
}

for my $unit (@units) {
    if (-x "$built/t/unit/$unit") {
        run_unit($unit);
    }
    else {
        fail "$unit is built";
        diag "no $built/t/unit/$unit; run it through make check";
    }
}
done_testing;
