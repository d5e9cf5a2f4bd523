# SessionMaxAge, SessionExpiryUpdateInterval, SessionEnv, SessionInclude and
# SessionExclude mean on our stores what they mean on others.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(modules => ['session'], clock => 1, base => '', conf => <<'END');
SessionHeader X-Session
SessionEnv On
DjSessionModSession On
<LocationMatch "^/(aged|lazy|free|part|quiet)">
  Session On
</LocationMatch>
<Location /quiet>
  SessionEnv Off
  SessionMaxAge 60
</Location>
<Location /aged>
  SessionMaxAge 60
</Location>
<Location /lazy>
  SessionMaxAge 60
  SessionExpiryUpdateInterval 20
</Location>
<Location /part>
  SessionInclude /part/in
  SessionExclude /part/in/not
</Location>
<Location /see>
  DjSession On
  DjSessionEnv Data
  DjSessionRenew Off
  DjSessionBackendUpdates On
</Location>
ScriptAliasMatch "^/(aged|lazy|free|part|see|quiet)" @DIR@/cgi/act
END

sub theirs ($r) { return $r->env->{HTTP_SESSION} }
sub expiry ($r) { return theirs($r) =~ /expiry=(\d+)/ ? int $1 / 1e6 : undef }
sub near ($got, $want) { return defined $got && abs($got - $want) <= 3 }
sub ends ($b) { return $b->get('/see')->env->{DJSESSION_EXPIRES} }

my $clock = 0;
sub later ($seconds) { $clock += $seconds; return $s->shift_clock($clock) }
sub now_after ($more) { return time + $clock + $more }
sub set ($b, $where, $pair) {
    return $b->get("$where?h=X-Session:%20" . DjSession::Browser::escape($pair));
}

# SessionMaxAge: so long after the last request.
my $b = $s->browser;
my $r = set($b, '/aged', 'a=1');
like [$r->cookies]->[0], qr/Max-Age=60\b/i,
    'the cookie lives as long as SessionMaxAge';
my $key = $b->session_key;
ok near(ends($b), now_after(60)), 'C16: and so does the record';
later(40);
$r = $b->get('/aged');
like theirs($r), qr/a=1/, 'before its end it is there';
ok near(expiry($r), now_after(20)), 'mod_session knows when it ends';
ok near(ends($b), now_after(60)), 'its use gives it a fresh deadline';
is $b->session_key, $key, 'and no new key';
later(40);
like theirs($b->get('/aged')), qr/a=1/, 'as often as it is used';
later(61);
unlike theirs($b->get('/aged')), qr/a=1/, 'C16: after that time it has ended';
is $b->other($key)->get('/see')->data, undef, 'C16: for everybody';

# SessionExpiryUpdateInterval: no write for a little.
$b = $s->browser;
set($b, '/lazy', 'a=1');
my $end = ends($b);
later(10);
$r = $b->get('/lazy');
like theirs($r), qr/a=1/, 'a request soon after';
is scalar($r->all('Set-Cookie')), 0, 'SessionExpiryUpdateInterval: sends none';
is ends($b), $end, 'and writes nothing';
later(15);
$r = $b->get('/lazy');
is scalar($r->cookies), 1, 'once it is over the cookie comes again';
ok near(ends($b), now_after(60)), 'and the record lives longer';

# Without SessionMaxAge our own directives say how long.
$b = $s->browser;
set($b, '/free', 'a=1');
ok near(ends($b), now_after(14 * 86400)), 'without it DjSessionCookieAge holds';
unlike theirs($b->get('/free')), qr/expiry/, 'and mod_session knows no end';
$b->get('/aged');
ok near(ends($b), now_after(60)), 'a location with SessionMaxAge shortens it';
$b = $s->browser;
set($b, '/lazy', 'a=1');
set($b, '/free', 'a=2');
$b->get('/lazy');
ok near(ends($b), now_after(60)), 'whatever SessionExpiryUpdateInterval says';

# A session's own deadline stays below it.
$b->get('/see?u=' . DjSession::Browser::escape('{"expiry":86400}'));
$r = $b->get('/aged');
ok near(ends($b), now_after(60)), 'no expiry of its own outlives SessionMaxAge';
unlike theirs($r), qr/_session_expiry/, 'which mod_session does not see';
$b->get('/see?u=' . DjSession::Browser::escape('{"expiry":30}'));
$b->get('/aged');
ok near(ends($b), now_after(30)), 'a shorter one holds';

# A deadline that a program gives mod_session becomes the session's own.
$b = $s->browser;
my $at = (now_after(500)) . '000000';
set($b, '/free', "a=1&expiry=$at");
ok near(ends($b), now_after(500)), 'an expiry without SessionMaxAge is kept';
later(100);
set($b, '/free', 'a=2');
ok near(ends($b), now_after(400)), 'and a later save does not move it';
is $b->get('/see')->data->{expiry}, undef, 'it is no content';

# SessionEnv, SessionInclude, SessionExclude.
is theirs($b->get('/quiet')), undef, 'SessionEnv Off: not told';
like theirs($b->get('/part/in')), qr/a=2/, 'SessionInclude: here';
is theirs($b->get('/part/out')), undef, 'and not here';
is theirs($b->get('/part/in/not')), undef, 'SessionExclude: nor here';

$s->stop;
done_testing;
