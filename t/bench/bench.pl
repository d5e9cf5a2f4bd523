#!/usr/bin/perl
# bench.pl - what a session costs a request, with mod_djsession and its peers.
#
# usage: bench.pl [--module FILE] [--store-bench PROGRAM]
#                 [--lookup-bench PROGRAM] [--django DIR] [--out FILE]
#                 [--keep DIR] [--only CASE] [--requests N] [--rounds N]
#                 [--seconds N] [--sessions N] [section...]
#
# Sections: instructions syscalls cpu throughput memcached writes scale; all,
# unless named. Django is that of DIR (build/django makes one) or the system's.
# Prints a table for each section, one of all cases, and one of the aims. Ratios
# are between figures of one run, and no figure fails the run: the machine
# decides those.
use strict;
use warnings;
use FindBin;
use Getopt::Long;
use lib "$FindBin::Bin/lib";
use DjsBench::Report;
use DjsBench::Site;

my %option = (
    module => $ENV{DJS_MODULE} // "$FindBin::Bin/../../.libs/mod_djsession.so",
    'store-bench' => $ENV{DJS_BENCH_STORE},
    'lookup-bench' => $ENV{DJS_BENCH_LOOKUP},
    apxs => $ENV{APXS} // 'apxs',
    requests => 200,
    rounds => 5,
    seconds => 2,
    sessions => 1_000_000,
);
GetOptions(\%option, 'module=s', 'store-bench=s', 'lookup-bench=s', 'django=s',
           'apxs=s', 'out=s', 'keep=s',
           'requests=i', 'rounds=i', 'seconds=i', 'sessions=i', 'only=s@')
    or die "see the head of $0\n";
my @sections = @ARGV ? @ARGV : DjsBench::Report::sections();

local $SIG{INT} = local $SIG{TERM} = sub { exit 1 };
$| = 1;
my $site = DjsBench::Site->new(
    module => $option{module}, apxs => $option{apxs}, dir => $option{keep},
    django => $option{django});
print STDERR "no mod_djsession.so at $option{module}: peers only\n"
    unless $site->{module};

my $text = '';
my $show = sub {
    print "\n$_[0]";
    $text .= "$_[0]\n";
};
$show->(DjsBench::Report::section($_, $site, \%option)) for @sections;
$show->(DjsBench::Report::together($site, \%option));
$show->(DjsBench::Report::aims());
if ($option{out}) {
    open my $out, '>', $option{out} or die "$option{out}: $!\n";
    print $out $text;
    close $out or die "$option{out}: $!\n";
}
