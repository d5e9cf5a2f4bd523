# The handler djsession-logout ends the session, for those who may ask for it,
# and neither a logout nor a login ever sends anybody to another site.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use DjSession::Redirects;

my $s = server(loglevel => 'info', conf => <<'END');
<Location /logout>
  SetHandler djsession-logout
</Location>
<Location /off/logout>
  DjSession Off
  SetHandler djsession-logout
</Location>
<Location /https/logout>
  SetHandler djsession-logout
  DjSessionHTTPSOnly On
</Location>
<Location /anonymous/logout>
  SetHandler djsession-logout
  DjSessionOnStoreError Anonymous
</Location>
<LocationMatch "^/(?!logout|cgi|off|https|anonymous)">
  AuthType DjSession
  Require djsession-user *
  DjSessionLoginURL /cgi/act/login
</LocationMatch>
END
sub visitor () {
    my $b = $s->browser;
    $b->act(u => { login => 'ada' });
    return $b;
}
sub ended ($name, $b, $key, $r) {
    is scalar(grep { /^sessionid=; .*Max-Age=0/ } $r->cookies), 1,
        "$name: the cookie is deleted";
    is $b->other($key)->state, 'none', "$name: the record is gone";
    like $r->header('Cache-Control'), qr/no-store/, "$name: not from a cache";
    return;
}
sub stays_in ($name, $b, $key, $r) {
    is scalar($r->cookies), 0, "$name: the cookie is left alone";
    is $b->other($key)->state, 'live', "$name: the session lives";
    return;
}

# --- who may ask ------------------------------------------------------------
my @yes = (['a POST' => 'POST'],
    ['a POST of this site' => 'POST', 'Sec-Fetch-Site: same-origin'],
    ['a GET of this origin' => 'GET', 'Sec-Fetch-Site: same-origin'],
    ['a GET of this site' => 'GET', 'Sec-Fetch-Site: same-site'],
    ['a GET by hand' => 'GET', 'Sec-Fetch-Site: none'],
    ['a GET with our Origin' => 'GET', 'Origin: http://localhost'],
    ['a GET with our Referer' => 'GET', 'Referer: http://LOCALHOST/a?b']);
my @no = (['a bare GET' => 403, 'GET'],
    ['a GET of another site' => 403, 'GET', 'Sec-Fetch-Site: cross-site'],
    ['cross-site with our Referer' => 403, 'GET', 'Sec-Fetch-Site: cross-site',
        'Referer: http://localhost/'],
    ['another Origin' => 403, 'GET', 'Origin: http://evil.example'],
    ['Origin: null' => 403, 'GET', 'Origin: null'],
    ['another Referer' => 403, 'GET', 'Referer: http://localhost.evil.example/'],
    ['another port' => 403, 'GET', 'Referer: http://localhost:81/'],
    ['our name as the user' => 403, 'GET',
        'Referer: http://localhost@evil.example/'],
    ['our name in the path' => 403, 'GET', 'Referer: http://evil/localhost'],
    ['a relative Referer' => 403, 'GET', 'Referer: /localhost'],
    ['a prefetch' => 403, 'GET', 'Sec-Fetch-Site: same-origin',
        'Sec-Purpose: prefetch;prerender'],
    ['an old prefetch' => 403, 'GET', 'Sec-Fetch-Site: none',
        'Purpose: prefetch'],
    ['a POST of another site' => 403, 'POST', 'Sec-Fetch-Site: cross-site'],
    ['a POST with another Origin' => 403, 'POST', 'Origin: http://evil.example'],
    ['HEAD' => 405, 'HEAD', 'Sec-Fetch-Site: same-origin'],
    ['PUT' => 405, 'PUT', 'Sec-Fetch-Site: same-origin'],
    ['DELETE' => 405, 'DELETE', 'Sec-Fetch-Site: same-origin']);
for my $case (@yes) {
    my ($name, $method, @headers) = @$case;
    my $b = visitor();
    my $key = $b->session_key;
    my $r = $b->request($method, '/logout', headers => \@headers);
    is $r->status, 204, "$name: 204";
    ended($name, $b, $key, $r);
    is $r->header('Clear-Site-Data'), undef, "$name: nothing else is cleared";
}
for my $case (@no) {
    my ($name, $status, $method, @headers) = @$case;
    my $b = visitor();
    my $key = $b->session_key;
    my $r = $b->request($method, '/logout?next=/x', headers => \@headers);
    is $r->status, $status, "$name: $status";
    is $r->header('Location'), undef, "$name: no redirect";
    like $r->header('Allow'), qr/GET.*POST|POST.*GET/, "$name: Allow"
        if $status == 405;
    stays_in($name, $b, $key, $r);
}

# --- what it does besides ------------------------------------------------------
my $b = visitor();
my $key = $b->session_key;
my $r = $b->post('/logout', [next => '/shop/?a=b&c', clear => '1']);
is $r->status, 303, 'a form with next: 303';
is $r->header('Location'), '/shop/?a=b&c', 'to that path';
is $r->header('Clear-Site-Data'), '"cache", "cookies", "storage"',
    'clear=1: Clear-Site-Data';
ended('a form', $b, $key, $r);
$b = visitor();
$r = $b->post('/logout?next=%2Fhome+page&next=%2Fhome&clear=1');
is $r->header('Location'), '/home', 'next in the query';
ok defined $r->header('Clear-Site-Data'), 'clear in the query';
is visitor()->post('/logout', [next => '/a', clear => $_])
    ->header('Clear-Site-Data'), undef, "clear=$_ clears nothing"
    for '0', '', 'yes';
is visitor()->request('POST', '/logout', body => '{"next":"/a"}',
    type => 'application/json')->status, 204, 'a body of another type is passed over';
is visitor()->request('POST', '/logout', body => 'next=/' . 'a' x 20_000,
    type => 'application/x-www-form-urlencoded')->status, 413,
    'a form too long is refused';
for my $case ([none => undef], [dead => 'sessionid=' . some_key()],
    [malformed => 'sessionid=x'])
{
    my ($name, $cookie) = @$case;
    $r = $s->browser->request('POST', '/logout', cookie => $cookie);
    is $r->status, 204, "C09: logging out of a session that is $name";
    is scalar(grep { !/Max-Age=0/ } $r->cookies), 0, 'C09: sets none';
}

# --- C10 ------------------------------------------------------------------------
$b = visitor();
$key = $b->session_key;
my ($said) = parallel(2, sub ($i) {
    my $v = $b->other($key);
    if ($i == 2) {
        $s->wait_until(sub { -e $s->dir . '/sync/began' });
        $v->post('/logout');
        return $s->file('sync/ended', '');
    }
    my $late = $v->act(touch => 'began', wait => 'ended',
        u => { set => { late => 1 } });
    return $late->status . join ' ', grep { !/Max-Age=0/ } $late->cookies;
});
is $said, '200', 'C10: a change that comes after the logout sets no cookie';
is $b->other($key)->state, 'none', 'C10: and revives nothing';

# --- trouble ---------------------------------------------------------------------
$b = visitor();
$key = $b->session_key;
$s->break_store;
for my $at ('/logout', '/anonymous/logout') {
    $r = $b->post($at, [next => '/x', clear => 1]);
    is $r->status, 503, "INV8: $at in an outage: 503";
    ok defined $r->header('Retry-After'), 'INV8: with Retry-After';
    is $r->header($_), undef, "INV8: and no $_"
        for qw(Location Clear-Site-Data Set-Cookie);
}
$s->mend_store;
is $b->state, 'live', 'INV8: and the session lives';
$r = $b->post('/https/logout', [clear => 1]);
is $r->status, 503, 'HTTPSOnly: a plain request ends nothing, and says so';
is $r->header('Clear-Site-Data'), undef, 'and clears nothing';
is $b->post('/off/logout')->status, 500, 'DjSession Off: 500';
like $s->log, qr/DJS306/, 'and the log says what to do';

# --- M12 --------------------------------------------------------------------------
my @payloads = DjSession::Redirects::payloads();
cmp_ok scalar(@payloads), '>=', 150, 'M12: ' . @payloads . ' payloads';
sub shown ($text) { return $text =~ s/([^!-~])/sprintf '%%%02X', ord $1/ger }
my $taken = 0;
$b = visitor();
for my $payload (@payloads) {
    my $r = length $payload > 4000
        ? $b->post('/logout', [next => $payload], keep => 1)
        : $b->post('/logout?next=' . DjSession::Browser::escape($payload), [],
            keep => 1);
    my $to = $r->header('Location');
    $taken++ if defined $to;
    ok $r->status =~ /^(?:204|303)$/ && !grep({ /evil/i } $r->all('Set-Cookie'))
        && (!defined $to || DjSession::Redirects::stays($to)),
        'M12: logout: ' . shown(substr $payload, 0, 60)
        or diag $r->head;
}
cmp_ok $taken, '>', 5, 'M12: what is harmless is taken';
cmp_ok $taken, '<', 50, 'M12: most is not';
for my $good ('/', '/a', '/a/b.html?x=y&z', '/%C3%A9', '/a%20b', '/?a=http://x/') {
    is $b->post('/logout', [next => $good])->header('Location'), $good,
        "M12: logout to $good";
}

# The same as what was asked for when a login was wanted: raw in the request
# line where that can be, and in forms that a proxy sends.
my $redirected = 0;
for my $payload (grep { length } @payloads) {
    for my $target ($payload, "http://localhost$payload", "http://x/$payload") {
        my $raw = "GET $target HTTP/1.1\r\nHost: localhost\r\n"
            . "Accept: text/html\r\nConnection: close\r\n\r\n";
        my $r = $s->browser->exchange($raw);
        my $to = $r->header('Location');
        my ($next) = ($to // '') =~ m{^/cgi/act/login\?next=([\w.~/%-]*)$};
        $redirected++ if defined $next;
        my $good = $r->status == 302
            ? defined $next
                && DjSession::Redirects::stays(DjSession::Redirects::decoded($next))
            : !defined $to || $r->status == 301;
        ok $good && !grep({ /evil/ } $r->all('Set-Cookie')),
            'M12: login: ' . shown(substr $target, 0, 60) or diag $r->head;
    }
}
cmp_ok $redirected, '>', 100, 'M12: the login page was asked for often enough';

# Last of all: a session that can be read and not be ended.
$b = visitor();
chmod 0400, grep { !/lock/ } glob $s->storedir . '/*';
$r = $b->post('/logout', [next => '/x', clear => 1]);
is $r->status, 503, 'INV8: a record that can not be removed: 503';
is $r->header($_), undef, "INV8: and no $_"
    for qw(Location Clear-Site-Data Set-Cookie);
ok $s->log =~ /DJS209/, 'INV8: found out by the save';

$s->expects(qr/DJS306/, qr/DJS101/);
$s->allows(qr/DJS20[469]/, qr/\[(?:core|authz_core|proxy):\w+\]/);
$s->stop;
done_testing;
