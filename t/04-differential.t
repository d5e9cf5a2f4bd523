#!/usr/bin/env perl
# What we read and write is what others read and write: JSON and pickles as
# Python does,
# records as doc/formats has them made by an independent implementation,
# cookies as Django parses them but for the differences that are meant.
use strict;
use warnings FATAL => 'all';
use File::Basename qw(dirname);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $built = $ENV{DJS_BUILDDIR} // '.';
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';

# What is compared, program, script, how many inputs.
my @comparisons = (
    ['H12: JSON and Python', 'json_filter', 'json_against_python.py', 20_000],
    ['G21: records and Python', 'record_filter', 'record_against_python.py',
        1_000],
    ['H33: pickles and Python', 'django_filter', 'pickle_against_python.py',
        20_000],
    ['A28: cookies and Django', 'cookie_filter',
        'cookies_against_django.py', 50_000],
);

for my $comparison (@comparisons) {
    my ($name, $program, $script, $count) = @$comparison;
    my $said =
        qx{$python t/unit/$script $built/t/unit/$program $count 2>&1};

    SKIP: {
        skip "$name: python3-django is not installed", 1 if $? >> 8 == 77;
        is $?, 0, "$name agree on $count inputs" or diag $said;
    }
}
done_testing;
