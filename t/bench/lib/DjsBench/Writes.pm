# DjsBench::Writes - how often an active session is written in a lifetime.
#
# The lifetime is ten seconds here, and renewal is at 10 %. Somebody asks
# every 50 ms; strace tells in which requests a file was written.
package DjsBench::Writes;
use strict;
use warnings;
use DjsBench::Client;
use DjsBench::Syscalls;
use Time::HiRes qw(sleep time);

use constant LIFETIME => 10;

my $POLICY = <<"CONF";
DjSessionCookieAge @{[ LIFETIME ]}s
DjSessionRenew 10%
CONF

# Requests sent in a lifetime, those that wrote, and those that set a cookie.
sub measure {
    my ($case) = @_;
    my $server = $case->server('writes', 'prefork', $POLICY);
DjsBench::Syscalls::start($server);
    my $client = DjsBench::Client->new(port => $server->{port},
                                       cookie => $case->cookie($server));
    my $begin = time;
    my $sent = my $cookies = 0;
    $client->get('/no-such-page-1');
    while (time < $begin + LIFETIME) {
        $client->repeat('/page.txt', 1);
        $cookies++ if $client->set_cookie;
        $sent++;
        sleep 0.05;
    }
    $client->get('/no-such-page-2');
    undef $client; # an open connection would keep a server from ending
    $server->stop;
    my $seen = DjsBench::Syscalls::summary(
        DjsBench::Syscalls::requests("$server->{dir}/strace.out"));
    return { sent => $sent, cookies => $cookies,
             writing => $seen->{writing} };
}

1;
