# DjSession::Browser - a visitor: one cookie jar, HTTP/1.1 byte by byte.
package DjSession::Browser;
use v5.36;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use DjSession::Response;

use constant TIMEOUT => 20;

# server: a DjSession::Server; tls: speak TLS; host: value of the Host header;
# jar: cookies to begin with; name: of the session cookie; from: the address
# that it comes from.
sub new ($class, $server, %o) {
    return bless {
        server => $server,
        tls    => $o{tls},
        port   => $o{port} // ($o{tls} ? $server->tlsport : $server->port),
        host   => $o{host} // 'localhost',
        name   => $o{name} // 'sessionid',
        from   => $o{from} // '127.0.0.1',
        jar    => { %{ $o{jar} // {} } },
        },
        $class;
}

# The session key in the jar; undef without one.
sub session_key ($self) { return $self->{jar}{ $self->{name} } }

# Another visitor of the same server; `key` is put into the jar.
sub other ($self, $key = undef, %o) {
    my $b = ref($self)->new(
        $self->{server}, tls => $self->{tls}, host => $self->{host},
        port => $self->{port}, name => $self->{name}, from => $self->{from}, %o
    );
    $b->{jar}{ $b->{name} } = $key if defined $key;
    return $b;
}

sub get ($self, $path, %o) { return $self->request('GET', $path, %o) }

# POST of a form: values may be repeated, so `form` is a list.
sub post ($self, $path, $form = [], %o) {
    return $self->request(
        'POST', $path,
        body => form($form),
        type => 'application/x-www-form-urlencoded', %o
    );
}

# Has t/cgi/act do something: act(u => {set => {a => 1}}, status => 404).
# A hash becomes JSON. `at` is another path, `headers` request headers.
sub act ($self, @what) {
    my (@form, %o);
    my $at = '/cgi/act';
    while (my ($k, $v) = splice @what, 0, 2) {
        if    ($k eq 'at')      { $at = $v }
        elsif ($k eq 'headers') { $o{headers} = $v }
        elsif ($k eq 'cookie')  { $o{cookie} = $v }
        else                    { push @form, $k, $v }
    }
    return $self->post($at, \@form, %o);
}

# The session data as a program sees it now; undef without a live session.
sub data ($self, %o) { return $self->get('/cgi/act', %o)->data }

sub state ($self, %o) {
    return $self->get('/cgi/act', %o)->env->{DJSESSION_STATE};
}

sub form ($list) {
    my @pairs;
    my @list = @$list;
    while (my ($k, $v) = splice @list, 0, 2) {
        $v = JSON::PP->new->canonical->ascii->encode($v) if ref $v;
        push @pairs, "$k=" . escape($v);
    }
    return join '&', @pairs;
}

sub escape ($text) {
    return $text =~ s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ger;
}

# One request. headers: lines to add ("Name: value"); cookie: this Cookie line
# and not the jar's (undef: none); keep: use and keep one connection; version;
# body, type. Returns a DjSession::Response.
sub request ($self, $method, $path, %o) {
    my $version = $o{version} // '1.1';
    my @lines   = ("$method $path HTTP/$version");
    push @lines, "Host: " . ($o{host} // $self->{host});
    my $cookie = exists $o{cookie} ? $o{cookie} : $self->cookie_line;
    push @lines, "Cookie: $cookie" if defined $cookie;
    push @lines, @{ $o{headers} // [] };
    push @lines, "Content-Type: $o{type}" if $o{type};
    push @lines, "Content-Length: " . length $o{body} if defined $o{body};
    push @lines, 'Connection: ' . ($o{keep} ? 'keep-alive' : 'close')
        unless grep { /^Connection:/i } @lines;
    my $raw = join("\r\n", @lines, '', '') . ($o{body} // '');
    return $self->exchange($raw, $method, $o{keep});
}

sub cookie_line ($self) {
    my $jar = $self->{jar};
    return unless %$jar;
    return join '; ', map { "$_=$jar->{$_}" } sort keys %$jar;
}

# Sends bytes, reads one response.
sub exchange ($self, $raw, $method = 'GET', $keep = 0) {
    my $sock = $self->open_connection($keep);
    $self->send_bytes($sock, $raw);
    my $r = $self->read_response($sock, $method);
    $self->close_connection
        if !$keep || lc($r->header('Connection') // '') eq 'close';
    $self->learn($r);
    return $r;
}

sub open_connection ($self, $keep = 0) {
    return $self->{sock} if $keep && $self->{sock};
    $self->{pending} = '';
    $self->{sock}    = $self->connect_once // die "cannot connect: $@ $!";
    return $self->{sock};
}

sub connect_once ($self) {
    my %to = (PeerAddr => '127.0.0.1', PeerPort => $self->{port},
        LocalAddr => $self->{from});
    return IO::Socket::INET->new(%to, Timeout => TIMEOUT)
        unless $self->{tls};
    require IO::Socket::SSL;
    return IO::Socket::SSL->new(
        %to,
        SSL_verify_mode => 0, SSL_hostname => $self->{host},
        Timeout => TIMEOUT
    );
}

sub close_connection ($self) {
    my $sock = delete $self->{sock};
    close $sock if $sock;
    $self->{pending} = '';
    return;
}

sub send_bytes ($self, $sock, $raw) {
    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;
    while ($at < length $raw) {
        my $n = syswrite $sock, $raw, length($raw) - $at, $at;
        last unless $n;
        $at += $n;
    }
    return;
}

# Everything that comes until the peer closes or falls silent for a while.
sub read_all ($self, $sock, $silence = TIMEOUT) {
    while ($self->more($sock, $silence)) { }
    return delete $self->{pending};
}

sub more ($self, $sock, $timeout = TIMEOUT) {
    $self->{pending} //= '';
    my $buffered = $sock->can('pending') ? $sock->pending : 0;
    return 0 unless $buffered || IO::Select->new($sock)->can_read($timeout);
    return sysread $sock, $self->{pending}, 65536, length $self->{pending};
}

sub read_response ($self, $sock, $method) {
    my (@interim, $head);
    while (1) {
        $head = $self->read_head($sock);
        last unless $head =~ m{^HTTP/\S+ 1(?!01)\d\d};
        push @interim, $head;
    }
    my $body = $self->read_body($sock, $method, $head);
    return DjSession::Response->new(
        head => $head, body => $body, interim => \@interim
    );
}

sub read_head ($self, $sock) {
    while ($self->{pending} !~ /\r?\n\r?\n/) {
        $self->more($sock) or last;
    }
    return $1 if $self->{pending} =~ s/^(.*?)\r?\n\r?\n//s;
    my $rest = $self->{pending};
    $self->{pending} = '';
    return $rest;
}

sub read_body ($self, $sock, $method, $head) {
    my ($status) = $head =~ m{^HTTP/\S+ (\d+)};
    return '' if $method eq 'HEAD' || !$status || $status =~ /^(101|204|304)$/;
    return $self->read_chunks($sock) if $head =~ /^Transfer-Encoding:.*chunked/mi;
    if ($head =~ /^Content-Length:\s*(\d+)/mi) {
        return $self->take($sock, $1);
    }
    return $self->read_all($sock) // '';
}

sub take ($self, $sock, $n) {
    while (length $self->{pending} < $n) {
        $self->more($sock) or last;
    }
    return substr $self->{pending}, 0, $n, '';
}

sub read_chunks ($self, $sock) {
    my $body = '';
    while (1) {
        while ($self->{pending} !~ /\r\n/) { $self->more($sock) or return $body }
        $self->{pending} =~ s/^([0-9a-fA-F]+)[^\r\n]*\r\n// or return $body;
        my $n = hex $1;
        $body .= $self->take($sock, $n);
        $self->take($sock, 2) if $n;
        last unless $n;
    }
    while ($self->{pending} !~ s/^(?:[^\r\n]+\r\n)*\r\n//) {
        $self->more($sock) or last;
    }
    return $body;
}

# Keeps and drops cookies as browsers do, as far as the tests need it.
sub learn ($self, $r) {
    for my $set ($r->all('Set-Cookie')) {
        my ($pair, @attributes) = split /;\s*/, $set;
        my ($name, $value)      = split /=/, $pair, 2;
        my $gone = grep { /^Max-Age=(-|0$)/i } @attributes;
        $self->{server}->canary($value) if ($value // '') =~ /^[a-z0-9]{32}$/;
        if    ($gone)          { delete $self->{jar}{$name} }
        elsif (defined $value) { $self->{jar}{$name} = $value }
    }
    return;
}

1;
