# DjSession::Backend - a server behind mod_proxy that tells what it was sent.
#
# It answers each request with the raw head of that request as the body. Lines
# in the query string (r=Name:%20value, repeated) become response headers,
# s=404 the status; `early` sends 103 first; a websocket upgrade is accepted
# and echoes bytes.
package DjSession::Backend;
use v5.36;
use IO::Socket::INET;
use POSIX ();

sub start ($class) {
    my $sock = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1
    ) // die "no back end: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        serve($sock);
        POSIX::_exit(0);
    }
    return bless { pid => $pid, port => $sock->sockport, owner => $$ }, $class;
}

sub port ($self) { return $self->{port} }

sub serve ($sock) {
    local $SIG{CHLD} = 'IGNORE';
    local $SIG{PIPE} = 'IGNORE';
    while (my $client = $sock->accept) {
        my $pid = fork // next;
        if (!$pid) {
            close $sock;
            answer($client);
            POSIX::_exit(0);
        }
        close $client;
    }
    return;
}

sub answer ($client) {
    my $got = '';
    while ($got !~ /\r\n\r\n/) {
        sysread($client, $got, 65536, length $got) or return;
    }
    my ($head, $rest) = split /\r\n\r\n/, $got, 2;
    if ($head =~ /^Content-Length: (\d+)/mi) {
        while (length $rest < $1) {
            sysread($client, $rest, 65536, length $rest) or last;
        }
    }
    elsif ($head =~ /^Transfer-Encoding: chunked/mi) {
        while ($rest !~ /0\r\n(?:[^\r\n]+\r\n)*\r\n$/) {
            sysread($client, $rest, 65536, length $rest) or last;
        }
    }
    return upgrade($client, $head) if $head =~ /^Upgrade: websocket/mi;
    reply($client, "$head\r\n\r\n$rest", $head);
    return;
}

sub lines_of ($head) {
    my ($query) = $head =~ m{^\S+ [^\s?]*\?(\S*) };
    my (%one, @lines);
    for my $pair (split /&/, $query // '') {
        my ($name, $value) = split /=/, $pair, 2;
        $value = ($value // '') =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger;
        $one{$name} = $value;
        push @lines, $value if $name eq 'r';
    }
    return (\%one, @lines);
}

sub reply ($client, $body, $head) {
    my ($one, @lines) = lines_of($head);
    my $status = $one->{s} || 200;
    syswrite $client,
        "HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n"
        if exists $one->{early};
    my $length = $status == 304 ? '' : 'Content-Length: ' . length($body)
        . "\r\n";
    syswrite $client, "HTTP/1.1 $status X\r\nConnection: close\r\n$length"
        . "Content-Type: text/plain\r\n"
        . join('', map { "$_\r\n" } @lines) . "\r\n"
        . ($status == 304 ? '' : $body);
    shutdown $client, 1;
    while (sysread $client, my $more, 65536) { }
    close $client;
    return;
}

sub upgrade ($client, $head) {
    my (undef, @lines) = lines_of($head);
    syswrite $client, "HTTP/1.1 101 Switching Protocols\r\n"
        . "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        . join('', map { "$_\r\n" } @lines) . "\r\n";
    while (sysread $client, my $bytes, 65536) {
        syswrite $client, "echo $bytes";
    }
    return;
}

sub DESTROY ($self) {
    return if $$ != $self->{owner};
    local ($?, $@);
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
