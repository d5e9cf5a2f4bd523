# DjsBench::Syscalls - system calls per request, by name, counted by strace.
#
# One process serves one connection. Requests are told apart by what is read
# from the socket, so start-up and the warm-up requests are left out.
package DjsBench::Syscalls;
use strict;
use warnings;
use Carp qw(croak);
use DjsBench::Client;
use DjsBench::Server;
use DjsBench::Table qw(median);

# What changes a file or a directory.
my $WRITES = qr/^(?:write|writev|pwrite64|pwritev2?|ftruncate|fallocate|
    fsync|fdatasync|msync|rename\w*|unlink\w*|mkdir\w*|link\w*|symlink\w*)$/x;

# Starts `server` under strace.
sub start {
    my ($server) = @_;
    unlink "$server->{dir}/strace.out";
    $server->start('strace', '-f', '-y', '-s', '64', '-o',
                   "$server->{dir}/strace.out");
}

# What summary() makes of `count` requests, after some others to warm up.
sub measure {
    my ($case, $count) = @_;
    my $server = $case->server('strace');
    start($server);
    my $client = DjsBench::Client->new(port => $server->{port},
        cookie => $case->cookie($server), follow => $case->{follow});
    $client->repeat('/page.txt', $case->{slow} ? 3 : 20);
    $client->get('/no-such-page-1');
    $client->repeat('/page.txt', $count);
    $client->get('/no-such-page-2');
    undef $client; # an open connection would keep a server from ending
    $server->stop;
    my @requests = requests("$server->{dir}/strace.out");
    croak "strace saw " . @requests . " of $count requests"
        unless @requests == $count;
    return summary(@requests);
}

# One element per request between the two marks: a list of [name, is a write].
sub requests {
    my ($file) = @_;
    my (@requests, $on, %begun);
    open my $in, '<', $file or croak "$file: $!";
    while (my $line = <$in>) {
        my ($name, $rest) = _whole(\%begun, $line) =~ /^\d+\s+(\w+)\((.*)/
            or next;
        if ($name =~ /^(?:read|recvfrom|recvmsg)$/ && $rest =~ /"GET (\S+)/) {
            my $path = $1;
            last if $path =~ /-page-2$/;
            push @requests, [] if $on;
            $on = 1 if $path =~ /-page-1$/;
        }
        next unless @requests;
        my $socket = $rest =~ /^\d+<(?:socket|TCP|UNIX)/;
        push @{ $requests[-1] },
            [ $name, $name =~ $WRITES && !$socket ? 1 : 0 ];
    }
    return @requests;
}

# A call during which another thread made one stands on two lines: gives it as
# one when it has ended.
sub _whole {
    my ($begun, $line) = @_;
    my ($thread) = $line =~ /^(\d+)/ or return '';
    if ($line =~ /^(.*?) *<unfinished \.\.\.>$/) {
        $begun->{$thread} = $1;
        return '';
    }
    return (delete $begun->{$thread} // '') . $1
        if $line =~ /^\d+\s+<\.\.\. \w+ resumed>(.*)/;
    return $line;
}

# How often each name is called in a request: the median, for now and then a
# request comes before httpd looks or after it has begun to wait. Writes are
# counted one by one.
sub summary {
    my (@requests) = @_;
    my (%counts, %calls);
    my $writes = my $writing = my $total = 0;
    for my $i (0 .. $#requests) {
        my $here = grep { $_->[1] } @{ $requests[$i] };
        $writes += $here;
        $writing++ if $here;
        for my $call (@{ $requests[$i] }) {
            $counts{ $call->[0] } //= [ (0) x @requests ];
            $counts{ $call->[0] }[$i]++;
        }
    }
    for my $name (keys %counts) {
        $total += $calls{$name} = median(@{ $counts{$name} });
    }
    return { calls => \%calls, total => $total, writing => $writing,
             writes => @requests ? $writes / @requests : 0 };
}

# "3 openat, 2 close" - what `more` has beyond `base`, most first.
sub difference {
    my ($more, $base) = @_;
    my %diff = map {
        $_ => ($more->{calls}{$_} // 0) - ($base->{calls}{$_} // 0)
    } keys %{ $more->{calls} }, keys %{ $base->{calls} };
    return join ', ', map { "$diff{$_} $_" }
        sort { $diff{$b} <=> $diff{$a} || $a cmp $b }
        grep { $diff{$_} } keys %diff;
}

1;
