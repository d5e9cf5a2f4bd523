# A preset is a set of defaults: it counts for what no directive says, wherever
# either of them stands, and the innermost preset counts.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

# What came over TLS is told by a header, as a proxy would; DJS204 is what a
# program hears that wants a session in the clear.
my $s = server(
    clock  => 1,
    global => "DjSessionProxyTLSHeader X-Tls on\n"
        . "DjSessionTrustedProxy 127.0.0.1\n" . <<'GLOBAL',
<Location /cgi/act/mains>
  DjSession On
  DjSessionBackendUpdates On
  DjSessionPreset strict
</Location>
GLOBAL
    conf => <<'CONF', after => <<'AFTER');
<Location /cgi/act/strict>
  DjSessionPreset strict
</Location>
<Location /cgi/act/strict/own>
  DjSessionCookieAge 5m
  DjSessionExpireAtBrowserClose Off
</Location>
<Location /cgi/act/strict/aal3>
  DjSessionPreset aal3
</Location>
<Location /cgi/act/aal2>
  DjSessionPreset aal2
</Location>
<Location /cgi/act/aal1>
  DjSessionPreset aal1
</Location>
<Location /cgi/act/django>
  DjSessionPreset django
</Location>
<If "%{QUERY_STRING} == 'strict'">
  DjSessionPreset strict
</If>
CONF
<VirtualHost 127.0.0.1:@PORT@>
  ServerName strict.test
  DjSession On
  DjSessionBackendUpdates On
  DjSessionPreset strict
  DjSessionCookieName own
  <Location /cgi/act/aal3>
    DjSessionPreset aal3
  </Location>
  <Location /cgi/act/plain>
    DjSessionHTTPSOnly Off
    DjSessionCookieSecure Auto
    DjSessionCookieAge 1h
    DjSessionExpireAtBrowserClose Off
  </Location>
  <Location /cgi/act/plain/django>
    DjSessionPreset django
  </Location>
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName silent.test
</VirtualHost>
AFTER

$s->allows(qr/DJS204/);

# The Set-Cookie of a first visit over TLS, as a proxy tells it.
sub cookie_of ($path, $name, %o) {
    my @tls = $o{clear} ? () : (headers => ['X-Tls: on']);
    my $r = $s->browser(host => $o{host} // 'localhost')
        ->act(at => $path, @tls, u => { set => { a => 1 } });
    return ($r->cookies($name))[0] // '';
}
my $host = '__Host-sessionid';

my $c = cookie_of('/cgi/act', 'sessionid');
like $c, qr/Max-Age=1209600\b/, 'E26: no preset, the plain defaults';
$c = cookie_of('/cgi/act/strict', $host);
like $c, qr/^__Host-sessionid=.*Path=\/.*; Secure; HttpOnly; SameSite=Lax/,
    'B03: strict has a name that only this host can set';
unlike $c, qr/Max-Age|Expires|Domain/, 'N09: strict ends with the browser';
is cookie_of('/cgi/act/strict', $host, clear => 1), '',
    'N09: strict has no session over plain HTTP';
$c = cookie_of('/cgi/act?strict', $host);
like $c, qr/Secure/, 'E26: strict in <If>';

$c = cookie_of('/cgi/act/strict/own', $host);
like $c, qr/Max-Age=300;.*Secure/,
    'E26: an inner directive overrides the preset of its outer location';
$c = cookie_of('/cgi/act/strict/aal3', $host);
like $c, qr/Max-Age=900;.*Secure; HttpOnly; SameSite=Lax/,
    'E26: an inner preset replaces the outer one, browser-session and all';
like cookie_of('/cgi/act/aal2', $host), qr/Max-Age=3600;.*Secure; HttpOnly/,
    'N09: aal2 ends an hour after its last use';
like cookie_of('/cgi/act/aal1', $host), qr/Max-Age=1209600;.*Secure; HttpOnly/,
    'N09: aal1 asks for no such limit';
for my $preset (qw(aal1 aal2 strict/aal3)) {
    is cookie_of("/cgi/act/$preset", $host, clear => 1), '',
        "N09: $preset has no session over plain HTTP";
}
$c = cookie_of('/cgi/act/django', 'sessionid', clear => 1);
like $c, qr{Path=/; Expires=[^;]+; Max-Age=1209600; HttpOnly; SameSite=Lax$},
    'E26: django is as Django is';

my %strict = (host => 'strict.test');
$c = cookie_of('/cgi/act', 'own', %strict);
like $c, qr/^own=.*Secure/, 'E26: a directive beside its preset wins';
unlike $c, qr/Max-Age/, 'E26: and leaves the rest to it';
$c = cookie_of('/cgi/act/aal3', 'own', %strict);
like $c, qr/^own=.*Max-Age=900/,
    "E26: a host's directive wins over an inner preset";
$c = cookie_of('/cgi/act/plain', 'own', %strict, clear => 1);
like $c, qr/^own=.*Max-Age=3600/, 'E26: what is set one by one, one by one';
unlike $c, qr/Secure/, 'E26: Auto over plain HTTP';
like cookie_of('/cgi/act/plain/django', 'own', %strict, clear => 1),
    qr/^own=.*Max-Age=3600/,
    'E26: what was set on the way still wins over the innermost preset';

my %silent = (host => 'silent.test');
$c = cookie_of('/cgi/act/mains', $host, %silent);
like $c, qr/^__Host-sessionid=.*Path=\/.*; Secure; HttpOnly; SameSite=Lax/,
    'E26: a host that says nothing has the sections of the main server';
unlike $c, qr/Max-Age|Expires|Domain/, 'E26: with all of their preset';
is cookie_of('/cgi/act/mains', $host, %silent, clear => 1), '',
    'E26: and no session over plain HTTP';

# Time passes: the limits of a preset are the same as if they were set.
my @tls = (headers => ['X-Tls: on']);
my ($minutes, $at) = (0, '/cgi/act/strict');
my $b = $s->browser(name => $host);
$b->act(at => $at, @tls, u => { set => { a => 1 } });
my $first = $b->session_key;
sub after ($n) {
    $minutes += $n;
    $s->shift_clock($minutes * 60);
    return $b->get($at, @tls)->env->{DJSESSION_STATE};
}
is after(14), 'live', 'C18: strict keeps a key for a while';
is $b->session_key, $first, 'C18: the same one';
is after(6), 'live', 'C18: the session goes on';
isnt $b->session_key, $first, 'C18: with a new key after a quarter of an hour';
is after(31), 'none', 'C16: and ends after half an hour without use';
$b->act(at => $at, @tls, u => { set => { a => 1 } });
is join(' ', grep { $_ ne 'live' } map { after(20) } 1 .. 35), '',
    'C17: strict, in use for more than eleven hours';
is after(21), 'none', 'C17: ends after twelve hours of use';

$at = '/cgi/act/strict/aal3';
$b = $s->browser(name => $host);
$b->act(at => $at, @tls, u => { set => { a => 1 } });
is after(14), 'live', 'N09: aal3 after fourteen minutes';
is after(16), 'none', 'N09: and after sixteen more';

$s->stop;

refused('E26: a preset and a directive that contradict each other',
    qr/DJS001.*__Host-.*DjSessionPreset/s,
    conf => "DjSessionPreset strict\nDjSessionCookiePath /app\n");
refused('E26: the same across a host and a section of the server',
    qr/DJS001.*__Host-.*section <Location \/x> at .*, in host localhost at/s,
    global => "<Location /x>\nDjSessionCookieDomain a.test\n</Location>\n",
    conf => "DjSessionPreset strict\n");
started('E26: a name of its own makes peace between them',
    global => "<Location /x>\nDjSessionCookieDomain a.test\n"
        . "DjSessionCookieName wide\n</Location>\n",
    conf => "DjSessionPreset strict\n");

done_testing;
