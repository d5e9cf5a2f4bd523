# DjsBench::Cpu - processor time of a request: user and system time of the whole
# httpd process.
#
# All servers are up at once, each one process (httpd -X) with one connection
# that stays open, and are asked in turn, round after round. Medians count.
package DjsBench::Cpu;
use strict;
use warnings;
use DjsBench::Cases;
use DjsBench::Client;
use DjsBench::Table qw(median);
use Time::HiRes qw(clock_gettime);

# case id => microseconds a request.
sub measure {
    my ($cases, $rounds, $requests, $each_round) = @_;
    my ($server, $cookie) =
        DjsBench::Cases::start_all($cases, 'cpu', 'prefork', one_process => 1);
    my @cases = grep { $server->{ $_->{id} } } @$cases;
    my (%client, %seen);
    for my $case (@cases) {
        my $id = $case->{id};
        $client{$id} = DjsBench::Client->new(port => $server->{$id}{port},
            cookie => $cookie->{$id}, follow => $case->{follow});
        $client{$id}->repeat('/page.txt', $case->{slow} ? 5 : 200);
    }
    for my $round (1 .. $rounds) {
        $each_round->($round);
        for my $case (@cases) {
            my $id = $case->{id};
            my $count = $case->{slow} ? int($requests / 100) + 1 : $requests;
            my $before = _seconds($server->{$id}->httpd_pid);
            $client{$id}->repeat('/page.txt', $count);
            my $took = _seconds($server->{$id}->httpd_pid) - $before;
            push @{ $seen{$id} }, $took * 1e6 / $count;
        }
    }
    %client = (); # an open connection would keep a server from ending
    $_->stop for values %$server;
    return { map { $_ => median(@{ $seen{$_} }) } keys %seen };
}

# Processor time of a process so far, all its threads: the clock that
# clock_getcpuclockid(3) names.
sub _seconds {
    my ($pid) = @_;
    use integer;
    return clock_gettime((~(0 + $pid) << 3) | 2);
}

1;
