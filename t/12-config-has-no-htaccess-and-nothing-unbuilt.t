# No directive works in .htaccess, and none outside its place.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my %server_only = (
    DjSessionStore          => 'dbm:@STATE@/other',
    DjSessionStoreTimeout   => '1s',
    DjSessionSecretFile     => '@STATE@/secret.key',
    DjSessionForwardKey     => '@STATE@/forward.key',
    DjSessionEncrypt        => 'Off',
    DjSessionDjangoSecretFile => '@STATE@/secret.key',
    DjSessionDjangoSalt     => 'x',
    DjSessionDjangoSHA1     => 'On',
    DjSessionDjangoUserQuery  => '"SELECT %s"',
    DjSessionDjangoLoginQuery => '"SELECT %s"',
    DjSessionNamespace      => 'x',
    DjSessionProxyTLSHeader => 'X-Tls on',
    DjSessionMaxSize        => '1k',
    DjSessionSweep          => '1m',
    DjSessionMaxPerUser     => '3',
    DjSessionCreateLimit    => '10/1m',
);
for my $name (sort keys %server_only) {
    refused("E26: $name does not stand in a location",
        qr/$name (?:cannot occur within|not allowed)/,
        conf => "<Location /x>\n$name $server_only{$name}\n</Location>\n");
}

my %anywhere = (
    DjSession                     => 'On',
    DjSessionOnStoreError         => 'Deny',
    DjSessionCookieName           => 'sid',
    DjSessionCookieDomain         => 'example.org',
    DjSessionCookiePath           => '/app',
    DjSessionCookieSecure         => 'On',
    DjSessionCookieHttpOnly       => 'Off',
    DjSessionCookieSameSite       => 'Strict',
    DjSessionCookiePartitioned    => 'Off',
    DjSessionCookieAge            => '1h',
    DjSessionExpireAtBrowserClose => 'On',
    DjSessionRenew                => 'Off',
    DjSessionAbsoluteTimeout      => '12h',
    DjSessionRotate               => '15m',
    DjSessionRotateGrace          => '5s',
    DjSessionReplay               => 'Flush',
    DjSessionHTTPSOnly            => 'On',
    DjSessionCreate               => 'Always',
    DjSessionEnv                  => 'Data',
    DjSessionExport               => 'cart',
    DjSessionForward              => 'Summary',
    DjSessionBackendUpdates       => 'On',
    DjSessionHideCookie           => 'Off',
    DjSessionCacheControl         => 'Off',
    DjSessionUserKey              => 'uid',
    DjSessionPreset               => 'django',
    DjSessionLoginURL             => '/login',
    DjSessionModSession           => 'Off',
);
my $s = server(
    conf => join('', map { "<Location /ok/$_>\n$_ $anywhere{$_}\n</Location>\n" }
            sort keys %anywhere)
        . "<Directory \"\@DIR\@/htdocs\">\nAllowOverride All\n</Directory>\n"
        . "<Directory \"\@DIR\@/htdocs/listed\">\nAllowOverride None\n"
        . 'AllowOverrideList ' . join(' ', sort keys %anywhere)
        . "\n</Directory>\n");
pass 'E26: every other directive stands in a location';

my %all = (%anywhere, %server_only, DjSessionTrustedProxy => '127.0.0.1');
$s->allows(qr/\.htaccess: DjSession\w* not allowed here/);
for my $name (sort keys %all) {
    $s->file("htdocs/$name/.htaccess", "$name $all{$name}\n");
    $s->file("htdocs/$name/index.html", "hello\n");
    my $r = $s->browser->get("/$name/");
    is $r->status, 500, "E26: $name does nothing in .htaccess";
}
$s->allows(qr/\.htaccess: DjSession\w* cannot occur within/);
for my $name (sort keys %anywhere) {
    $s->file('htdocs/listed/.htaccess', "$name $anywhere{$name}\n");
    $s->file('htdocs/listed/index.html', "hello\n");
    is $s->browser->get('/listed/')->status, 500,
        "E26: nor by AllowOverrideList: $name";
}
like $s->log, qr/DjSessionCookieName not allowed here/,
    'E26: and httpd says why';

$s->stop;
done_testing;
