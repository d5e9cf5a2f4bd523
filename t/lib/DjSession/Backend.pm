# DjSession::Backend - a server behind mod_proxy that tells what it was sent.
#
# It answers each request with the raw head of that request as the body. Lines
# in the query string (r=Name:%20value, repeated) become response headers,
# s=404 the status; `early` sends 103 first; a websocket upgrade is accepted
# and echoes bytes, and to `head` says the head it came with. As `scgi`, `fastcgi`, `uwsgi` or `ajp` it is a program that
# prints the variables it was given and whose query string is the update it asks
# for; what AJP brings as headers is printed as the other three would have it.
package DjSession::Backend;
use v5.36;
use IO::Socket::INET;
use POSIX ();

sub start ($class, $protocol = 'http') {
    my %serve = (http => \&answer, scgi => \&answer_scgi,
        fastcgi => \&answer_fastcgi, uwsgi => \&answer_uwsgi,
        ajp => \&answer_ajp);
    my $answer = $serve{$protocol};
    my $sock = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1
    ) // die "no back end: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        serve($sock, $answer);
        POSIX::_exit(0);
    }
    return bless { pid => $pid, port => $sock->sockport, owner => $$ }, $class;
}

sub port ($self) { return $self->{port} }

sub serve ($sock, $answer) {
    local $SIG{CHLD} = 'IGNORE';
    local $SIG{PIPE} = 'IGNORE';
    while (my $client = $sock->accept) {
        my $pid = fork // next;
        if (!$pid) {
            close $sock;
            $answer->($client);
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
        push @lines, "t=$value" if $name eq 't';
    }
    return (\%one, @lines);
}

sub reply ($client, $body, $head) {
    my ($one, @lines) = lines_of($head);
    my $status = $one->{s} || 200;
    syswrite $client,
        "HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n"
        if exists $one->{early};
    my @trailers = map { s/^t=//r } grep { /^t=/ } @lines;
    @lines = grep { !/^t=/ } @lines;
    my $length = $status == 304 ? '' : 'Content-Length: ' . length($body)
        . "\r\n";
    if (@trailers) {
        $length = "Transfer-Encoding: chunked\r\n";
        $body = sprintf "%x\r\n%s\r\n0\r\n%s\r\n", length $body, $body,
            join '', map { "$_\r\n" } @trailers;
    }
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
        syswrite $client, $bytes eq 'head' ? $head : "echo $bytes";
    }
    return;
}

sub read_exactly ($client, $n) {
    my $got = '';
    while (length $got < $n) {
        sysread($client, $got, $n - length $got, length $got) or return;
    }
    return $got;
}

# What both kinds of program print.
sub program ($env) {
    my $update = ($env->{QUERY_STRING} // '')
        =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger;
    my $header = length $update ? "X-DjSession-Update: $update\r\n" : '';
    return "Status: 200 OK\r\nContent-Type: text/plain\r\n$header\r\n"
        . join '', map { "$_=$env->{$_}\n" } sort keys %$env;
}

sub answer_scgi ($client) {
    my $length = '';
    while ($length !~ /:$/) {
        $length .= read_exactly($client, 1) // return;
    }
    my $block = read_exactly($client, 1 + substr $length, 0, -1) // return;
    my %env = split /\0/, substr($block, 0, -2), -1;
    syswrite $client, program(\%env);
    close $client;
    return;
}

# Lengths of FastCGI: a byte, or four with the highest bit set.
sub take_length ($bytes) {
    my $first = ord substr $$bytes, 0, 1;
    return ord substr $$bytes, 0, 1, '' if $first < 128;
    return unpack('N', substr $$bytes, 0, 4, '') & 0x7FFFFFFF;
}

sub answer_fastcgi ($client) {
    my ($params, $id) = ('');
    while (defined(my $head = read_exactly($client, 8))) {
        my (undef, $type, $request, $length, $pad) = unpack 'CCnnC', $head;
        my $content = read_exactly($client, $length + $pad) // return;
        $id = $request;
        $params .= substr $content, 0, $length if $type == 4;
        last if $type == 5 && !$length;
    }
    my %env;
    while (length $params) {
        my ($name, $value) = (take_length(\$params), take_length(\$params));
        my $key = substr $params, 0, $name, '';
        $env{$key} = substr $params, 0, $value, '';
    }
    my $out = program(\%env);
    syswrite $client, pack('CCnnCC', 1, 6, $id, length $out, 0, 0) . $out
        . pack('CCnnCC', 1, 6, $id, 0, 0, 0)
        . pack('CCnnCCNCx3', 1, 3, $id, 8, 0, 0, 0, 0);
    close $client;
    return;
}

# A variable's name and value, each behind its length.
sub answer_uwsgi ($client) {
    my (undef, $size) = unpack 'CvC', read_exactly($client, 4) // return;
    my %env = unpack '(v/a)*', read_exactly($client, $size) // return;
    syswrite $client, program(\%env) =~ s{^Status:}{HTTP/1.0}r;
    shutdown $client, 1;
    close $client;
    return;
}

# Header names that AJP sends as numbers, from 0xA001 on.
my @AJP_NAMES = qw(accept accept-charset accept-encoding accept-language
    authorization connection content-type content-length cookie cookie2 host
    pragma referer user-agent);

# An AJP string: its length, the bytes, NUL; a length of 0xFFFF is none.
sub ajp_take ($bytes) {
    my $length = unpack 'n', substr $$bytes, 0, 2, '';
    return '' if $length == 0xFFFF;
    return $AJP_NAMES[$length - 0xA001] if $length > 0xA000;
    return substr substr($$bytes, 0, $length + 1, ''), 0, $length;
}

sub ajp_environment ($packet) {
    substr $packet, 0, 2, ''; # what it is, and the method
    my %env = map { $_ => ajp_take(\$packet) }
        qw(SERVER_PROTOCOL REQUEST_URI REMOTE_ADDR REMOTE_HOST SERVER_NAME);
    my (undef, undef, $headers) = unpack 'nCn', substr $packet, 0, 5, '';
    for (1 .. $headers) {
        my $name = 'HTTP_' . uc ajp_take(\$packet) =~ tr/-/_/r;
        my $value = ajp_take(\$packet);
        $env{$name} = exists $env{$name} ? "$env{$name}, $value" : $value;
    }
    while ((my $code = ord substr $packet, 0, 1, '') != 0xFF) {
        my $name = $code == 0x0A ? ajp_take(\$packet) : "attribute-$code";
        last if $code == 0x0B; # a number, not a text
        $env{$name} = ajp_take(\$packet);
    }
    $env{QUERY_STRING} = $env{'attribute-5'} // '';
    return \%env;
}

sub ajp_string ($text) { return pack 'n/ax', $text }

sub answer_ajp ($client) {
    my (undef, $size) = unpack 'nn', read_exactly($client, 4) // return;
    my $packet = read_exactly($client, $size) // return;
    my ($head, $body) = split /\r\n\r\n/,
        program(ajp_environment($packet)), 2;
    my @headers = map { [split /: /, $_, 2] } split /\r\n/, $head;
    shift @headers; # the status
    my $start = pack('Cn', 4, 200) . ajp_string('OK') . pack('n', 0 + @headers)
        . join '', map { map { ajp_string($_) } @$_ } @headers;
    for my $answer ($start, (map { pack 'Cn/ax', 3, $_ } unpack '(a4096)*',
        $body), pack 'CC', 5, 0)
    {
        syswrite $client, pack 'a2n/a', 'AB', $answer;
    }
    shutdown $client, 1;
    close $client;
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
