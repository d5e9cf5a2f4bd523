# Whatever is not exactly 32 letters a-z and digits under exactly our name is
# nobody's session: no lookup, no cookie, no crash.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(conf => "DjSessionCookieName sid\n",
    global => "Header always set X-State %{DJSESSION_STATE}e\n",
    after => <<'END');
<VirtualHost 127.0.0.1:@PORT@>
  ServerName host.test
  DocumentRoot @DIR@/htdocs
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
  DjSessionCookieSecure On
  DjSessionCookieName __Host-djsid
  DjSessionNamespace host
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName unsafe.test
  HttpProtocolOptions Unsafe
  DjSession On
  DjSessionEnv Data
  DjSessionCookieName sid
  DjSessionNamespace localhost
</VirtualHost>
END
my $b = $s->browser(name => 'sid');
$b->act(u => { set => { a => 1 } });
my $K = $b->session_key;
is $b->state, 'live', 'A02: the session lives';
my $h = $s->browser(name => '__Host-djsid', host => 'host.test');
$h->act(u => { set => { a => 1 } });
my $H = $h->session_key;
is $h->state, 'live', 'A13: the session of the prefixed name lives';

# From here on the store is out of reach: a lookup would be a 503.
$s->break_store;
is $b->get('/cgi/act')->status, 503, 'A17: a lookup is noticed here';

sub junk ($name, $who, @cookies) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @wrong;
    for my $cookie (@cookies) {
        my $r = $who->get('/index.html', cookie => $cookie, keep => 1);
        push @wrong, $cookie . ' gives ' . $r->status
            unless $r->status == 200
            && $r->header('X-State') eq 'none' && !$r->all('Set-Cookie');
    }
    $who->close_connection;
    return ok(!@wrong, $name) || diag 'first of ' . @wrong . ": $wrong[0]";
}

junk('A11: in double quotes', $b, qq(sid="$K"), qq(sid="$K), qq(sid=$K"));
junk('A13: a name differs by case', $h, "__HOST-djsid=$H", "__host-djsid=$H",
    "__Host-DJSID=$H");
junk('A14: no blanks but SP and TAB are trimmed', $h,
    map { "$_" . "__Host-djsid=$H" } "\xE2\x80\x80", "\xC2\xA0", "\x85",
    "\xEF\xBB\xBF");
junk('A15: a name inside a nameless pair', $h, "=__Host-djsid=$H",
    '__Host-djsid', $H);
junk('A15: nothing but punctuation', $b, ';', ';;;', '=', '==', '=;=', ',',
    ', ,', '; =; ;');
junk('A16: an equals sign or a blank too many', $b, 'sid=', "sid==$K",
    "sid = $K", "sid =$K", "sid= $K", "sid=$K x", "sid=${K}=", "sid");
junk('A17: lengths', $b, map { "sid=$_" } '', 'a', substr($K, 0, 8),
    substr($K, 0, 31), "${K}a", 'a' x 250, 'a' x 4096);
junk('A26: names that contain ours', $b, "xsid=$K", "sidx=$K", "si=$K",
    "sid%00=$K", "sid\t=$K", "SID=$K", "Sid=$K");

my @bytes;
for my $at (0, 15, 31) {
    for my $byte (0x01 .. 0xFF) {
        my $c = chr $byte;
        next if $c =~ /[a-z0-9]/;
        next if $byte < 0x20 && $byte != 9 || $byte == 0x7F;
        next if $c =~ /[;,]/ || $at != 15 && $c =~ /[ \t]/;
        my $key = $K;
        substr $key, $at, 1, $c;
        push @bytes, "sid=$key";
    }
}
junk('A18: every other byte at positions 0, 15, 31 (' . @bytes . ' cases)',
    $b, @bytes);

# What core refuses, and what it lets by when it is told to.
for my $byte ("\0", "\r", "\x01", "\x7F", "\x0B") {
    my $name = sprintf 'A19: byte 0x%02X', ord $byte;
    my $raw = "GET /cgi/act HTTP/1.1\r\nHost: %s\r\nCookie: sid=%s\r\n"
        . "Connection: close\r\n\r\n";
    my $key = $K =~ s/^(.{10})./$1$byte/r;
    my $r = $b->exchange(sprintf $raw, 'localhost', $key);
    is $r->status, 400, "$name is refused by core";
    $r = $b->exchange(sprintf $raw, 'unsafe.test', $key);
    ok $r->status == 400 || $r->env->{DJSESSION_STATE} eq 'none',
        "$name is no session where core lets it by";
}
my $r = $b->exchange("GET /cgi/act HTTP/1.1\r\nHost: unsafe.test\r\n"
    . "Cookie: a=1;\r\n sid=$K\r\nConnection: close\r\n\r\n");
ok $r->status =~ /^(?:200|400|503)$/, 'A20: a folded header is no crash';

# Other places than the cookie.
junk('A24: Cookie2', $b, undef);
for my $where (
    [headers => ["Cookie2: sid=$K"]],
    [headers => ["Authorization: Bearer $K"]],
    [headers => ["X-Sid: $K", "Sid: $K", "sid: $K"]],
    [path    => "/cgi/act?sid=$K"],
    [path    => "/cgi/act/sid=$K"],
    [path    => "/cgi/act;sid=$K"],
    )
{
    my ($how, $what) = @$where;
    my $path = $how eq 'path' ? $what : '/cgi/act';
    $r = $b->get($path, cookie => undef, $how eq 'path' ? () : ($how, $what));
    ok $r->status == 404 || $r->env->{DJSESSION_STATE} eq 'none',
        'A25: a key in ' . (ref $what ? 'another header' : 'the URL');
}
$r = $b->post('/cgi/act', [sid => $K], cookie => undef);
is $r->env->{DJSESSION_STATE}, 'none', 'A25: a key in a form';

$s->mend_store;
is $b->state, 'live', 'A05: and the session has come to no harm';
# httpd itself logs the URLs that A25 asked for.
delete $s->{canary}{$K};
$s->expects(qr/\[djsession:\w+\]/);
$s->allows(qr/AH01264|AH02811/);
$s->stop;
done_testing;
