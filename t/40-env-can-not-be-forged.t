# What a program behind httpd is told is what we know: nothing a client sends
# and nothing a configuration or .htaccess sets can take its place.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $back = backend();
my $s = server(modules => ['asis'], conf => <<"END");
DjSessionEnv Summary
ProxyPass /back http://127.0.0.1:${\ $back->port}/
SetEnv DJSESSION_USER admin
SetEnv DJSESSION_STATE live
SetEnv DJSESSION_DATA {"forged":1}
SetEnvIf Request_URI . DJSESSION_TAG=forged
SetEnvIf X-Fake (.*) DJSESSION_CREATED=\$1
PassEnv DJSESSION_EXPIRES
RewriteEngine On
RewriteRule ^ - [E=DJSESSION_USER:rewritten,E=DJSESSION_STATE:live]
<Directory "\@DIR\@/cgi">
  AllowOverride All
</Directory>
<Location /cgi/act/data>
  DjSessionEnv Data
</Location>
<Location /cgi/act/mute>
  DjSessionEnv Off
</Location>
<Location /cgi/act/off>
  DjSession Off
</Location>
<Location /cgi/act/export>
  DjSessionExport role
</Location>
<Location /ssi>
  DjSessionEnv Data
</Location>
<Directory "\@DIR\@/htdocs/ssi">
  Options +Includes
  SetOutputFilter INCLUDES
</Directory>
ErrorDocument 404 /cgi/act
END
$s->file('htdocs/ssi/page.html', '<!--#printenv -->');
$s->file('cgi/.htaccess', <<'END');
SetEnv DJSESSION_USER htaccess
SetEnv DJSESSION_STATE live
SetEnvIf Request_URI . DJSESSION_EXPIRES=9
RequestHeader set X-DjSession-User htaccess
RequestHeader append X-DjSession-State live
RequestHeader edit* User-Agent . x
RewriteEngine On
RewriteRule ^ - [E=DJSESSION_USER:htaccess,E=DJSESSION_TAG:htaccess]
END

my @forged = (
    'X-DjSession-User: admin',    'X-DjSession-State: live',
    'X_DjSession_User: admin',    'x-djsession_user: admin',
    'X-DJSESSION-USER: admin',    'X_DJSESSION_DATA: {"forged":1}',
    'X-DjSession-Data: forged',   'X-DjSession-Signature: forged',
    'X-DjSession-Anything: forged', 'X.DjSession.User: forged',
    'DJSESSION_USER: admin',      'DJSESSION-USER: admin',
    'Djsession-User: admin',      'X-Fake: forged', 'Proxy: http://evil.test',
);
sub told ($r) {
    my $env = $r->env;
    return { map { /(?<!HTTP_)DJSESSION/i ? ($_ => $env->{$_}) : () }
            keys %$env };
}
# Lines that tell something under our names that was forged. (A client's own
# "DJSESSION-USER" becomes HTTP_DJSESSION_USER, which is nobody's name.)
sub forged_lines ($r) {
    return grep { /^(?:REDIRECT_|HTTP_X_)*DJSESSION.*
            (?:admin|forged|htaccess|rewritten|live)/x } split /\n/, $r->body;
}
sub is_clean ($told, $state, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %t = %$told;
    is delete $t{DJSESSION_STATE}, $state, "$name: the state is ours";
    is json(\%t), '{}', "$name: and nothing else is told";
    return;
}

# Without a session: state none, and nothing else, wherever one looks.
my $nobody = $s->browser;
my @how = (headers => \@forged);
is_clean(told($nobody->get('/cgi/act', @how)), 'none', 'D01: anonymous');
is_clean(told($nobody->get('/cgi/act/data', @how)), 'none', 'D01: Env Data');
is_clean(told($nobody->request('OPTIONS', '/cgi/act', @how)), 'none',
    'D01: OPTIONS');
is_clean(told($nobody->request('OPTIONS', '/cgi/act', headers => [@forged,
    'Origin: http://evil.test', 'Access-Control-Request-Method: PUT'])),
    'none', 'D01: a CORS preflight');
is_clean(told($nobody->act(headers => \@forged)), 'none', 'D01: POST');
my $r = $nobody->get('/missing', @how);
is $r->env->{DJSESSION_STATE}, 'none', 'D01: an error document';
is join(' ', forged_lines($r)), '', 'D01: nothing forged in an error document';
is join(' ', forged_lines($nobody->get('/ssi/page.html', @how))), '',
    'D01: nothing in an include';
for my $where (qw(mute off)) {
    is json(told($nobody->get("/cgi/act/$where", @how))), '{}',
        "D01: nothing at all in a location that is $where";
}
is_clean(told($nobody->get('/cgi/act', @how,
    cookie => 'sessionid=' . some_key(1))), 'none', 'D09: an unknown key');

# With one: ours, all of it.
my $ada = $s->browser;
$ada->act(u => { login => { id => 'ada', data => { role => 'cook' } } });
my $t = told($ada->get('/cgi/act', @how));
is $t->{DJSESSION_STATE}, 'live', 'D09: live';
is $t->{DJSESSION_USER}, 'ada', 'D09: the user is ours, not SetEnv\'s';
like $t->{DJSESSION_TAG}, qr/^[0-9a-f]{12}$/, 'D09: the tag is ours';
cmp_ok abs($t->{DJSESSION_CREATED} - time), '<', 20, 'D09: the birth is ours';
cmp_ok $t->{DJSESSION_EXPIRES}, '>', time + 1_000_000, 'D10: the end, too';
ok !exists $t->{DJSESSION_DATA}, 'D09: no forged data under Summary';
is join(',', sort grep { /^HTTP_/ } keys %$t), '', 'D02: no header of ours';
is $ada->get('/cgi/act/data', @how)->data->{role}, 'cook', 'D09: data is ours';
is told($ada->get('/cgi/act/export', @how))->{DJSESSION_ROLE}, 'cook',
    'D08: the exported value is ours';
my $bob = $s->browser;
$bob->act(u => { set => { x => 1 } });
$t = told($bob->get('/cgi/act', @how));
is $t->{DJSESSION_STATE}, 'live', 'D09: a session without a user';
ok !exists $t->{DJSESSION_USER}, 'D09: has none, whatever is forged';
ok !exists told($bob->get('/cgi/act/export',
    headers => ['DJSESSION_ROLE: x']))->{DJSESSION_ROLE},
    'D08: an absent value is absent';
my $leaver = $s->browser;
$leaver->act(u => { login => 'eve' });
$leaver->act(u => { flush => \1 });
is_clean(told($leaver->get('/cgi/act', @how)), 'none', 'D09: after a logout');

# What is told is one line of ASCII, however hostile the data.
$ada->act(u => '{"set":{"h":"a\r\nX-Evil: 1\u0000\u0080\ud83d\ude00%0d%0a<b>"}}');
$r = $ada->get('/cgi/act/data');
is scalar(grep { /^DJSESSION_DATA=/ } split /\n/, $r->body), 1,
    'D06: DJSESSION_DATA is one line';
unlike $r->env->{DJSESSION_DATA}, qr/[^ -~]/, 'D06: of ASCII';
is $r->data->{h}, "a\r\nX-Evil: 1\0\x{80}\x{1F600}%0d%0a<b>",
    'D06: and reads back equal';

# One value as a variable: all of it, or nothing.
for my $row (['"cook"', 'cook'], ['"a b=c;%41"', 'a b=c;%41'], ['17', '17'],
    ['true', 'true'], ['null', undef], ['"admin\u0000x"', undef],
    ['"\u00e9"', "\xc3\xa9"], ['""', ''])
{
    my ($json, $want) = @$row;
    $ada->act(u => qq({"set":{"role":$json}}));
    my $got = told($ada->get('/cgi/act/export'))->{DJSESSION_ROLE};
    isnt $got // '-', 'admin', "D06: $json is not cut" if $json =~ /u0000/;
    is $got, $want, "D06: $json as a variable"
        if defined $want && $json =~ /^["\d]/;
}
$ada->act(u => qq({"set":{"role":"a\\r\\nDJSESSION_USER=root"}}));
is told($ada->get('/cgi/act/export'))->{DJSESSION_USER}, 'ada',
    'D06: a line break in a value makes no variable';

# Names that are like ours and are not: a client's header is a header.
for my $line ('Djsession-User: x', 'DJSESSION_USER: x', 'Proxy: http://x.test')
{
    my $seen = $nobody->get('/cgi/act', headers => [$line])->env;
    ok !exists $seen->{DJSESSION_USER} && !exists $seen->{HTTP_PROXY},
        "D13: $line becomes no variable of ours, nor a proxy";
}

# D07: the environment has no limit but the system's: whole, never cut.
my $long = $s->browser;
$long->act(u => { set => { "k$_" => 'x' x 7000 } }) for 1 .. 8;
is join(',', map { length } values %{ $long->get('/cgi/act/data')->data }),
    join(',', (7000) x 8), 'D07: 56 KB of data are told whole';

# D08: odd member names.
$ada->act(u => '{"set":{"":1,"PATH":"/evil","LD_PRELOAD":"x","a=b":1,"../x":1,'
    . '"A":1,"a":2,"' . 'k' x 300 . '":1}}');
my $env = $ada->get('/cgi/act/data')->env;
ok $env->{PATH} ne '/evil' && !exists $env->{LD_PRELOAD},
    'D08: members are not variables by themselves';
is $ada->get('/cgi/act/data')->data->{a}, 2, 'D08: odd names survive';

$s->stop;
done_testing;
