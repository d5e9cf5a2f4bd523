# mod_auth_form works on our stores, unchanged: form, handlers, inline login; a
# login brings a new key, a logout ends the session.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my @modules = qw(session auth_form request authn_file authz_user);
my $forms = <<'END';
DocumentRoot @DIR@/htdocs
<LocationMatch "^/(members|inline|login|logout|plain|cgi|redirected)">
  Session On
  DjSessionModSession On
</LocationMatch>
<LocationMatch "^/(members|inline|redirected)">
  AuthType Form
  AuthName private
  AuthFormProvider file
  AuthUserFile @DIR@/users
  Require valid-user
</LocationMatch>
<Location /members>
  ErrorDocument 401 /plain/form.html
</Location>
<Location /redirected>
  AuthFormLoginRequiredLocation http://localhost/plain/form.html
</Location>
<Location /login>
  SetHandler form-login-handler
  AuthType Form
  AuthName private
  AuthFormProvider file
  AuthUserFile @DIR@/users
  AuthFormLoginRequiredLocation http://localhost/plain/failed.html
  AuthFormLoginSuccessLocation http://localhost/members/
</Location>
<Location /logout>
  SetHandler form-logout-handler
  AuthName private
  AuthFormLogoutLocation http://localhost/plain/bye.html
</Location>
<Location /see>
  DjSession On
  DjSessionBackendUpdates On
  DjSessionEnv Data
</Location>
ScriptAlias /see @DIR@/cgi/act
END
my $password = 'Canary-of-a-password';
my $other    = 'Canary-of-another';

sub with_users (%o) {
    my $s = DjSession::Server->prepare(modules => \@modules, base => '', %o,
        conf => ($o{instead} // $forms) . ($o{conf} // ''));
    $s->canary($_) for $password, $other;
    my $users = '';
    for (['ada', $password], ['bob', $other], ['eve', $other]) {
        my $hash = crypt $_->[1], '$6$saltsalt$';
        $users .= "$_->[0]:$hash\n";
    }
    $s->file('users', $users);
    $s->file("htdocs/$_/index.html", "in $_\n") for qw(members inline redirected);
    $s->file("htdocs/plain/$_.html", "$_ page\n") for qw(form failed bye);
    my $why = $s->launch;
    die "httpd does not start: $why\n" if defined $why;
    $s->allows(qr/AH01807|AH01808/); # mod_auth_form names who failed
    return $s;
}

sub credentials ($user, $pw) {
    return [httpd_username => $user, httpd_password => $pw];
}

sub count ($server) {
    my %records = $server->records;
    return scalar keys %records;
}

my $s = with_users();
my $b = $s->browser;

# The form and its handlers.
my $r = $b->get('/members/');
is $r->status, 401, 'P01: without a login a guarded page is 401';
is $r->body, "form page\n", 'with the form of its ErrorDocument';
is scalar($r->all('Set-Cookie')), 0, 'and no session is born of it';
$r = $b->post('/login', credentials('ada', 'wrong'));
is $r->header('Location'), 'http://localhost/plain/failed.html',
    'a wrong password is sent to the page for that';
is count($s), 0, 'K01: and leaves no record';

$r = $b->post('/login', credentials('ada', $password));
is $r->header('Location'), 'http://localhost/members/',
    'the right one leads to AuthFormLoginSuccessLocation';
is scalar($r->all('Set-Cookie')), 1, 'with one cookie';
like $r->header('Cache-Control') // '', qr/no-store/, 'that no cache keeps';
my $first = $b->session_key;
$r = $b->get('/members/');
is $r->body, "in members\n", 'the session opens the page';
is $b->session_key, $first, 'under the key that it got';
is $b->get('/redirected/')->status, 200, 'and every page of that AuthName';
is $b->get('/see')->data->{'private-user'}, 'ada', 'we see the user, too';

# Logins rotate.
$b->get('/see?u=' . DjSession::Browser::escape('{"set":{"cart":[1]}}'));
$r = $b->post('/login', credentials('bob', $other));
my $second = $b->session_key;
isnt $second, $first, 'C02: another login brings another key';
is $s->browser->other($first)->get('/members/')->status, 401,
    'C02: the old one leads nowhere, at once';
$b->post('/login', credentials('bob', $other));
isnt $b->session_key, $second, 'C02: so does another login of the same user';
is $s->browser->other($second)->get('/members/')->status, 401,
    'C02: nor does that one';
$second = $b->session_key;
is $b->get('/members/')->status, 200, 'C02: and he is in';
is $b->session_key, $second, 'C02: under one key, until he logs in again';
is_deeply $b->get('/see')->data,
    {'private-user' => 'bob', 'private-pw' => $other, cart => [1]},
    'the data came along';
is count($s), 1, 'in one record';

# A key that somebody planted is not taken over by a login.
my $planted = $s->browser;
$planted->get('/see?u=' . DjSession::Browser::escape('{"set":{"a":"b"}}'));
my $known = $planted->session_key;
my $victim = $s->browser->other($known);
$victim->post('/login', credentials('ada', $password));
isnt $victim->session_key, $known, 'C02: a login leaves a planted key';
is $planted->other($known)->get('/members/')->status, 401,
    'C02: which does not become the user\'s';

# Out.
$r = $b->get('/logout');
is $r->header('Location'), 'http://localhost/plain/bye.html',
    'the logout handler sends on';
is_deeply $b->get('/see')->data, {cart => [1]}, 'what is not its own stays';
is $b->get('/members/')->status, 401, 'F13: the page is shut';
my $c = $s->browser;
$c->post('/login', credentials('ada', $password));
my $before = count($s);
my $key = $c->session_key;
$r = $c->get('/logout');
is $c->session_key, undef, 'C06: a logout that leaves nothing ends the cookie';
is count($s), $before - 1, 'C06: and removes the record';
is $c->other($key)->get('/members/')->status, 401, 'C06: the key opens nothing';

# Inline: the form is posted to the very page.
my $i = $s->browser;
$r = $i->post('/inline/', [@{ credentials('ada', $password) },
        httpd_location => 'http://localhost/inline/']);
is $r->header('Location'), 'http://localhost/inline/', 'an inline login';
is scalar($r->all('Set-Cookie')), 1, 'has one cookie';
is $i->get('/inline/')->body, "in inline\n", 'and opens the page';
$r = $s->browser->get('/redirected/');
is $r->header('Location'), 'http://localhost/plain/form.html',
    'AuthFormLoginRequiredLocation works';
my $method = $s->browser;
$r = $method->post('/inline/', [@{ credentials('eve', $other) },
        httpd_method => 'GET', httpd_mimetype => 'text/plain',
        httpd_body => 'x']);
is $r->status, 200, 'a login that replays a saved request answers it';
is $r->body, "in inline\n", 'with that page';
like $method->session_key // '', KEY, 'and the session';

# An outage is no logout.
$s->break_store;
$s->expects(qr/DJS101/);
$s->allows(qr/DJS209|AH01816|DJS104/);
$r = $i->get('/inline/');
is $r->status, 503, 'a store in trouble is 503, not a login form';
is $r->header('Retry-After'), 5, 'that says when to come back';
is scalar($r->all('Set-Cookie')), 0, 'and the cookie is left alone';
is $i->get('/redirected/')->status, 503, 'nor a way to the login page';
is $i->get('/logout')->status, 503, 'a logout that can not be is none';
$r = $s->browser->post('/login', credentials('ada', $password));
is $r->status, 503, 'a login that can not be saved is none';
$s->mend_store;
$s->wait_until(sub { $i->get('/inline/')->status == 200 });
is $i->get('/inline/')->status, 200, 'and after it everybody is still in';

# What lies in the store is sealed.
ok !grep({ index(DjSession::Server::slurp($_), 'Canary-of') >= 0 }
    glob($s->storedir . '/*'), glob($s->storedir . '/*/*')),
    'no password stands in the store in clear';
$s->stop;

# Where DjSessionUserKey is mod_auth_form's key, its login is Django's.
$s = with_users(global => "DjSessionUserKey private-user\n",
    conf => "<Location /see>\nDjSessionEnv Data\n</Location>\n");
$b = $s->browser;
$b->post('/login', credentials('bob', $other));
$b->get('/see?u=' . DjSession::Browser::escape('{"set":{"cart":[1]}}'));
$b->post('/login', credentials('eve', $other));
is_deeply $b->get('/see')->data,
    {'private-user' => 'eve', 'private-pw' => $other},
    'C04: another user does not find what the last one had';
is $b->get('/members/')->status, 200, 'and is in, with the same password';
is $b->get('/see')->env->{DJSESSION_USER}, 'eve', 'DJSESSION_USER knows him';
$b->get('/see?u=' . DjSession::Browser::escape('{"set":{"cart":[1]}}'));
$b->get('/logout');
is $b->session_key, undef, 'C06: his logout ends the whole session';
is count($s), 0, 'C06: with its record';
$s->stop;

# With Anonymous pages go on, but a guarded one still does not ask for a login.
$s = with_users(global => "DjSessionOnStoreError Anonymous\n");
$b = $s->browser;
$b->post('/login', credentials('ada', $password));
$s->break_store;
$s->expects(qr/DJS101/);
$s->allows(qr/DJS209|DJS402|AH01822|AH01816/);
is $b->get('/plain/form.html')->status, 200, 'Anonymous: pages go on';
is $b->get('/members/')->status, 503, 'P05: but an outage is no logout';
is $b->get('/logout')->status, 503, 'and a logout that can not be is none';
$s->mend_store;
$s->stop;

# What the guide shows works as it stands there.
my ($example) = DjSession::Server::slurp('doc/guide')
    =~ /A site with a login form and no program:\n\n(.*?)\n\/login\.html is/s;
ok $example, 'the guide has an example';
$example =~ s/^ +LoadModule .*\n//mg;
$example =~ s{/etc/apache2/users}{\@DIR\@/users};
$example =~ s{dbm:\S+}{dbm:\@STATE\@/store};
$s = with_users(instead => $example,
    conf => "ScriptAlias /members/shop \@DIR\@/cgi/act\n");
$s->file('htdocs/login.html', "form page\n");
$b = $s->browser;
is $b->get('/members/')->body, "form page\n", 'which asks for a login';
$b->post('/members/', credentials('ada', $password));
is $b->get('/members/')->body, "in members\n", 'and lets users in';
is $b->get('/members/shop?u={"set":{"cart":[1]}}')->env->{DJSESSION_USER},
    'ada', 'its program knows the user';
is_deeply $b->get('/members/shop')->data->{cart}, [1],
    'and has the session to itself, too';
$b->get('/logout');
is $b->session_key, undef, 'C06: its logout ends the session';
is count($s), 0, 'C06: with its record';
$s->stop;
done_testing;
