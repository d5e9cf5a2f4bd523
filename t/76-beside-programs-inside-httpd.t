# Programs that other modules run inside httpd (mod_lua, mod_wsgi, mod_php) are
# told the session like every program, and change it in the same way.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $LUA = <<'END';
require "apache2"
function handle(r)
  r.content_type = "text/plain"
  if r.args and r.args ~= "" then
    r.headers_out["X-DjSession-Update"] = r:unescape(r.args)
  end
  for _, name in ipairs{"STATE", "USER", "TAG", "CREATED", "EXPIRES", "DATA"} do
    local value = r.subprocess_env["DJSESSION_" .. name]
    if value then r:puts("DJSESSION_" .. name .. "=" .. value .. "\n") end
  end
  return apache2.OK
end
function forge(r)
  r.subprocess_env["DJSESSION_USER"] = "forged"
  r.headers_in["X-DjSession-User"] = "forged"
  return apache2.DECLINED
end
END
my $WSGI = <<'END';
from urllib.parse import unquote

def application(environ, start_response):
    headers = [("Content-Type", "text/plain")]
    if environ["QUERY_STRING"]:
        headers.append(("X-DjSession-Update", unquote(environ["QUERY_STRING"])))
    start_response("200 OK", headers)
    return ["{}={}\n".format(k, v).encode("latin-1")
            for k, v in sorted(environ.items()) if isinstance(v, str)]
END
my $PHP = <<'END';
<?php
header('Content-Type: text/plain');
if ($_SERVER['QUERY_STRING'] !== '') {
    header('X-DjSession-Update: ' . urldecode($_SERVER['QUERY_STRING']));
}
foreach ($_SERVER as $name => $value) {
    if (is_string($value)) { echo "$name=$value\n"; }
}
END
my $FORGED = <<'END';
SetEnv DJSESSION_USER forged
RequestHeader set X-DjSession-User forged
END

my $modules = DjSession::Server::apxs('LIBEXECDIR')
    || '/usr/lib/apache2/modules';
my ($php) = sort glob "$modules/libphp*.so";
my $mpm = $ENV{DJS_MPM} // 'event';

# name, the module's file, configuration, the program
my @kinds = (
    ['lua', "$modules/mod_lua.so", 'hello.lua', $LUA, <<'END'],
LuaMapHandler /hello @DIR@/htdocs/hello.lua handle
LuaHookFixups @DIR@/htdocs/hello.lua forge
END
    ['wsgi', "$modules/mod_wsgi.so", 'hello.wsgi', $WSGI,
        "WSGIScriptAlias /hello \@DIR\@/htdocs/hello.wsgi\n"],
    ['wsgi', "$modules/mod_wsgi.so", 'hello.wsgi', $WSGI, <<'END'],
WSGISocketPrefix @DIR@/run/wsgi
WSGIDaemonProcess beside threads=2
WSGIScriptAlias /hello @DIR@/htdocs/hello.wsgi process-group=beside
END
    ['php', $php // 'libphp*.so', 'hello.php', $PHP, <<'END'],
Alias /hello @DIR@/htdocs/hello.php
<FilesMatch "\.php$">
  SetHandler application/x-httpd-php
</FilesMatch>
END
);

sub beside ($name, $path, $file, $program, $conf) {
    my $global = DjSession::Server::load($name, $path);
    $global .= $1 if $conf =~ s/^(WSGISocketPrefix.*\n)//m;
    my $s = server(global => $global, conf => "$FORGED$conf");
    $s->file("htdocs/$file", $program);
    my $kind = "E25: $name" . ($conf =~ /Daemon/ ? ', a daemon' : '');
    my @forged = (headers => ['X_DjSession_User: forged',
        'X-DjSession-Data: forged']);
    my $say = sub ($b, $update = '') {
        return $b->get('/hello' . (length $update
            ? '?' . DjSession::Browser::escape($update) : ''), @forged);
    };
    my $b = $s->browser;
    my $r = $say->($b);
    is $r->status, 200, "$kind answers";
    is $r->env->{DJSESSION_STATE}, 'none', "$kind: nobody is there";
    ok $r->varies, "$kind: Vary names Cookie";
    unlike $r->body, qr/forged|HTTP_X.DJSESSION/, "$kind: nothing is forged";

    $r = $say->($b, '{"login":"ada","set":{"cart":[1,"\u00e9"]}}');
    is scalar($r->cookies), 1, "$kind: an update makes a session";
    is scalar($r->all('X-DjSession-Update')), 0, "$kind: and stays here";
    $r = $say->($b);
    my $env = $r->env;
    is "$env->{DJSESSION_STATE} $env->{DJSESSION_USER}", 'live ada',
        "$kind: is told who is there";
    is json($r->data->{cart}), '[1,"\u00e9"]', "$kind: and the data";
    like "$env->{DJSESSION_TAG} $env->{DJSESSION_EXPIRES}",
        qr/^[0-9a-f]{12} \d+$/, "$kind: and the rest";
    unlike $r->body, qr/forged|\Q${\ $b->session_key }\E/,
        "$kind: nothing forged, and not the key";

    $say->($b, '{"incr":{"n":1}}') for 1 .. 3;
    is $b->data->{n}, 3, "$kind: counts";
    is $say->($b, '{"nonsense":1}')->status, 500,
        "$kind: a refused update is a 500";
    is $b->data->{n}, 3, "$kind: and changes nothing";
    my $before = $b->session_key;
    $say->($b, '{"flush":true}');
    is $b->session_key, undef, "$kind: a logout";
    is $b->other($before)->state, 'none', "$kind: that ends the session";
    $s->expects(qr/DJS205/);
    $s->allows(qr/\[(?:wsgi|lua|php)/);
    $s->stop;
    return;
}

for my $kind (@kinds) {
    my ($name, $path) = @$kind;
    SKIP: {
        skip "$path is not installed", 1 unless -e $path;
        skip 'mod_php serves under prefork only', 1
            if $name eq 'php' && $mpm ne 'prefork';
        # Alone in httpd, too: its children do not end until they are killed.
        skip 'mod_wsgi stops well as a daemon or under prefork', 1
            if $name eq 'wsgi' && $mpm ne 'prefork' && $kind->[4] !~ /Daemon/;
        beside(@$kind);
    }
}
done_testing;
