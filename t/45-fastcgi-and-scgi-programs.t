# Programs reached by FastCGI or SCGI are told the same as CGI programs, no
# more and nothing forged, and change the session in the same way.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my ($scgi, $fastcgi) = (backend('scgi'), backend('fastcgi'));
my $s = server(modules => [qw(proxy_scgi proxy_fcgi)], conf => <<"END");
ProxyPass /scgi scgi://127.0.0.1:${\ $scgi->port}/
ProxyPass /fastcgi fcgi://127.0.0.1:${\ $fastcgi->port}/
SetEnv DJSESSION_USER admin
<LocationMatch "/off">
  DjSession Off
</LocationMatch>
END
my @forged = (headers => ['X-DjSession-User: forged',
    'X_DjSession_State: forged', 'Connection: close, X-DjSession-Data']);

for my $kind (qw(scgi fastcgi)) {
    sub told ($r) {
        my $env = $r->env;
        return join ' ', map { "$_=$env->{$_}" } sort grep { /DJSESSION/ }
            keys %$env;
    }
    my $b = $s->browser;
    my $r = $b->get("/$kind", @forged);
    is $r->status, 200, "E25: $kind answers";
    is told($r), 'DJSESSION_STATE=none', "E25: $kind: anonymous";
    is told($b->get("/$kind/off", @forged)), '', "E25: $kind: off";

    $r = $b->get("/$kind?"
        . DjSession::Browser::escape('{"login":"ada","set":{"a":1}}'));
    is scalar($r->cookies), 1, "E25: $kind: an update makes a session";
    is scalar($r->all('X-DjSession-Update')), 0, "E25: $kind: and stays";
    $r = $b->get("/$kind", @forged, cookie => 'x=1; sessionid='
        . $b->session_key);
    like told($r), qr/^DJSESSION_CREATED=\d+ \s DJSESSION_DATA=\{.*"a":1\} \s
        DJSESSION_EXPIRES=\d+ \s DJSESSION_STATE=live \s DJSESSION_TAG=\w{12} \s
        DJSESSION_USER=ada$/x, "E25: $kind: told all that is ours";
    is $r->env->{HTTP_COOKIE}, 'x=1', "A27: $kind: but not the key";
    $r = $b->get("/$kind?" . DjSession::Browser::escape('{"nonsense":1}'));
    is $r->status, 500, "D15: $kind: a refused update is a 500";
    $b->get("/$kind?" . DjSession::Browser::escape('{"flush":true}'));
    is $b->session_key, undef, "B10: $kind: a logout";
}
$s->expects(qr/DJS205/);
$s->allows(qr/\[proxy/);
$s->stop;
done_testing;
