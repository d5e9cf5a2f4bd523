# DjsBench::Instructions - user-space instructions of a whole httpd process, per
# request, counted by callgrind.
#
# One process (httpd -X) serves one connection that stays open. After requests
# to warm up, its counters are dumped and zeroed, then again after each window
# of requests: so neither start-up nor connecting is in a figure. The median
# window counts.
package DjsBench::Instructions;
use strict;
use warnings;
use Carp qw(croak);
use DjsBench::Client;
use DjsBench::Server;
use DjsBench::Table qw(median);

use constant WINDOWS => 3;

# Instructions per request of `case`, or undef when callgrind says nothing.
# What callgrind wrote stays in the server's directory.
sub measure {
    my ($case, $requests) = @_;
    $requests = int($requests / 10) || 1 if $case->{slow};
    my $server = $case->server('callgrind');
    my $out = "$server->{dir}/callgrind.out";
    unlink glob "$out*";
    $server->start('valgrind', '--tool=callgrind',
                   "--callgrind-out-file=$out");
    my $client = DjsBench::Client->new(port => $server->{port},
        cookie => $case->cookie($server), follow => $case->{follow});
    $client->repeat('/page.txt', $case->{slow} ? 5 : 60);
    _dump($server);
    for (1 .. WINDOWS) {
        $client->repeat('/page.txt', $requests);
        _dump($server);
    }
    undef $client; # an open connection would keep a server from ending
    $server->stop;
    my @totals = map { _total("$out." . ($_ + 1)) } 1 .. WINDOWS;
    return median(map { $_ / $requests } @totals);
}

# Has callgrind write its counters to the next file and start again from zero;
# returns when it has.
sub _dump {
    my ($server) = @_;
    my $pid = fork;
    croak "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        DjsBench::Server::drop_privileges($server->{site});
        exec 'callgrind_control', '-d', $server->httpd_pid
            or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    croak "callgrind_control failed:\n" . $server->log if $?;
}

sub _total {
    my ($file) = @_;
    open my $in, '<', $file or croak "$file: $!";
    while (<$in>) {
        return $1 if /^(?:totals|summary): (\d+)/;
    }
    croak "$file holds no total";
}

1;
