# Every directive is inherited from server to host to location and overridden
# there one by one; what one place sets, another keeps.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(
    global => <<'END', base => '', conf => <<'CONF', after => <<'AFTER');
DjSessionCookieAge 1h
DjSessionCookieSameSite Strict
DjSessionBackendUpdates On
DjSessionEnv Summary
DjSessionNamespace shared
END
DjSession On
DjSessionCookieAge 2h
<Location /cgi/>
  DjSessionCookieName app
</Location>
<Location /cgi/act/inner>
  DjSessionCookieAge 3h
  DjSessionEnv Data
</Location>
<Location /cgi/act/off>
  DjSession Off
</Location>
<Location /cgi/act/off/on>
  DjSession On
  DjSessionCookieName deep
</Location>
<Location /cgi/act/mute>
  DjSessionEnv Off
  DjSessionBackendUpdates Off
</Location>
<If "%{QUERY_STRING} == 'if'">
  DjSessionCookieAge 4h
</If>
CONF
<VirtualHost 127.0.0.1:@PORT@>
  ServerName other.test
  DjSession On
  DjSessionCookieSameSite Off
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName plain.test
</VirtualHost>
AFTER

$s->expects(qr/DJS207: .* of \/cgi\/act/); # once a child
sub cookie_of ($path, $name, %o) {
    my $r = $s->browser(%o)->act(at => $path, u => { set => { a => 1 } });
    return ($r->cookies($name))[0] // '';
}

my $c = cookie_of('/cgi/act', 'app');
like $c, qr/Max-Age=7200\b/,       'E26: the host overrides the server';
like $c, qr/SameSite=Strict/,      'E26: and inherits what it does not set';
like $c, qr/^app=/,                'E26: the location overrides the host';
$c = cookie_of('/cgi/act/inner', 'app');
like $c, qr/Max-Age=10800\b/,      'E26: an inner location overrides the outer';
like $c, qr/^app=.*SameSite=Strict/, 'E26: and inherits from all above it';
is cookie_of('/cgi/act/off', 'app'), '', 'E26: DjSession Off in a location';
like cookie_of('/cgi/act/off/on', 'deep'), qr/Max-Age=7200.*SameSite=Strict/,
    'E26: On again inside, with all the rest inherited';
is cookie_of('/cgi/act/mute', 'app'), '', 'E26: updates off in a location';
like cookie_of('/cgi/act?if', 'app'), qr/Max-Age=14400\b/,
    'E26: <If> overrides its location';

$c = cookie_of('/cgi/act', 'sessionid', host => 'other.test');
like $c, qr/Max-Age=3600\b/,  'E26: another host inherits from the server';
unlike $c, qr/SameSite/,      'E26: and overrides by itself';
is cookie_of('/cgi/act', 'sessionid', host => 'plain.test'), '',
    'E26: a host that does not say DjSession On has none';
like cookie_of('/cgi/act', 'app', host => 'unknown.test'), qr/Max-Age=7200/,
    "E21: an unknown host gets the default host's policy only";

my $b = $s->browser(name => 'app');
$b->act(u => { set => { a => 1 } });
my $env = $b->get('/cgi/act')->env;
is $env->{DJSESSION_STATE}, 'live', 'E26: DjSessionEnv from the server';
ok !exists $env->{DJSESSION_DATA},  'E26: Summary has no data';
is $b->get('/cgi/act/inner')->env->{DJSESSION_DATA}, '{"a":1}',
    'E26: Data has, in its location';
my @names = grep { /DJSESSION/ } keys %{ $b->get('/cgi/act/mute')->env };
is "@names", '', 'E26: Off in its location tells nothing';
@names = grep { /DJSESSION/ } keys %{ $b->get('/cgi/act/off')->env };
is "@names", '', 'E26: DjSession Off tells nothing';

$s->stop;

# Hosts that say nothing have what the main server says, and are hosts of their
# own all the same.
$s = server(base => '', global => <<'END', after => <<'AFTER');
DjSession On
DjSessionEnv Data
DjSessionBackendUpdates On
END
<VirtualHost 127.0.0.1:@PORT@>
  ServerName one.test
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName two.test
</VirtualHost>
AFTER
$b = $s->browser(host => 'one.test');
$b->act(u => { set => { a => 1 } });
is json($b->data), '{"a":1}', 'E26: a host that says nothing has sessions';
for my $host (qw(two.test localhost)) {
    my $other = $s->browser(host => $host,
        jar => { sessionid => $b->session_key });
    is $other->get('/cgi/act')->env->{DJSESSION_STATE}, 'none',
        "C23: in a namespace of its own: none of $host";
}
$s->stop;
done_testing;
