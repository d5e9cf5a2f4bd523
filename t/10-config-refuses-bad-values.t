# A value out of range, a contradiction or a typing error stops start-up with
# a sentence that names the directive and its legal values.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $TIME = qr/2w|30m|12h|500ms|second|duration/i;
my $SIZE = qr/64k|1m|byte|size/i;
my $FLAG = qr/Off.{1,5}On|On.{1,5}Off/;

# directive, arguments that are refused, what the sentence offers instead
my @rows = (
    [DjSession                     => $FLAG, 'Maybe', '1', '""'],
    [DjSessionCookieAge            => $TIME, '-1', '0', '300x', '1e9', '""',
        '9223372036854775808', '2w2w', '"1 h"', '1000000d', '+5'],
    [DjSessionStoreTimeout         => $TIME, '0', '-1', '500sm', '1e3'],
    [DjSessionSweep                => $TIME, '0', '-5m', 'often'],
    [DjSessionMaxSize              => $SIZE, '0', '-1', '64kk', '1e6', '""',
        '9223372036854775808', '64 k'],
    [DjSessionRenew                => qr/EveryRequest/,
        'Sometimes', '0%', '101%', '-1%', '%', '10%%', '0', '""'],
    [DjSessionOnStoreError         => qr/Deny.*Anonymous/s, 'Ignore', 'On'],
    [DjSessionEncrypt              => $FLAG, 'AES'],
    [DjSessionDjangoSHA1           => $FLAG, 'Yes'],
    [DjSessionDjangoSalt           => qr/blanks/, '"a b"'],
    [DjSessionCookieSecure         => qr/Auto/s, 'Yes'],
    [DjSessionCookieHttpOnly       => $FLAG, 'Yes'],
    [DjSessionCookieSameSite       => qr/Lax.*Strict.*None/s, 'Loose', '""'],
    [DjSessionCookiePartitioned    => $FLAG, 'Yes'],
    [DjSessionExpireAtBrowserClose => $FLAG, 'Yes'],
    [DjSessionHTTPSOnly            => $FLAG, 'Yes'],
    [DjSessionCreate               => qr/OnWrite.*Always/s, 'Never'],
    [DjSessionCreateLimit          => qr{Off.{1,5}N/DURATION},
        'On', '10', '10/', '/1h', '0/1h', '-1/1h', '1000001/1h', '10/0',
        '10/999ms', '10/25h', '10/1h/2', '1e3/1h', '10 / 1h', '" 10/1h"',
        '18446744073709551617/1h', '""'],
    [DjSessionEnv                  => qr/Off.*Summary.*Data/s, 'All'],
    [DjSessionForward              => qr/Off.*Summary.*Data/s, 'All', 'On'],
    [DjSessionForwardKey           => qr/FILE/, '', 'a b'],
    [DjSessionBackendUpdates       => $FLAG, 'Yes'],
    [DjSessionHideCookie           => $FLAG, 'Yes'],
    [DjSessionCacheControl         => $FLAG, 'Yes'],
    [DjSessionTrustedProxy         => qr/address/i, 'nowhere', '10.0.0.0/99'],
    [DjSessionProxyTLSHeader       => qr/./, 'OnlyAName', '"a b" https'],
    [DjSessionExport               => qr/./, '""', 'cart a=b', 'cart "a b"'],
    [DjSessionPreset               => qr/django.*strict.*aal1.*aal2.*aal3/s,
        'none', 'aal4', 'AAL', '""'],
    [DjSessionUserKey              => qr/./, '""'],
    [DjSessionModSession           => qr/Off, On/, 'Maybe'],
    [DjSessionLoginURL             => qr/path.*slash.*https/,
        'login', '//evil.example/', '/\\\\evil.example', '"/a b"',
        'javascript:alert(1)', 'https:/x', 'https://', 'http:///x',
        'ftp://host/', '/a#b', "'/a\"b'", '/<a>', "/\xc3\xa9", "\"/a\tb\""],
    [DjSessionNamespace            => qr/./, '""'],
);
for my $row (@rows) {
    my ($directive, $offer, @values) = @$row;
    for my $value (@values) {
        refused("E26: $directive $value", qr/$directive.*$offer/s,
            base => '', conf => "$directive $value\n");
    }
}

# What Require is told.
my $VALUE = qr/KEY.*VALUE/;
my %require = (
    'djsession with an argument'   => ['djsession live', qr/no arguments/],
    'djsession-user without one'   => ['djsession-user', qr/user's id/],
    'djsession-user with a quote'  => ['djsession-user "a', qr/quotes/],
    'djsession-age without one'    => ['djsession-age', qr/90s, 30m/],
    'djsession-age of 0'           => ['djsession-age 0', qr/90s, 30m/],
    'djsession-age of nonsense'    => ['djsession-age soon', qr/90s, 30m/],
    'djsession-age of two'         => ['djsession-age 1m 2m', qr/90s, 30m/],
    'djsession-key alone'          => ['djsession-key', $VALUE],
    'djsession-key without a value' => ['djsession-key plan', $VALUE],
    'djsession-key with two'       => ['djsession-key plan == a b', qr/in/],
    'an order of words'            => ['djsession-key n < x', qr/number/],
    'an order of strings'          => ['djsession-key n < "1"', qr/number/],
    'a pattern that is none'       => ['djsession-key k =~ (', qr/regular/],
    'a value that is no UTF-8'     => ["djsession-key k \xff", qr/UTF-8/],
    'a quote that does not end'    => ["djsession-key k 'a", qr/quote/],
);
for my $why (sort keys %require) {
    my ($line, $said) = @{ $require{$why} };
    refused("E26: Require $why", qr/djsession.*$said/s,
        conf => "<Location /x>\nRequire $line\n</Location>\n");
}

# The cookie's name and attributes.
my $long = 'n' x 4096;
my %cookie = (
    'B06: a name with ='             => 'DjSessionCookieName a=b',
    'B06: a name with ;'             => 'DjSessionCookieName "a;b"',
    'B06: a name with a blank'       => 'DjSessionCookieName "a b"',
    'B06: a name with a quote'       => q(DjSessionCookieName 'a"b'),
    'B06: an empty name'             => 'DjSessionCookieName ""',
    'B06: a name of 4 KB'            => "DjSessionCookieName $long",
    'B05: a path with ;'             => 'DjSessionCookiePath "/a;b"',
    'B05: a path without a slash'    => 'DjSessionCookiePath a',
    'B05: a path with a control'     => "DjSessionCookiePath \"/a\x01b\"",
    'B05: a path outside ASCII'      => "DjSessionCookiePath \"/\xc3\xa9\"",
    'B05: a path of 1100 bytes'      => 'DjSessionCookiePath /' . 'p' x 1100,
    'B05: a domain with ;'           => 'DjSessionCookieDomain "a.b;c"',
    'B05: a domain with a comma'     => 'DjSessionCookieDomain "a.b,c.d"',
    'B05: a domain with a blank'     => 'DjSessionCookieDomain "a b"',
    'B05: an empty domain'           => 'DjSessionCookieDomain ""',
    'B05: a domain outside ASCII'    => "DjSessionCookieDomain \"\xc3\xa9.eu\"",
    'B04: SameSite None, Secure Off' =>
        "DjSessionCookieSameSite None\nDjSessionCookieSecure Off",
    'B04: Partitioned, Secure Off'   =>
        "DjSessionCookiePartitioned On\nDjSessionCookieSecure Off",
);
for my $why (sort keys %cookie) {
    refused("$why", qr/DjSessionCookie|cookie/i,
        base => '', conf => "DjSession On\n$cookie{$why}\n");
}

# What browsers demand of a prefix, in any case of its letters.
my $secure = "DjSessionCookieSecure On\n";
for my $prefix (qw(__Host- __HOST- __host- __Host-Http-)) {
    my $name = "DjSession On\nDjSessionCookieName ${prefix}sid\n";
    my @bad = ("DjSessionCookieSecure Off", "$secure DjSessionCookiePath /app",
        "$secure DjSessionCookieDomain example.org");
    refused("B03: $prefix with $_", qr/\Q$prefix\E|__Host-/i, base => '',
        conf => "$name$_\n") for @bad;
}
for my $prefix (qw(__Secure- __SECURE- __Http-)) {
    refused("B03: $prefix without Secure", qr/Secure/, base => '',
        conf => "DjSession On\nDjSessionCookieName ${prefix}sid\n"
            . "DjSessionCookieSecure Off\n");
}
for my $prefix (qw(__Http- __Host-Http-)) {
    refused("B03: $prefix without HttpOnly", qr/HttpOnly/, base => '',
        conf => "DjSession On\nDjSessionCookieName ${prefix}sid\n"
            . "${secure}DjSessionCookieHttpOnly Off\n");
}

# A contradiction is one also where its halves stand in different places.
refused('B03: the prefix in the server, Path in its host', qr/path/i,
    global => "DjSessionCookieName __Host-sid\nDjSessionCookieSecure On\n",
    base => '', conf => "DjSession On\nDjSessionCookiePath /app\n");
started('B03: Secure in the host, the prefix in a location',
    conf => "${secure}<Location /x>\nDjSessionCookieName __Host-sid\n"
        . "</Location>\n");

# The store.
my %store = (
    'a kind that is not there'      => 'DjSessionStore tape:/x',
    'memcache without a port' => 'DjSessionStore memcache:127.0.0.1',
    'memcache over IPv6'      => 'DjSessionStore memcache:[::1]:11211',
    'one memcache as twins'   =>
        'DjSessionStore memcache:127.0.0.1:1 replicas=2',
    'memcache in three'       =>
        'DjSessionStore memcache:127.0.0.1:1 replicas=3',
    'two tiers upside down'   =>
        'DjSessionStore dbm:@STATE@/store memcache:127.0.0.1:1',
    'options of the second tier before it' =>
        'DjSessionStore memcache:127.0.0.1:1 shards=4 dbm:@STATE@/store',
    'a name behind django-db:'      => 'DjSessionStore django-db:/tmp',
    'an option that rows lack'      => 'DjSessionStore django-db: a=b',
    'a table that is none'          => 'DjSessionStore django-db: table=a;b',
    'an unknown client of memcached' =>
        'DjSessionStore django-cache:127.0.0.1:1 client=redis',
    'replicas of what is the site\'s' =>
        'DjSessionStore django-cache:127.0.0.1:1,127.0.0.1:2 replicas=2',
    'a prefix that is no part of a key' =>
        "DjSessionStore django-cached-db:127.0.0.1:1 \"prefix=a b\"",
    'a time zone that is none'      => 'DjSessionStore django-db: timezone=CET',
    'no place for files'            => 'DjSessionStore django-file:',
    'cookies that lie somewhere'    => 'DjSessionStore django-cookies:/tmp',
    'an option that files lack'     => 'DjSessionStore django-file:/tmp a=b',
    'no kind at all'                => 'DjSessionStore /tmp/x',
    'an unknown type'    => 'DjSessionStore dbm:@STATE@/store type=ndbm',
    'an unknown option'  => 'DjSessionStore dbm:@STATE@/store colour=red',
    'shards=0'           => 'DjSessionStore dbm:@STATE@/store shards=0',
    'shards=-1'          => 'DjSessionStore dbm:@STATE@/store shards=-1',
    'shards=many'        => 'DjSessionStore dbm:@STATE@/store shards=many',
    'shards=10000000'    => 'DjSessionStore dbm:@STATE@/store shards=10000000',
);
for my $why (sort keys %store) {
    refused("E26: DjSessionStore with $why",
        qr/dbm|sdbm|shards|memcache|replicas|SESSION_FILE_PATH|takes
            \ nothing|letters,\ digits|utc\ and\ local|django-db:|pymemcache
            |part\ of\ a\ key/x,
        store => $store{$why});
}

# The same values, legal, start.
started('E26: every directive with a legal value', tls => 1, conf => <<'END');
DjSessionStoreTimeout 250ms
DjSessionOnStoreError Anonymous
DjSessionNamespace site
DjSessionCookieName sid
DjSessionCookieDomain example.org
DjSessionCookiePath /app
DjSessionCookieSecure On
DjSessionCookieHttpOnly Off
DjSessionCookieSameSite None
DjSessionCookiePartitioned On
DjSessionCookieAge 90
DjSessionExpireAtBrowserClose On
DjSessionRenew 30m
DjSessionHTTPSOnly On
DjSessionProxyTLSHeader X-Forwarded-Proto https
DjSessionTrustedProxy 127.0.0.1 10.0.0.0/8
DjSessionCreate Always
DjSessionMaxSize 16k
DjSessionEnv Summary
DjSessionExport cart
DjSessionExport cart SHOP_CART
DjSessionForward Summary
DjSessionBackendUpdates Off
DjSessionHideCookie Off
DjSessionCacheControl Off
DjSessionUserKey uid
DjSessionLoginURL https://login.example.org:8443/in?a=1
<Location /x>
<RequireAll>
Require djsession
Require djsession-user * ada "grace hopper"
Require djsession-key plan in pro "very pro" 1
Require djsession-key plan =~ ^a(?i)b
Require djsession-key n 1
Require not djsession-age 12h
</RequireAll>
</Location>
DjSessionSweep 1m
END
started("E26: DjSessionRenew $_", conf => "DjSessionRenew $_\n")
    for qw(Off EveryRequest 50% 90 30m);
started("E26: DjSessionCookieSameSite $_",
    conf => "DjSessionCookieSameSite $_\n") for qw(Strict Off);
started('E26: letters of choices in any case',
    conf => "DjSession on\nDjSessionCookieSameSite lax\nDjSessionEnv DATA\n");

# Django's own sessions: what can not be had there, and what must be said.
my $django = "DjSessionStore django-cookies:\n";
my $signed = 'DjSessionDjangoSecretFile @STATE@/secret.key';
refused('E26: a Django store without the key that it is signed with',
    qr/SECRET_KEY.*0600/, store => $django);
for my $what ('DjSessionAbsoluteTimeout 1h', 'DjSessionRotate 1h',
    'DjSessionMaxPerUser 3') {
    my ($name) = split ' ', $what;
    refused("E26: $name with a Django store", qr/$name: .*must be Off/,
        store => $django, conf => "$signed\n$what\n");
}
started('E26: a Django store with its key', store => $django,
    conf => "$signed\n");
refused('E26: rows of a database without mod_dbd', qr/LoadModule dbd_module/,
    store => "DjSessionStore django-db:\n", conf => "$signed\n");
for my $name (qw(DjSessionDjangoUserQuery DjSessionDjangoLoginQuery)) {
    my $query = "$name \"SELECT a, b FROM c WHERE d = %s\"\n";
    refused("E26: $name without mod_dbd", qr/$name: .*LoadModule dbd_module/,
        store => $django, conf => "$signed\n$query");
    for my $bad ('SELECT 1', 'SELECT %s %s', 'SELECT %x', 'SELECT %%s') {
        refused("E26: $name with $bad", qr/$name.*one query in quotes/,
            store => $django, conf => "$signed\n$name \"$bad\"\n");
    }
}
my $sqlite = "DBDriver sqlite3\nDBDParams /tmp/none\n";
refused('E26: a query of users without a Django store',
    qr/DjSessionDjangoUserQuery: only a django- store/, modules => ['dbd'],
    conf => $sqlite . 'DjSessionDjangoUserQuery "SELECT %s, 1"' . "\n");
started('E26: rows of a database, and its users',
    store => "DjSessionStore django-db: table=a.b timezone=local\n",
    modules => ['dbd'], conf => "$sqlite$signed\n"
        . 'DjSessionDjangoUserQuery "SELECT a, 5 %% 2 FROM c WHERE d = %d"' . "\n");
done_testing;
