# Passwords (mod_auth_basic), a directory (mod_authnz_ldap) and rewrite rules
# keep their place beside our Require and AuthType, and none of them in trouble
# opens a door that ours would not.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use MIME::Base64 qw(encode_base64);
use DjSession::Test;

my $modules = DjSession::Server::apxs('LIBEXECDIR')
    || '/usr/lib/apache2/modules';
my $has_ldap = -e "$modules/mod_authnz_ldap.so";
my $nowhere = DjSession::Server::free_port(); # nobody listens there
my $ldap = $has_ldap ? <<"END" : '';
<LocationMatch "^/ldap-(?:first|last)">
  AuthType Basic
  AuthName "Directory"
  AuthBasicProvider ldap
  AuthLDAPURL "ldap://127.0.0.1:$nowhere/dc=example?uid"
</LocationMatch>
<Location /ldap-first>
  <RequireAny>
    Require ldap-user carol
    Require djsession-user ada
  </RequireAny>
</Location>
<Location /ldap-last>
  <RequireAny>
    Require djsession-user ada
    Require ldap-user carol
  </RequireAny>
</Location>
END
my $s = server(base => "DjSession On\n", modules => [qw(auth_basic authn_file
        authz_user ldap authnz_ldap)],
    global => $has_ldap ? "LDAPConnectionTimeout 1\n" : '', conf => <<"END");
Alias /both \@DIR\@/htdocs/index.html
AliasMatch ^/(?:basic|either|ours|ldap-\\w+|rewritten)\$ \@DIR\@/htdocs/index.html
<Location /cgi/act>
  DjSessionEnv Data
  DjSessionBackendUpdates On
</Location>
<LocationMatch "^/(?:basic|either|both)">
  AuthType Basic
  AuthName "Files"
  AuthUserFile \@DIR\@/users
</LocationMatch>
<Location /basic>
  Require valid-user
</Location>
<Location /either>
  <RequireAny>
    Require djsession-user ada
    Require valid-user
  </RequireAny>
</Location>
<Location /both>
  <RequireAll>
    Require djsession-user ada
    Require user carol
  </RequireAll>
</Location>
<Location /ours>
  AuthType DjSession
  Require valid-user
</Location>
$ldap
RewriteEngine On
RewriteCond %{HTTP_COOKIE} sessionid=
RewriteRule ^/seen\$ /rewritten
RewriteCond expr "djsession('plan') == 'pro'"
RewriteRule ^/rewritten\$ - [E=REWRITTEN:yes,PT]
RewriteCond expr "-z djsession('plan')"
RewriteRule ^/rewritten\$ - [F]
Header set X-Rewritten %{REWRITTEN}e env=REWRITTEN
Header set X-User "expr=%{REMOTE_USER}"
END
# Password "secret", in httpd's {SHA} form.
$s->file('users', "carol:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
sub password ($text) {
    return (headers => ['Authorization: Basic ' . encode_base64($text, '')]);
}
my @carol = password('carol:secret');
my @wrong = password('carol:guess');
my ($ada, $bob, $nobody) = map { $s->browser } 1 .. 3;
$ada->act(u => { login => { id => 'ada', data => { plan => 'pro' } } });
$bob->act(u => { login => { id => 'bob', data => { plan => 'free' } } });
sub status ($who, $path, @o) { return $who->get($path, @o)->status }

# --- mod_auth_basic -------------------------------------------------------------

is status($nobody, '/basic', @carol), 200, 'E20: a password alone';
is status($ada, '/basic'), 401, 'E20: a session is no password';
is $ada->get('/basic', @carol)->header('X-User'), 'carol',
    'E20: REMOTE_USER is who gave the password';
is $ada->get('/ours', @carol)->header('X-User'), 'ada',
    'E20: and where AuthType is ours, the session\'s user';
is status($nobody, '/ours', @carol), 401, 'E20: where a password is nothing';
like $nobody->get('/basic')->header('WWW-Authenticate'), qr/^Basic/,
    'E20: each asks in its own way: Basic';
like $nobody->get('/ours')->header('WWW-Authenticate'), qr/^DjSession/,
    'E20: and DjSession';
for my $row ([$ada, 200], [$bob, 401], [$nobody, 401]) {
    is status($row->[0], '/either'), $row->[1], 'E20: either: a session';
    is status($row->[0], '/either', @carol), 200, 'E20: or a password';
}
is status($bob, '/either', @wrong), 401, 'E20: a wrong password is none';
# 403 says that no password would help.
for my $row ([$ada, 401, 200], [$bob, 403, 403], [$nobody, 403, 403]) {
    my ($who, $without, $with) = @$row;
    is status($who, '/both'), $without, 'E20: both: not with one alone';
    is status($who, '/both', @carol), $with, 'E20: both, for ada and carol';
}

# --- mod_authnz_ldap, whose server is not there ---------------------------------

SKIP: {
    skip 'mod_authnz_ldap is not installed', 1 unless $has_ldap;
    for my $path (qw(/ldap-first /ldap-last)) {
        is status($ada, $path), 200, "E20: $path: our user needs no directory";
        is status($_, $path), 401, "E20: $path: others are asked for a password"
            for $bob, $nobody;
        isnt status($_, $path, @carol), 200,
            "E20: $path: which nobody can look at: refused" for $bob, $nobody;
    }
}

# --- mod_rewrite ----------------------------------------------------------------

is $ada->get('/rewritten')->header('X-Rewritten'), 'yes',
    'E02: a rewrite rule goes by the session';
is $bob->get('/rewritten')->header('X-Rewritten'), undef, 'E02: of each visitor';
is status($bob, '/rewritten'), 200, 'E02: who has another plan';
is status($nobody, '/rewritten'), 403, 'E02: and refuses who has none';
is $ada->get('/seen')->header('X-Rewritten'), 'yes',
    'E02: a rule that looks at the cookie itself still sees it';

# --- the store in trouble -------------------------------------------------------

$s->break_store;
is status($nobody, '/basic', @carol), 200,
    'E20: with the store in trouble a password still opens its door';
is status($ada, $_, @carol), 503, "E20: not $_, which asks for a session"
    for qw(/both /ours);
isnt status($ada, $_), 200, "E20: nor $_ without a password"
    for qw(/either /ldap-first /ldap-last);
$s->mend_store;
$s->allows(qr/DJS101|AH01630|AH01617|AH01618|AH01695|AH01697|auth_basic|ldap/);
$s->stop;
done_testing;
