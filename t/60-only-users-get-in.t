# AuthType DjSession: the session's user is REMOTE_USER; who has none is told so
# with 401, or sent to the login page; trouble with the store is no logout.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(modules => [qw(authz_user auth_basic authn_file request session
    session_cookie auth_form)],
    loglevel => 'info', conf => <<'END');
<LocationMatch "^/cgi/act/(?:in|api|valid)(?:/|$)">
  AuthType DjSession
  AuthName "a \"room\""
  Require djsession-user *
</LocationMatch>
<LocationMatch "^/cgi/act/in(?:/|$)">
  DjSessionLoginURL /cgi/act/login
</LocationMatch>
<Location /cgi/act/valid>
  Require valid-user
</Location>
<Location /cgi/act/query>
  AuthType DjSession
  Require djsession-user *
  DjSessionLoginURL https://login.example.org/in?site=1
</Location>
<Location /cgi/act/noname>
  AuthType DjSession
  Require valid-user
</Location>
<Location /cgi/act/some>
  AuthType DjSession
  DjSessionLoginURL /cgi/act/login
  Require djsession-user "grace hopper" 42 '*'
</Location>
<Location /cgi/act/open>
  AuthType DjSession
  Require all granted
</Location>
<Location /cgi/act/circle>
  AuthType DjSession
  DjSessionLoginURL /cgi/act/circle/login
  Require djsession-user *
</Location>
<Location /cgi/act/off>
  DjSession Off
  AuthType DjSession
  Require djsession-user *
</Location>
<Location /cgi/act/off/valid>
  Require valid-user
</Location>
<Location /cgi/act/both>
  AuthType Basic
  AuthName x
  AuthUserFile @DIR@/users
  Require valid-user
  Require djsession-user *
</Location>
<Location /cgi/act/form>
  AuthType Form
  AuthName x
  AuthFormProvider file
  AuthUserFile @DIR@/users
  AuthFormLoginRequiredLocation "/form?"
  Session On
  SessionCookieName form path=/
  Require valid-user
  Require djsession-user *
</Location>
<Location /cgi/act/uid>
  AuthType DjSession
  DjSessionUserKey uid
  Require valid-user
</Location>
<Location /cgi/act/anonymous>
  AuthType DjSession
  DjSessionOnStoreError Anonymous
  DjSessionLoginURL /cgi/act/login
  Require djsession-user *
</Location>
ErrorDocument 503 /cgi/act
END
$s->file('users', "bob:{SHA}C+7Hteo/D9vJXQ3UfzxbwnXaijM=\n");
my @html = (headers => ['Accept: text/html,application/xhtml+xml;q=0.9']);

my $nobody = $s->browser;
my $ada = $s->browser;
$ada->act(u => { login => 'ada' });
my $guest = $s->browser;
$guest->act(u => { set => { cart => 1 } });

# --- who is there -----------------------------------------------------------
my $r = $ada->get('/cgi/act/in');
is $r->status, 200, 'who is logged in gets in';
is $r->env->{REMOTE_USER}, 'ada', 'REMOTE_USER is the user';
is $r->env->{AUTH_TYPE}, 'DjSession', 'and AUTH_TYPE says how it is known';
ok $r->varies, 'Vary: Cookie';
is $ada->get('/cgi/act/valid')->status, 200, 'Require valid-user knows the user';
is $ada->get('/cgi/act/open')->env->{REMOTE_USER}, 'ada',
    'where everybody may enter the user is known, too';
ok !exists $nobody->get('/cgi/act/open')->env->{REMOTE_USER}, 'if there is one';
ok !exists $ada->get('/cgi/act')->env->{REMOTE_USER},
    'without AuthType there is no REMOTE_USER';

# --- who is not -------------------------------------------------------------
for my $who ([nobody => $nobody], [guest => $guest],
    [stranger => $s->browser->other(some_key())])
{
    my ($name, $b) = @$who;
    $r = $b->get('/cgi/act/in/deep?a=1&b=%2F', @html);
    is $r->status, 302, "P01: a $name with a browser is sent to the login";
    is $r->header('Location'),
        '/cgi/act/login?next=/cgi/act/in/deep%3Fa%3D1%26b%3D%252F',
        'P01: and from there back';
    like $r->header('Cache-Control'), qr/no-store/, 'P01: not from a cache';
    ok $r->varies, 'P01: Vary: Cookie';
    is scalar($r->cookies), 0, 'P01: no session is made';
    unlike $r->body, qr/GATEWAY_INTERFACE/, 'P09: nothing of the program is seen';
    $r = $b->get('/cgi/act/in');
    is $r->status, 401, "P01: a $name without text/html gets 401";
    is $r->header('WWW-Authenticate'), 'DjSession realm="a \"room\""',
        'P01: with a challenge that names the realm';
    ok $r->varies, 'P01: Vary: Cookie';
    is $b->get('/cgi/act/api', @html)->status, 401,
        'P01: without DjSessionLoginURL everybody gets 401';
    is $b->post('/cgi/act/in', [u => { set => { x => 1 } }], @html)->status,
        401, 'P01: a POST is not redirected';
}
is $s->browser->request('HEAD', '/cgi/act/in', @html)->status, 302,
    'P01: HEAD as GET';
is $nobody->get('/cgi/act/noname')->header('WWW-Authenticate'), 'DjSession',
    'P01: a challenge without AuthName';
is $nobody->get('/cgi/act/query', @html)->header('Location'),
    'https://login.example.org/in?site=1&next=/cgi/act/query',
    'P01: a login page elsewhere, with a query of its own';
for my $accept ('*/*', 'text/*', 'application/json', 'text/htmlx',
    'text/html;q=0', 'text/html;q=0.000', 'x-text/html')
{
    is $nobody->get('/cgi/act/in', headers => ["Accept: $accept"])->status,
        401, "P01: Accept: $accept asks for no page";
}
for my $accept ('text/html', 'text/html;q=0.1', 'image/png, text/html ; q=0.5') {
    is $nobody->get('/cgi/act/in', headers => ["Accept: $accept"])->status,
        302, "P01: Accept: $accept asks for one";
}
is $nobody->get('/cgi/act/circle/login', @html)->status, 401,
    'P01: a guarded login page sends nobody in a circle';
like $s->log, qr/DJS301/, 'P01: and the log says what to do';

# --- not everybody ----------------------------------------------------------
is $ada->get('/cgi/act/some', @html)->status, 403,
    'another user is refused, not sent to the login';
is $nobody->get('/cgi/act/some', @html)->status, 302, 'nobody is sent there';
for my $id ('grace hopper', '42', '*') {
    my $b = $s->browser;
    $b->act(u => { login => $id });
    is $b->get('/cgi/act/some')->env->{REMOTE_USER}, $id, "P04: user $id";
}
for my $id ('Grace Hopper', 'grace hopper ', '042', 'grace') {
    my $b = $s->browser;
    $b->act(u => { login => $id });
    is $b->get('/cgi/act/some')->status, 403, "P04: not user '$id'";
}

# --- what is no user --------------------------------------------------------
my @users = ([\'""' => 401], [\'null' => 401], [\'true' => 401],
    [\'1.5' => 401], [\'[1]' => 401], [\'{"a":1}' => 401],
    [\'"a\u0000b"' => 401], [\'"a\nb"' => 401], [\'42' => 200, '42'],
    [\'"\u00e9"' => 200, "\xc3\xa9"], [\'"null"' => 200, 'null']);
for my $case (@users) {
    my ($json, $status, $user) = @$case;
    my $b = $s->browser;
    $b->act(u => qq({"set":{"uid":$$json}}));
    $r = $b->get('/cgi/act/uid');
    is $r->status, $status, "H10: a user key that holds $$json";
    is $r->env->{REMOTE_USER}, $user, 'H10: is that user' if $status == 200;
}

# --- beside AuthType Basic ----------------------------------------------------
is $ada->get('/cgi/act/both')->status, 200, 'E20: a session suffices';
$r = $nobody->get('/cgi/act/both');
is $r->status, 401, 'E20: without one Basic asks';
like $r->header('WWW-Authenticate'), qr/^Basic/, 'E20: with its own challenge';
$r = $nobody->get('/cgi/act/both', headers => ['Authorization: Basic '
    . 'Ym9iOmZvbw==']);
is $r->status, 200, 'E20: and lets in who knows the password';
is $r->env->{REMOTE_USER}, 'bob', 'E20: under the name given there';
ok $r->varies, 'E20: Vary: Cookie all the same';

is $ada->get('/cgi/act/form')->status, 200, 'E20: beside AuthType Form, too';
$r = $nobody->get('/cgi/act/form');
is $r->header('Location'), '/form?', 'E20: which else asks in its own way';

# --- the administrator's mistakes ---------------------------------------------
is $ada->get('/cgi/act/off')->status, 500, 'DjSession Off: nobody gets in';
like $s->log, qr/DJS303/, 'and the log says what to do';
is $ada->get('/cgi/act/off/valid')->status, 500, 'Off with valid-user';
like $s->log, qr/DJS302/, 'and the log says what to do';

# --- trouble is no logout -------------------------------------------------------
$s->break_store;
for my $at (qw(in anonymous)) {
    $r = $ada->get("/cgi/act/$at", @html);
    is $r->status, 503, "P05: an outage at $at is 503";
    like $r->header('Retry-After'), qr/^\d+$/, 'P05: with Retry-After';
    is $r->header('Location'), undef, 'P05: and no redirect to the login';
    is scalar($r->cookies), 0, 'P05: the cookie is left alone';
}
is $nobody->get('/cgi/act/in', @html)->status, 302,
    'P05: who has no cookie is sent to the login as ever';
is $nobody->get('/cgi/act/open')->status, 200, 'P05: and to open pages';
$s->mend_store;
is $ada->get('/cgi/act/in')->status, 200, 'P05: back at once';

$s->expects(qr/DJS301/, qr/DJS302/, qr/DJS303/, qr/DJS013/, qr/DJS101/);
$s->allows(qr/AH01627|AH01630|AH01631|AH01618|AH01617|AH01614|AH01796|AH00540/);
$s->stop;
done_testing;
