# A session born over TLS is never honoured in the clear; DjSessionHTTPSOnly
# keeps sessions off plain HTTP; only a trusted proxy may say that a request
# came over TLS.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(
    tls => 1, http2 => 1,
    global => <<'END', conf => <<'CONF', after => <<'AFTER');
DjSessionProxyTLSHeader X-Forwarded-Proto https
DjSessionTrustedProxy 127.0.0.1
DjSessionNamespace one
Protocols h2c http/1.1
END
<Location /cgi/act/only>
  DjSessionHTTPSOnly On
</Location>
<Location /cgi/act/off>
  DjSessionCookieSecure Off
</Location>
CONF
<VirtualHost 127.0.0.1:@PORT@>
  ServerName untrusted.test
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
  DjSessionProxyTLSHeader X-Forwarded-Proto https
  DjSessionTrustedProxy 10.0.0.0/8
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName h2c.test
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
  DjSessionTrustedProxy 10.0.0.0/8
</VirtualHost>
AFTER
my %write = (u => { set => { a => 1 } });

my $tls = $s->browser(tls => 1);
like(($tls->act(%write)->cookies)[0], qr/; Secure/, 'B01: Secure over TLS');
is $tls->data->{a}, 1, 'B07: it lives over TLS';
my $key = $tls->session_key;

my $clear = $s->browser->other($key);
my $r = $clear->get('/cgi/act');
is $r->env->{DJSESSION_STATE}, 'none', 'B07: it is none in the clear';
is join(' ', $r->cookies), '', 'B07: and its cookie is left alone';
$r = $clear->act(u => { set => { a => 2 } }, at => '/cgi/act/off');
is $tls->data->{a}, 1, 'B07: the clear does not change it, whatever Secure is';
isnt(($clear->session_key // ''), $key, 'B07: nor adopt its key');
$s->browser->other($key)->act(u => { flush => \1 });
is $tls->data->{a}, 1, 'B07: nor end it';
$tls->act(u => { rotate => \1 });
is $s->browser->other($tls->session_key)->state, 'none',
    'B07: nor after its key was rotated';

# One born in the clear may go on over TLS, and is then still one of the clear.
my $b = $s->browser;
my ($c) = $b->act(%write)->cookies;
unlike $c, qr/; Secure/, 'B01: not Secure in the clear';
is $s->browser(tls => 1)->other($b->session_key)->data->{a}, 1,
    'B07: one born in the clear is seen over TLS';

# DjSessionHTTPSOnly: as if there were no session in the clear.
$r = $b->act(%write, at => '/cgi/act/only', cookie => undef);
is join(' ', $r->cookies), '', 'B07: HTTPSOnly: none is made in the clear';
is $b->get('/cgi/act/only')->env->{DJSESSION_STATE}, 'none',
    'B07: HTTPSOnly: none is read in the clear';
$s->break_store;
is $b->get('/cgi/act/only')->status, 200, 'B07: HTTPSOnly: no lookup';
$s->mend_store;
is $tls->get('/cgi/act/only')->env->{DJSESSION_STATE}, 'live',
    'B07: HTTPSOnly: all is well over TLS';

# B09: who may speak for a TLS connection that ended elsewhere.
sub secure_with ($host, @lines) {
    my ($c) = $s->browser(host => $host)
        ->act(%write, headers => [map { "X-Forwarded-Proto: $_" } @lines])
        ->cookies;
    return ($c // '') =~ /; Secure/ ? 'TLS' : 'clear';
}
is secure_with('localhost', 'https'), 'TLS', 'B09: from a trusted proxy';
is secure_with('localhost', 'http'), 'clear', 'B09: it says http';
is secure_with('localhost'), 'clear', 'B09: it says nothing';
is secure_with('localhost', 'https, http'), 'clear', 'B09: two values';
is secure_with('localhost', 'https', 'http'), 'clear', 'B09: two headers';
is secure_with('localhost', 'https', 'https'), 'clear',
    'B09: two headers that agree';
is secure_with('localhost', 'httpsx'), 'clear', 'B09: a longer value';
is secure_with('untrusted.test', 'https'), 'clear', 'B09: from anybody else';

my $proxied = $s->browser->other($key = $tls->session_key);
is $proxied->state(headers => ['X-Forwarded-Proto: https']), 'live',
    'B09: a session of TLS lives behind the trusted proxy';

# B08, E14: HTTP/2.
SKIP: {
    skip 'B08: HTTP/2 needs a threaded MPM', 4 unless $s->wants_http2;
    my $curl = sub ($url, @more) {
        my $said = `curl -sk -i --max-time 10 @more '$url' 2>/dev/null`;
        return $said;
    };
    my $update = '?u='
        . DjSession::Browser::escape('{"set":{"a":1}}') . '&body=x';
    my $said = $curl->('https://127.0.0.1:' . $s->tlsport . "/cgi/act$update",
        '--http2');
    like $said, qr{^HTTP/2 200}, 'B08: HTTP/2 over TLS';
    like $said, qr/^set-cookie: sessionid=\w+;.*; Secure/mi, 'B08: is TLS';
    $said = $curl->('http://127.0.0.1:' . $s->port . "/cgi/act$update",
        '--http2-prior-knowledge', '-H', 'Host:h2c.test');
    like $said, qr{^HTTP/2 200}, 'E14: HTTP/2 in the clear';
    unlike $said, qr/set-cookie: sessionid.*; Secure/i, 'B08: is not TLS';
}

$s->expects(qr/DJS204/);
$s->stop;
done_testing;
