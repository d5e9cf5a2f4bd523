# Vary: Cookie whenever the content could depend on the session, Cache-Control:
# private, no-store whenever our cookie is set, both where the cookie is.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(base => "DjSession On\n", conf => <<'END');
<Location /cgi/>
  DjSessionEnv Data
  DjSessionBackendUpdates On
</Location>
<Location /env>
  DjSessionEnv Summary
</Location>
<Location /export>
  DjSessionExport cart
</Location>
<Location /updates>
  DjSessionBackendUpdates On
</Location>
<Location /every>
  DjSessionRenew EveryRequest
</Location>
<Location /always>
  DjSessionCreate Always
</Location>
<Location /cgi/act/relaxed>
  DjSessionCacheControl Off
</Location>
<Location /off>
  DjSession Off
</Location>
ErrorDocument 403 /cgi/act
<Location /denied>
  Require all denied
</Location>
END
$s->file("htdocs/$_/page.html", "$_\n")
    for qw(plain env export updates every always off);
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my $nobody = $s->browser;
my %write = (u => { set => { a => 1 } });

sub cc ($r) { return lc($r->header('Cache-Control') // '') =~ s/\s+//gr }
sub tokens ($r) { return join ',', sort split /,/, cc($r) }

# Vary: by what is in use at the location, cookie sent or not.
my %varies = (plain => 0, env => 1, export => 1, updates => 1, every => 0,
    off => 0);
for my $place (sort keys %varies) {
    for my $who ($b, $nobody) {
        my $r = $who->other($who->session_key)->get("/$place/page.html");
        my $name = $who == $b ? 'with' : 'without';
        is !!$r->varies, !!$varies{$place},
            "F02: /$place $name a cookie: " . ($varies{$place} ? '' : 'no ')
            . 'Vary';
    }
}
my $r = $nobody->get('/env/page.html', cookie => 'other=1');
ok $r->varies, 'F12: unrelated cookies only: Vary all the same';
$r = $b->get('/plain/page.html');
is cc($r), '', 'F07: a static file that nobody asked for is cacheable';
is scalar($r->cookies), 0, 'F07: and sets no cookie';

# Set-Cookie: the three together.
for my $status (200, 201, 301, 302, 308, 400, 404, 410) {
    $r = $nobody->other->act(%write, status => $status,
        $status =~ /^30/ ? (h => 'Location: http://x.test/') : ());
    is $r->status, $status, "F09: $status";
    is scalar($r->cookies), 1, 'F09: sets the cookie';
    is tokens($r), 'no-store,private', 'F09: is not to be stored';
    ok $r->varies, 'F09: and varies';
}
$r = $b->get('/every/page.html');
is tokens($r), 'no-store,private', 'F01: a renewal is not to be stored';
$r = $nobody->other->get('/always/page.html');
is scalar($r->cookies), 1, 'F01: a first visit';
is tokens($r), 'no-store,private', 'F01: is not to be stored';

# What the program says about caching.
for my $theirs ('public, s-maxage=600', 'Public,S-MaxAge=600', 'max-age=60',
    'private="x", public', 'no-cache', 'Private', 'NO-STORE', 'immutable')
{
    $r = $nobody->other->act(%write, h => "Cache-Control: $theirs");
    my %has = map { $_ => 1 } split /,/, cc($r);
    ok $has{private} && $has{'no-store'}, "F04: '$theirs' becomes private";
    ok !$has{public} && cc($r) !~ /s-maxage/, 'F04: and nothing public is left';
    is scalar(my @p = cc($r) =~ /(?<![\w-])private(?![="\w-])/g), 1,
        'F04: said once';
    $r = $b->act(h => "Cache-Control: $theirs");
    is cc($r), lc($theirs) =~ s/\s+//gr,
        'F04: without our cookie it is left alone';
}
$r = $nobody->other->act(%write, at => '/cgi/act/relaxed',
    h => 'Cache-Control: max-age=60');
is cc($r), 'max-age=60', 'F01: DjSessionCacheControl Off leaves it alone';
ok $r->varies, 'F01: and Vary stays';

# What is in Vary already.
for my $theirs ('Accept-Encoding', 'cookie', 'COOKIE, Accept', '*', ' * ',
    'Accept-Encoding, *', 'X-Cookie', join(', ', map { "X-H$_" } 1 .. 900))
{
    for my $who ($b, $nobody->other) {
        $r = $who->act(%write, h => "Vary: $theirs");
        my @names = map { split /\s*,\s*/ } $r->all('Vary');
        s/^\s+|\s+$//g for @names;
        my $short = substr $theirs, 0, 20;
        my $cookies = grep { lc eq 'cookie' } @names;
        ok $theirs =~ /\*/ ? scalar(grep { $_ eq '*' } @names) : $cookies == 1,
            "F03: Vary '$short' names Cookie once";
        my %has = map { lc() => 1 } @names;
        my @lost = grep { !$has{ lc $_ } } split /, ?/,
            $theirs =~ s/^\s+|\s+$//gr;
        ok !@lost || $has{'*'}, "F03: and loses nothing of '$short'";
    }
}
$r = $b->act(h => 'Vary: Accept', h => 'Vary: Cookie', h => 'Vary: X-A');
is scalar(my @c = join(',', $r->all('Vary')) =~ /\bcookie\b/gi), 1,
    'F03: several Vary lines';

# F08: 304 says the same as 200.
my $full = $b->get('/env/page.html');
$r = $b->get('/env/page.html',
    headers => ['If-None-Match: ' . $full->header('ETag')]);
is $r->status, 304, 'F08: a conditional request';
is $r->header('Vary'), $full->header('Vary'), 'F08: the same Vary';
is cc($r), cc($full), 'F08: the same Cache-Control';
$r = $nobody->other->get('/env/page.html',
    headers => ['If-None-Match: ' . $full->header('ETag')]);
ok $r->varies, 'F08: without a cookie as well';
is scalar($r->cookies), 0, 'F08: a 304 sets none';

# F10: HEAD and ranges.
$r = $b->request('HEAD', '/env/page.html');
is $r->header('Vary'), $full->header('Vary'), 'F10: HEAD has the same Vary';
$r = $b->get('/env/page.html', headers => ['Range: bytes=0-1']);
is $r->status, 206, 'F10: a range';
ok $r->varies, 'F10: has it, too';

# F09: errors that depend on the session, without and with a cookie.
for my $path ('/env/missing', '/denied') {
    $r = $b->get($path);
    ok $r->varies, "F09: $path varies";
}

# F13, C25: the answer to a logout, and an emptied session.
$r = $b->act(u => { remove => ['a'] });
ok $r->varies, 'C25: an emptied session: Vary';
$r = $b->act(u => { flush => \1 });
is tokens($r), 'no-store,private', 'F13: a logout is not to be stored';
ok $r->varies, 'F13: and varies';

# C24: a 500 says nothing but Vary.
$b->act(%write);
$r = $b->act(%write, status => 500);
is scalar($r->cookies), 0, 'C24: no cookie with a 500';
ok $r->varies, 'C24: Vary all the same';

$s->allows(qr/AH01630/);
$s->stop;
done_testing;
