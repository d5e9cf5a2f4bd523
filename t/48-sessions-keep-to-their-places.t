# Locations with cookies and terms of their own: a key is sent out under its
# own cookie's name and path only, whatever leads from one location into the
# other; and what may not be used in the clear is nothing there, however a
# request comes to it.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes 'sleep';

my $s = server(tls => 1, conf => <<'END');
DjSessionRenew EveryRequest
ScriptAlias /adm/cgi/ @DIR@/cgi/
ErrorDocument 404 /adm/cgi/act
<Location /adm>
  DjSessionCookieName admid
  DjSessionCookiePath /adm
  ErrorDocument 404 /cgi/act
</Location>
<Location /fresh>
  DjSessionCreate Always
  ErrorDocument 404 /adm/cgi/act/fresh
</Location>
<Location /fresh/adm>
  DjSessionCookieName admid
  DjSessionCookiePath /adm
  ErrorDocument 404 /cgi/act/fresh
</Location>
<LocationMatch "/act/fresh$">
  DjSessionCreate Always
</LocationMatch>
<Location /off>
  DjSession Off
  ErrorDocument 404 /adm/cgi/act
</Location>
<Location /cgi/act/only>
  DjSessionHTTPSOnly On
</Location>
<Location /toonly>
  ErrorDocument 404 /cgi/act/only
</Location>
END

sub u ($data) { return 'u=' . DjSession::Browser::escape(json($data)) }
sub to ($url) { return 'location=' . DjSession::Browser::escape($url) }

# A visitor with a session in either part, or in one alone.
sub visitor (@parts) {
    my $v = $s->browser;
    for my $part (@parts) {
        local $v->{name} = $part;
        $v->act(u => { set => { who => $part } },
            at => $part eq 'admid' ? '/adm/cgi/act' : '/cgi/act');
    }
    return $v;
}
sub who ($v, $part) {
    my $at = $part eq 'admid' ? '/adm/cgi/act' : '/cgi/act';
    my $r = $v->get($at, cookie => "$part=" . ($v->{jar}{$part} // ''));
    return ($r->data // {})->{who} // $r->env->{DJSESSION_STATE};
}

# Every cookie of an answer that does not have its name's path, or that has a
# key of the other part.
sub strays ($r, %keys) {
    my %path = (admid => '/adm', sessionid => '/');
    my @bad;
    for my $cookie ($r->all('Set-Cookie')) {
        my ($name, $value) = $cookie =~ /^([^=]*)=([^;]*)/;
        my $path = $path{$name} // '?';
        push @bad, "$name of a wrong path: $cookie"
            unless $cookie =~ m{; *Path=\Q$path\E(?:;|$)};
        push @bad, map { "the key of $_ as $name" }
            grep { $_ ne $name && ($keys{$_} // '') eq $value } keys %keys;
    }
    return join "\n", @bad;
}

my $rotate = u({ rotate => \1 });
my $incr   = u({ incr   => { n => 1 } });
my @ways = (
    ['an error document outside' => '/adm/missing', 'admid'],
    ['an error document inside'  => '/missing', 'sessionid'],
    ['a way out'                 => '/adm/cgi/act?' . to('/cgi/act'), 'admid'],
    ['a way in'                  => '/cgi/act?' . to('/adm/cgi/act'),
        'sessionid'],
    ['a change on the way out'   => "/adm/cgi/act?$incr&" . to('/cgi/act'),
        'admid'],
    ['a change on the way in'    => "/cgi/act?$incr&" . to('/adm/cgi/act'),
        'sessionid'],
    ['a new key on the way out'  => "/adm/cgi/act?$rotate&" . to('/cgi/act'),
        'admid'],
    ['a new key on the way in'   => "/cgi/act?$rotate&" . to('/adm/cgi/act'),
        'sessionid'],
    ['a way out to a change'     => '/adm/cgi/act?' . to("/cgi/act?$incr")],
    ['a way in to a change'      => '/cgi/act?' . to("/adm/cgi/act?$incr")],
    ['a way out to a new key'    => '/adm/cgi/act?' . to("/cgi/act?$rotate")],
    ['a way in to a new key'     => '/cgi/act?' . to("/adm/cgi/act?$rotate")],
    ['changes on both sides'     => "/adm/cgi/act?$incr&"
        . to("/cgi/act?$incr")],
    ['a way out that fails'      => '/adm/cgi/act?' . to('/adm/missing'),
        'admid'],
    ['a way in that fails'       => '/cgi/act?' . to('/missing'),
        'sessionid'],
);
for my $way (@ways) {
    my ($name, $path, $rightful) = @$way;
    for my $parts (['admid'], ['sessionid'], ['admid', 'sessionid']) {
        my $v = visitor(@$parts);
        my %before = %{ $v->{jar} };
        my $with = 'with ' . join ' and ', @$parts;
        my $r = $v->get($path);
        is $r->status, $path =~ /missing/ ? 404 : 200,
            "E03: $name, $with: served";
        is strays($r, %before), '',
            "E03: $name, $with: each cookie has its own name, path and key";
        for my $part (@$parts) {
            is who($v, $part), $part, "E03: $name, $with: $part lives on";
        }
        for my $part (qw(admid sessionid)) {
            next if $before{$part};
            isnt who($v, $part), $before{admid} ? 'admid' : 'sessionid',
                "E03: $name, $with: $part does not lead to the other";
        }
        next unless $rightful && $before{$rightful};
        is scalar($r->cookies($rightful)), 1,
            "E03: $name, $with: $rightful is sent";
        next unless $name =~ /new key/;
        isnt $v->{jar}{$rightful}, $before{$rightful},
            "E03: $name, $with: with a new key";
    }
}

# E03: the same where first visitors are given sessions, and from a part
# without any.
for my $path ('/fresh/adm/missing', '/fresh/missing', '/off/missing') {
    for my $parts ([], ['admid'], ['sessionid'], ['admid', 'sessionid']) {
        my $v = visitor(@$parts);
        my %before = %{ $v->{jar} };
        my $name = join ' and ', @$parts ? @$parts : 'no cookie';
        my $r = $v->get($path);
        is $r->status, 404, "E03: $path with $name: served";
        is strays($r, %before), '', "E03: $path with $name: no stray cookie";
        cmp_ok scalar($r->all('Set-Cookie')), '<=', 1,
            "E03: $path with $name: one at most";
        is join(' ', map { who($v, $_) } @$parts), "@$parts",
            "E03: $path with $name: what there was lives on";
        my @new = grep { !$before{$_} && $v->{jar}{$_} } qw(admid sessionid);
        is join(' ', map { who($v, $_) } @new), join(' ', ('live') x @new),
            "E03: $path with $name: and what is new is new";
    }
}

# When each record ends.
sub deadlines {
    my %all = $s->records;
    return join ' ', map { "$_:$all{$_}[0]" } sort keys %all;
}

# B07: begun in the clear, gone on over TLS.
my $clear = $s->browser;
$clear->act(u => { set => { cart => 1 } });
my $old = $clear->session_key;
my $tls = $s->browser(tls => 1)->other($old);
is +($tls->data // {})->{cart}, 1, 'B07: one begun in the clear goes on over TLS';
$tls->act(u => { login => 'ada' });
my $new = $tls->session_key;
isnt $new, $old, 'B07: a login over TLS gives it a new key';
is $tls->get('/cgi/act')->env->{DJSESSION_USER}, 'ada',
    'B07: which is good over TLS';
is $clear->other($new)->state, 'none',
    'B07: and which is nothing in the clear';
is $clear->other($old)->state, 'none', 'B07: nor is the old key';
$clear->other($new)->act(u => { set => { cart => 2 } });
$clear->other($new)->act(u => { flush => \1 });
is +($tls->data // {})->{cart}, 1, 'B07: the clear neither changes nor ends it';

$clear = $s->browser;
$clear->act(u => { set => { cart => 1 } });
$tls = $s->browser(tls => 1)->other($clear->session_key);
$tls->act(u => { rotate => \1 });
is +($tls->data // {})->{cart}, 1, 'B07: a new key over TLS, without a login';
is $clear->other($tls->session_key)->state, 'none',
    'B07: is nothing in the clear either';

# B07: a section that is for TLS only, come to by ways within httpd.
my $b = $s->browser;
$b->act(u => { login => { id => 'ada', data => { who => 'ada' } } });
my $K = $b->session_key;
my $then = deadlines();
sleep 1.1;
for my $path ('/cgi/act/only', '/cgi/act?' . to('/cgi/act/only'),
    '/toonly/missing', '/cgi/act?' . to('/toonly/missing'))
{
    my $v = $b->other($K);
    my $r = $v->get($path);
    my $env = $r->env;
    is $env->{DJSESSION_STATE}, 'none', "B07: $path in the clear: none";
    is join(' ', grep { /DJSESSION_(?!STATE$)/ && !/REDIRECT_DJSESSION_STATE/ }
            sort keys %$env), '', 'B07: nothing of a session is told there';
    is join(' ', $r->all('Set-Cookie')), '', 'B07: and no cookie is sent';
}
is deadlines(), $then, 'B07: nor is any session renewed';
my $only = '/cgi/act?' . to('/cgi/act/only?' . u({ set => { who => 'eve' } }));
my $r = $b->other($K)->get($only);
is $r->status, 503, 'B07: a change from there is refused';
is scalar($r->all('Set-Cookie')), 0, 'B07: and sets no cookie';
is $b->data->{who}, 'ada', 'B07: the session is as it was';

$s->expects(qr/DJS204/);
$s->stop;
done_testing;
