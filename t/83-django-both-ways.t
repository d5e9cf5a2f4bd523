#!/usr/bin/env perl
# What we write in Django's forms every supported Django reads, and what it
# writes we read: signed texts, pickles, cache files, hashes of logins; odd and
# forged ones are taken by both or by neither.
use v5.36;
use File::Basename qw(dirname);
use Test::More;

chdir dirname(__FILE__) . '/..' or die "no project around $0: $!\n";
my $built = $ENV{DJS_BUILDDIR} // '.';
my $filter = "$built/t/unit/django_filter";
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $COUNT = 1000;
plan skip_all => "no $filter" unless -x $filter;

# Where Python finds the Django of that version; '' is the system's own.
sub place_of ($version) {
    my $own = qx{$python -c 'import django; print(django.__version__)' 2>&1};
    return '' if $own =~ /^\Q$version\E\./;
    my $dir = "$built/django-$version";
    return -f 'build/django'
        && system("sh build/django $version '$dir' >/dev/null 2>&1") == 0
        ? $dir : undef;
}

for my $version (qw(3.2 4.2 5.2)) {
SKIP: {
        my $place = place_of($version);
        skip "no Django $version to be had: python3-django is not installed, "
            . "or there is no network", 2 unless defined $place;
        local $ENV{PYTHONPATH} = $place;
        my $said =
            qx{$python t/unit/django_both_ways.py $filter $COUNT 2>&1};
        is $?, 0, "H13 H14 H15 H16 H35: Django $version and we read each "
            . "other, $COUNT times" or diag $said;
        like $said, qr/^Django \Q$version\E\./m, 'and it was that Django';
    }
}
done_testing;
