#!/usr/bin/env perl
# contrib/django by itself: its records are the module's, byte for byte; under
# every supported Django it does what Django promises of a session engine, what
# the module promises of parallel requests, and an outage is no logout.
use v5.36;
use lib 't/lib';
use File::Basename qw(dirname);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
require DjSession::Django;
require DjSession::Memcached;

my $built = $ENV{DJS_BUILDDIR} // '.';
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
plan skip_all => 'no python3-cryptography here: build/deps check'
    if system "$python -c 'import cryptography' 2>/dev/null";

my $said = qx{$python t/unit/engine_against_record.py \\
    $built/t/unit/record_filter 1000 2>&1};
is $?, 0, 'G01 G20 G21: what it seals the module opens, and the other way'
    or diag $said;

# A program of t/unit against the memcached at that port; what it said.
sub runs ($program, $port, $name) {
    my $said = qx{$python t/unit/$program.py $port 2>&1};
    is $?, 0, $name or diag $said;
    return $said;
}

SKIP: {
    skip 'no memcached here: build/deps check', 1
        if !DjSession::Memcached->program;
    my $port = DjSession::Memcached->start->port;
    my $done;
    for my $version (qw(5.2 4.2 3.2)) {
        my $place = DjSession::Django->place_of($version);
        if (!defined $place) {
            note "no Django $version to be had";
            next;
        }
        local $ENV{PYTHONPATH} = $place;
        # C01 C02 C03 C11 C16 C17 G12 H01 I11
        my $all = runs('engine_in_django', $port,
            "Django $version: it is an engine as Django wants it");
        like $all, qr/^Django \Q$version\E\./m, 'and it was that Django';
        next if $done++; # Django plays no part in the rest
        # C02 C10 C15 C18 C20 C21 C22 G07 G10 H34 I10 L04 L05 M01
        runs('engine_side_by_side', $port, 'beside others it merges');
        # C10 I03 I05 I06 I07 I12 I13 I14 I16 I22 I26
        runs('engine_in_trouble', $port, 'in trouble it logs nobody out');
    }
}
done_testing;
