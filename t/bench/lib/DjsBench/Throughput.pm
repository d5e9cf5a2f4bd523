# DjsBench::Throughput - requests a second and latency on the event MPM, by wrk.
#
# All servers are up at once and are driven in turn, round after round, so that
# whatever else the machine does falls on all of them alike. Medians count.
package DjsBench::Throughput;
use strict;
use warnings;
use Carp qw(croak);
use DjsBench::Cases;
use DjsBench::Table qw(median);

my %UNIT = (us => 1, ms => 1e3, s => 1e6);

# case id => { rate, p50, p99 } (a second, microseconds); `each_round` is called
# with the number of each round.
sub measure {
    my ($cases, $rounds, $seconds, $each_round) = @_;
    my ($server, $cookie) =
        DjsBench::Cases::start_all($cases, 'event', 'event');
    my %seen;
    for my $round (1 .. $rounds) {
        $each_round->($round);
        for my $case (grep { $server->{ $_->{id} } } @$cases) {
            my $id = $case->{id};
            my $got = _drive($server->{$id}{port}, $cookie->{$id}, $seconds);
            push @{ $seen{$id}{$_} }, $got->{$_} for keys %$got;
        }
    }
    $_->stop for values %$server;
    return { map {
        my $of = $seen{$_};
        $_ => { map { $_ => median(@{ $of->{$_} }) } keys %$of }
    } keys %seen };
}

sub _drive {
    my ($port, $cookie, $seconds) = @_;
    my @words = ('wrk', '-t1', '-c8', "-d${seconds}s", '--latency');
    push @words, '-H', "Cookie: $cookie" if defined $cookie;
    open my $in, '-|', @words, "http://127.0.0.1:$port/page.txt"
        or croak "wrk: $!";
    my %got;
    while (<$in>) {
        croak "wrk: $_" if /Non-2xx|Socket errors/;
        $got{rate} = $1 if /^Requests\/sec:\s+([\d.]+)/;
        $got{"p$1"} = $2 * $UNIT{$3} if /^\s+(50|99)%\s+([\d.]+)(us|ms|s)$/;
    }
    close $in;
    croak 'wrk gave no figures' unless keys %got == 3;
    return \%got;
}

1;
