# Require djsession-key compares by documented types and in bounded time, a
# login's age can not be stretched by the clock, and neither .htaccess, methods,
# includes nor a session that ends meanwhile are a way round.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes qw(time);

my @typed = (
    ['n 1',        1 => [qw(1 1.0 10e-1)], 0 => [qw("1" true null [1] 2 1.1)]],
    ['n == "1"',   1 => ['"1"'], 0 => [qw(1 1.0 true "1.0" "01")]],
    ['n == true',  1 => ['true'], 0 => [qw(1 "true" false)]],
    ['n == null',  1 => ['null'], 0 => [qw("null" 0 "")]],
    ['n != 1',     1 => [qw(2 1.5 -1)], 0 => [qw(1 1.0 "1" "2" true null)]],
    ['n != pro',   1 => ['"free"', '"Pro"'], 0 => [qw("pro" 1 null {})]],
    ['n == 9007199254740993', 1 => ['9007199254740993'],
        0 => [qw(9007199254740992 9007199254740994)]],
    ['n >= 18',    1 => [qw(18 18.0 1e9)], 0 => [qw(17.999 "18" "20" true)]],
    ['n < 18',     1 => [qw(17 -1e99 0)], 0 => [qw(18 "1" null)]],
    ['n pro',      1 => ['"pro"'],
        0 => ['"PRO"', '"pro "', '" pro"', '"pro\u0000"', '"prо"', '["pro"]']],
    ["n == \xc3\xa9",  1 => ['"\u00e9"', "\"\xc3\xa9\""], 0 => ['"e\u0301"']],
    ['n in a "b c" 3', 1 => ['"a"', '"b c"', '3', '3.0'],
        0 => ['"b"', '"3"', '"a b c"', '"A"', '["a"]']],
    ['n =~ ^a+$',  1 => ['"a"', '"aaa"'],
        0 => ['"ab"', '"A"', '1', 'true', '["a"]', '"a\u0000b"']],
    ['n =~ "(?i)^x y"', 1 => ['"X Y z"'], 0 => ['"xy"']],
);
my $rules = join '', map { "Require djsession-key n == no$_\n" } 1 .. 1000;
my $conf = '';
$conf .= "<Location /typed/$_>\nRequire djsession-key $typed[$_][0]\n"
    . "</Location>\n" for 0 .. $#typed;
my $alias = <<'END';
<AuthzProviderAlias djsession-key one "n == 1">
</AuthzProviderAlias>
END
my $s = server(modules => ['authz_user'], global => $alias,
    clock => 1, loglevel => 'info', conf => $conf . <<"END");
<Location /alias>
  Require one
</Location>
AliasMatch ^/(?:alias|typed|thousand|hard|nothard|limit|except|age|slow)/ \@DIR\@/htdocs/index.html
<Location /thousand>
$rules
Require djsession-key n == yes
</Location>
<Location /hard>
  Require djsession-key n =~ ^(a+)+\$
</Location>
<Location /nothard>
  <RequireAll>
    Require all granted
    Require not djsession-key n =~ ^(a+)+\$
  </RequireAll>
</Location>
<Location /limit>
  <Limit POST>
    Require djsession-user *
  </Limit>
</Location>
<Location /except>
  <LimitExcept GET>
    Require djsession-user *
  </LimitExcept>
</Location>
<Location /age>
  Require djsession-age 1m
</Location>
<Location /cgi/act/guarded>
  AuthType DjSession
  Require djsession-user *
</Location>
<Directory "\@DIR\@/htdocs/ht">
  AllowOverride AuthConfig
</Directory>
<Directory "\@DIR\@/htdocs/inc">
  Options +Includes
  AddOutputFilter INCLUDES .shtml
</Directory>
<Location /inc/secret.txt>
  Require djsession-user *
</Location>
END
my $b = $s->browser;
$b->act(u => { login => 'ada' });
my $nobody = $s->browser;
sub holds ($json) { $b->act(u => qq({"set":{"n":$json}})); return }

# --- H10 P04 ------------------------------------------------------------------
for my $i (0 .. $#typed) {
    my ($line, %values) = @{ $typed[$i] };
    for my $yes (1, 0) {
        my @odd = grep { holds($_);
            $b->get("/typed/$i/", keep => 1)->status != ($yes ? 200 : 403) }
            @{ $values{$yes} };
        is "@odd", '', "H10 P04: $line " . ($yes ? 'holds' : 'does not');
    }
}
holds('1.0');
is $b->get('/alias/')->status, 200, 'H10: a rule under a name of its own holds';
holds('"1"');
is $b->get('/alias/')->status, 403, 'H10: or does not';
$b->act(u => { remove => ['n'] });
is join(' ', map { $b->get("/typed/$_/")->status } 0 .. $#typed),
    join(' ', (403) x @typed), 'H10: a key that is not there answers nothing';
$b->act(u => { set => { x => { n => 1 }, y => '","n":1,"z":"' } });
is $b->get('/typed/0/')->status, 403,
    'H10: a key inside of a value is not the key';

# --- K11 K12 ----------------------------------------------------------------------
sub seconds ($path) {
    my $t = time;
    my $status = $b->get($path)->status;
    return ($status, time - $t);
}
holds('"' . 'a' x 4096 . '"');
my ($status, $took) = seconds('/hard/');
is $status, 200, 'K11: a pattern on 4096 bytes';
holds('"' . 'a' x 40 . 'b"');
($status, $took) = seconds('/hard/');
like $status, qr/^(?:403|500)$/, 'K11: a pattern that explodes does not match';
cmp_ok $took, '<', 5, 'K11: and comes to an end';
note sprintf 'after %.3f s', $took;
holds('"' . 'a' x 4097 . '"');
($status, $took) = seconds('/hard/');
is $status, 500, 'K11: 4097 bytes are not tried';
cmp_ok $took, '<', 1, 'K11: at once';
is $b->get('/nothard/')->status, 500,
    'K11: what can not be tried opens no door with "not"';
holds('"\ud800"');
is $b->get('/nothard/')->status, 500, 'K11: nor does what is not UTF-8';
holds('"yes"');
$b->act(u => { set => { "big$_" => 'x' x 7500 } }) for 1 .. 7;
($status, $took) = seconds('/thousand/');
is $status, 200, 'K12: the last of 1001 rules';
cmp_ok $took, '<', 2, 'K12: with 52500 bytes of data in good time';
note sprintf 'after %.3f s', $took;

# --- P08 ----------------------------------------------------------------------------
my $age = $s->browser;
$age->act(u => { set => { x => 1 } });
is $age->get('/age/')->status, 403, 'P08: without a login there is no age';
$age->act(u => { login => 'bob' });
is $age->get('/age/')->status, 200, 'P08: a fresh login';
$s->shift_clock(55);
is $age->get('/age/')->status, 200, 'P08: is fresh for a while';
$age->act(u => { rotate => \1 });
$age->act(u => { set => { x => 2 } });
$s->shift_clock(62);
is $age->get('/age/')->status, 403,
    'P08: then no more, whatever was saved or rotated';
$s->shift_clock(-3600);
is $age->get('/age/')->status, 403, 'P08: a clock put back does not help';
$s->shift_clock(0);
is $age->get('/age/')->status, 200, 'P08: put right again it is fresh';

# --- P06 -----------------------------------------------------------------------------
for my $at (qw(limit except)) {
    is $nobody->get("/$at/")->status, 200, "P06: $at: GET is free";
    my $r = $nobody->post("/$at/");
    is $r->status, 403, "P06: $at: POST is not";
    unlike $r->body, qr/home/, 'P09: and shows nothing';
    is $b->post("/$at/")->status, 200, "P06: $at: but for users";
}
$s->file('htdocs/ht/.htaccess', "Require djsession-user ada\n");
$s->file('htdocs/ht/index.html', "yours\n");
is $b->get('/ht/')->status, 200, 'P06: .htaccess may ask for a user';
is $nobody->get('/ht/')->status, 403, 'P06: and others are refused';
$s->file('htdocs/ht/.htaccess', "Require djsession-key\n");
is $b->get('/ht/')->status, 500, 'P06: what it writes wrongly lets nobody in';
$s->file('htdocs/ht/.htaccess', "AuthType DjSession\nRequire valid-user\n");
is $nobody->get('/ht/')->status, 401, 'P06: it may name AuthType DjSession';
is $b->get('/ht/')->status, 200, 'P06: which knows the user';

# --- P07 ------------------------------------------------------------------------------
$s->file('htdocs/inc/page.shtml', '[<!--#include virtual="secret.txt" -->]');
$s->file('htdocs/inc/secret.txt', 'CanarySecret');
my $r = $b->get('/inc/page.shtml');
is $r->body, '[CanarySecret]', 'P07: a guarded part is included for users';
ok $r->varies, 'P07: and the page varies';
$r = $nobody->get('/inc/page.shtml');
unlike $r->body, qr/Secret/, 'P07: not for others';
ok $r->varies, 'P07: and the page varies';

# --- P09 -------------------------------------------------------------------------------
for my $body ('u={"login":"eve"}', 'x' x 100_000) {
    $r = $nobody->request('POST', '/cgi/act/guarded', body => $body,
        type => 'application/x-www-form-urlencoded');
    is $r->status, 401, 'P09: a POST that is refused';
    unlike $r->body, qr/GATEWAY_INTERFACE|xxxx/, 'P09: shows nothing of the program';
    is scalar($r->cookies), 0, 'P09: and has done nothing';
}

# --- P10 --------------------------------------------------------------------------------
# One visitor's program waits while another visitor ends the session.
my ($said) = parallel(2, sub ($i) {
    my $v = $b->other($b->session_key);
    if ($i == 2) {
        $s->wait_until(sub { -e $s->dir . '/sync/began' });
        $v->act(u => { flush => \1 });
        return $s->file('sync/ended', '');
    }
    my $late = $v->act(at => '/cgi/act/guarded', touch => 'began',
        wait => 'ended', u => { set => { late => 1 } });
    return join ' ', $late->status, $late->env->{REMOTE_USER},
        $late->env->{DJSESSION_USER}, grep { !/Max-Age=0/ } $late->cookies;
});
is $said, '200 ada ada',
    'P10: access and program see one and the same session';
is $b->state, 'none', 'P10: which has ended, and stays so';
is $b->get('/cgi/act/guarded')->status, 401, 'P10: for access, too';

$s->expects(qr/DJS304/);
$s->allows(qr/AH\d+.*(?:denied|authorization failure|configuration error)/i,
    qr/Require djsession-key|djsession-key/, qr/AH01630|AH01631/,
    qr/unable to include/);
$s->stop;
done_testing;
