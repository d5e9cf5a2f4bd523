# %{DJSESSION:key} and djsession('key') read the session in every expression,
# wherever and however early it is evaluated; log formats read it from notes.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(clock => 1, loglevel => 'info', base => "DjSession On\n"
    . "DjSessionRenew EveryRequest\n", conf => <<'END');
LogFormat "%U state=%{djsession-state}n user=%{djsession-user}n tag=%{djsession-tag}n." notes
CustomLog @DIR@/logs/notes notes
AliasMatch ^/(?:if|header|always|error|require|setenv|fn|all|none)/ @DIR@/htdocs/index.html
<If "%{REQUEST_URI} =~ m#^/if/# && %{DJSESSION:plan} == 'pro'">
  Header set X-If yes
</If>
<Location /header/>
  Header set X-Plan "expr=%{DJSESSION:plan}/%{djsession:n}/%{DjSession:list}"
</Location>
<Location /always/>
  Header always set X-Plan "expr=%{DJSESSION:plan}"
</Location>
<Location /error/>
  Require all denied
  Header always set X-Plan "expr=%{DJSESSION:plan}"
</Location>
<Location /require/>
  Require expr djsession('plan') == 'pro'
</Location>
<Location /setenv/>
  SetEnvIfExpr "%{DJSESSION:plan} =~ /^(p.)/" PLAN=$1
  Header set X-Plan "%{PLAN}e" env=PLAN
</Location>
SetEnvIfExpr "djsession('plan') == 'pro'" EARLY=yes
<Location /fn/>
  Header set X-Early "%{EARLY}e" env=EARLY
  Header set X-Fn "expr=%{tolower:%{DJSESSION:Plan}}"
  Header set X-Plan "expr=%{DJSESSION:plan}"
</Location>
RewriteEngine On
RewriteCond expr "%{REQUEST_URI} == '/route' && %{DJSESSION:plan} == 'pro'"
RewriteRule ^ /index.html?pro [PT]
<Location /all/>
  Header set X-All "expr=[%{DJSESSION:s}|%{DJSESSION:i}|%{DJSESSION:f}|%{DJSESSION:t}|%{DJSESSION:z}|%{DJSESSION:a}|%{DJSESSION:o}|%{DJSESSION:u}|%{DJSESSION:c}|%{DJSESSION:gone}|%{DJSESSION:a b}]"
</Location>
<Location /cgi/>
  DjSessionBackendUpdates On
</Location>
<Location /none/>
  DjSession Off
</Location>
<Location /cgi/act/off>
  DjSession Off
  Header set X-Plan "expr=[%{DJSESSION:plan}]"
</Location>
# Another cookie here: what the host's own expressions looked up first is not
# this location's session.
<Location /cgi/act/other>
  DjSessionCookieName other
  DjSessionEnv Data
</Location>
<Location /cgi/act/tls>
  DjSessionHTTPSOnly On
  DjSessionEnv Data
  Header set X-Plan "expr=[%{DJSESSION:plan}]"
</Location>
<Location /cgi/act/old>
  DjSessionAbsoluteTimeout 1m
  DjSessionEnv Summary
</Location>
<Location /cgi/act/anonymous>
  DjSessionOnStoreError Anonymous
  Header set X-Plan "expr=[%{DJSESSION:plan}]"
</Location>
<Location /cgi/act/deny>
  Require expr "%{DJSESSION:banned} != 'yes'"
</Location>
END
my $b = $s->browser;
$b->act(u => { login => { id => 'ada', data => { plan => 'pro', n => 7,
    list => [1, 'x'], Plan => 'PRO' } } });
my $nobody = $s->browser;

sub shows ($name, $path, $header, $yes, $no = undef) {
    my $r = $b->get($path);
    is $r->header($header), $yes, "$name: with the session";
    ok $r->varies, "$name: Vary: Cookie";
    $r = $nobody->get($path);
    is $r->header($header), $no, "$name: without one";
    ok $r->varies, "$name: Vary: Cookie";
    return;
}
shows('<If>', '/if/x', 'X-If', 'yes');
shows('Header', '/header/x', 'X-Plan', 'pro/7/[1,"x"]', '//');
shows('Header always', '/always/x', 'X-Plan', 'pro', '');
shows('an error page', '/error/x', 'X-Plan', 'pro', '');
shows('SetEnvIfExpr', '/setenv/x', 'X-Plan', 'pr');
shows('SetEnvIfExpr, early', '/fn/x', 'X-Early', 'yes');
shows('a function inside another', '/fn/x', 'X-Fn', 'pro', '');
is $b->get('/require/x')->status, 200, 'Require expr: with the session';
is $nobody->get('/require/x')->status, 403, 'Require expr: without one';
ok $nobody->get('/require/x')->varies, 'Require expr: Vary: Cookie';
is $b->get('/route')->status, 200, 'RewriteCond: with the session';
is $nobody->get('/route')->status, 404, 'RewriteCond: without one';

# Every kind of value, as DJSESSION_ variables hold it.
my $v = $s->browser;
$v->act(u => '{"set":{"s":"a \\"b\\"","i":12345678901234567890,"f":1.50,'
    . '"t":true,"z":null,"a":[1],"o":{"k":1},"u":"\u00e9","c":"x\ny","a b":1}}');
is $v->get('/all/x')->header('X-All'),
    qq([a "b"|12345678901234567890|1.50|true|null|[1]|{"k":1}|\xc3\xa9|||1]),
    'H10: text of every kind of value';
my $r = $v->get('/cgi/act/off');
is $r->header('X-Plan'), '[]', 'DjSession Off: nothing';
is scalar($v->get('/none/x')->cookies), 0,
    'and an early look renews nothing there';
is scalar($v->get('/all/x')->cookies), 1, 'as it is where it is On';

# --- early, and elsewhere -------------------------------------------------------
my $key = $b->session_key;
$r = $b->get('/cgi/act/other');
is $r->env->{DJSESSION_STATE}, 'none',
    'an early look does not bring the session under another cookie';
is $r->env->{DJSESSION_DATA}, undef, 'nor its data';
$r = $b->get('/cgi/act/other', cookie => "sessionid=x; other=$key");
is $r->env->{DJSESSION_STATE}, 'live', 'there its own cookie counts';
$r = $b->act(at => '/cgi/act/other', u => { set => { x => 1 } });
is scalar($r->cookies('other')), 1, 'and what it begins gets that cookie';
is scalar($r->cookies('sessionid')), 0, 'and no other';
$r = $b->get('/cgi/act/tls', cookie => "sessionid=$key");
is $r->env->{DJSESSION_STATE}, 'none', 'nor past DjSessionHTTPSOnly';
is $r->header('X-Plan'), '[]', 'where expressions see nothing';

$s->shift_clock(65);
is $b->other($key)->get('/cgi/act/old')->env->{DJSESSION_STATE}, 'none',
    'nor past a DjSessionAbsoluteTimeout of the location';
$s->shift_clock(0);

# --- changes ----------------------------------------------------------------------
$r = $b->other($key)->act(at => '/cgi/act', u => { set => { plan => 'free' } },
    location => '/header/x');
is $r->header('X-Plan'), 'free/7/[1,"x"]',
    'after an internal redirect expressions see what has changed';

# --- trouble ----------------------------------------------------------------------
$s->break_store;
$r = $b->other($key)->get('/cgi/act/anonymous');
is $r->status, 200, 'Anonymous in an outage: it goes on';
is $r->header('X-Plan'), '[]', 'and expressions see nothing';
is $b->other($key)->get('/cgi/act/deny')->status, 503,
    'Deny: an expression that grants does not outlast it';
$s->mend_store;

# --- notes ----------------------------------------------------------------------------
sub noted ($path) {
    my ($line) = grep { /^\Q$path\E / }
        reverse split /\n/, DjSession::Server::slurp($s->dir . '/logs/notes');
    return $line // '';
}
sub after ($path, $re, $name) {
    ok $s->wait_until(sub { noted($path) =~ $re }, 5), $name
        or diag noted($path);
    return;
}
$b = $b->other($key);
$b->get('/header/note1');
after('/header/note1', qr/ state=live user=ada tag=[0-9a-f]{12}\.$/,
    'notes: state, user and tag of a session');
$nobody->get('/header/note2');
after('/header/note2', qr/ state=none user=- tag=-\.$/, 'notes: none');
$nobody->get('/plain');
$b->get('/cgi/act/off/note', headers => ['X: y']);
after('/cgi/act/off/note', qr/ state=\S+ user=\S+ tag=\S+\.$/, 'notes: Off');
$s->file('htdocs/sub/index.html', "sub\n");
$b->get('/sub/');
after('/sub/index.html', qr/ state=live user=ada /, 'notes: a directory index');
my $odd = $s->browser;
$odd->act(u => { login => qq(a"b\\c \xe9) });
$odd->get('/header/note3');
after('/header/note3', qr/ user=a\\"b\\\\c \\xc3\\xa9 /,
    'M01: notes: the log escapes them');
$s->break_store;
$b->get('/cgi/act/anonymous/note');
after('/cgi/act/anonymous/note', qr/ state=unavailable user=- tag=-\.$/,
    'notes: unavailable');
$s->mend_store;

$s->expects(qr/DJS101/);
$s->allows(qr/AH01630/);
$s->stop;
done_testing;
