# DjsBench::Client - requests over one connection that stays open.
#
# It sends the same few bytes each time, reads the answer by its
# Content-Length, and takes over a new cookie where a case wants that.
package DjsBench::Client;
use strict;
use warnings;
use Carp qw(croak);
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

# port; cookie: "name=value" or undef; follow: take over cookies that are set.
sub new {
    my ($class, %arg) = @_;
    my $self = bless {%arg}, $class;
    $self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                            PeerPort => $arg{port})
        or croak "connect: $!";
    $self->{socket}->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    return $self;
}

# The line that shows who is there: a cookie, or a whole Authorization header.
sub header_for {
    my ($sent) = @_;
    return $sent =~ /^Authorization: / ? $sent : "Cookie: $sent";
}

# Asks for `path` and gives status, header block and body.
sub get {
    my ($self, $path) = @_;
    my $request = "GET $path HTTP/1.1\r\nHost: bench.invalid\r\n";
    $request .= header_for($self->{cookie}) . "\r\n"
        if defined $self->{cookie};
    syswrite($self->{socket}, "$request\r\n") or croak "write: $!";

    my $got = '';
    my $need;
    until (defined $need && length $got >= $need) {
        sysread($self->{socket}, $got, 65536, length $got)
            or croak "connection closed after: $got";
        if (!defined $need && $got =~ /\r\n\r\n/) {
            my $head = $+[0];
            my ($length) = $got =~ /^Content-Length: (\d+)\r$/mi;
            $need = $head + ($length // 0);
            $self->{head} = substr $got, 0, $head;
        }
    }
    my ($status) = $got =~ m{^HTTP/1\.1 (\d+)};
    if ($self->{follow} && (my $new = $self->set_cookie)) {
        $self->{cookie} = $new;
    }
    return ($status, $self->{head}, substr $got, length $self->{head});
}

# "name=value" of the last answer's Set-Cookie, or undef.
sub set_cookie {
    my ($self) = @_;
    my ($pair) = $self->{head} =~ /^Set-Cookie: ([^;\r\n]+)/mi;
    return $pair;
}

# `count` requests for `path`; every one of them must succeed.
sub repeat {
    my ($self, $path, $count) = @_;
    for (1 .. $count) {
        my ($status) = $self->get($path);
        croak "status $status for $path" if $status != 200;
    }
}

1;
