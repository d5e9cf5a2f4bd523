# configtest warns of what is legal and will surprise, and of nothing else;
# with -D DUMP_DJSESSION it shows all that counts, as a configuration that comes
# to the same, and never a secret.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

# What `httpd -t` says of a configuration that nobody starts.
sub configtest ($arguments, %o) {
    my $s = DjSession::Server->prepare(loglevel => 'warn', base => '', %o);
    $s->{port}    = DjSession::Server::free_port();
    $s->{tlsport} = DjSession::Server::free_port() if $o{tls};
    $s->write_configuration;
    local $ENV{LD_PRELOAD} = $ENV{DJS_PRELOAD} // $ENV{LD_PRELOAD} // '';
    my $said = `${\ DjSession::Server::httpd() } -t $arguments -f $s->{conf} 2>&1`;
    return ($said, $s);
}

sub warnings_of (%o) {
    my ($said) = configtest('', %o);
    return join "\n", $said =~ /(DJS\d+: .*)/g;
}

# --- ordinary configurations -------------------------------------------------

my $proxy = "DjSessionProxyTLSHeader X-Tls on\n"
    . "DjSessionTrustedProxy 127.0.0.1\n";
my %ordinary = (
    'nothing'                 => [conf => ''],
    'sessions everywhere'     => [conf => "DjSession On\n"],
    'Secure behind a proxy'   => [conf => "DjSession On\nDjSessionCookieSecure On\n"],
    'HTTPSOnly and a proxy'   => [global => $proxy,
        conf => "DjSession On\nDjSessionHTTPSOnly On\n"],
    'HTTPSOnly and mod_ssl'   => [tls => 1,
        conf => "DjSession On\nDjSessionHTTPSOnly On\n"],
    'HTTPSOnly without any session' => [conf => "DjSessionHTTPSOnly On\n"],
    map({ ("preset $_" => [global => $proxy,
        conf => "DjSession On\nDjSessionPreset $_\n"]) }
        qw(django strict aal1 aal2 aal3)),
    'a preset in a location' => [global => $proxy, conf => "DjSession On\n"
        . "<Location /a>\nDjSessionPreset strict\n</Location>\n"],
);
for my $name (sort keys %ordinary) {
    is warnings_of(@{ $ordinary{$name} }), '', "N10: no warning of $name";
}
is warnings_of(global => DjSession::Server::slurp('doc/examples/djsession.conf'),
    bare => 1), '', 'N10: no warning of the example';

# --- surprises ---------------------------------------------------------------

my $guard = "<Location /a>\nRequire djsession-user *\n%s</Location>\n";
my $on = "<Location /b>\nDjSession On\n</Location>\n";
my $blind = qr/^DJS013: Require djsession-user \* .*DjSession On there \(\S+httpd\.conf line \d+\)$/;
like warnings_of(conf => sprintf $guard, "DjSession Off\n"), $blind,
    'N10: a guard where DjSession is Off is named';
like warnings_of(conf => "DjSession On\n" . sprintf $guard, "DjSession Off\n"),
    $blind, 'N10: also where its host says On';
like warnings_of(conf => sprintf($guard, ''),
    after => "<VirtualHost 127.0.0.1:\@PORT\@>\nDjSession On\n</VirtualHost>\n"),
    $blind, 'N10: or another host';
is warnings_of(conf => sprintf($guard, $_->[0]) . $_->[1],
    global => $_->[2] // '', after => $_->[3] // ''), '',
    'N10: and nothing is said where it may have sessions'
    for ["DjSession On\n", ''], ['', "DjSession On\n"], ['', $on],
        ['', '', $on], ['', '', "DjSession On\n"];
is warnings_of(global => sprintf($guard, ''), conf => "DjSession On\n"), '',
    'N10: a guard of the main server is that of every host';

my $said = warnings_of(conf => <<'CONF');
DjSession On
DjSessionCookieAge 5m
<Location /a>
  DjSessionRenew 10m
</Location>
CONF
like $said, qr/^DJS006: DjSessionRenew 10m .*5m.*section <Location \/a> at .*httpd\.conf line \d+\)$/,
    'N10: a renewal that never comes is named, with its section';
like warnings_of(conf => "DjSession On\nDjSessionCookieAge 500d\n"),
    qr/^DJS007: DjSessionCookieAge 500d .*400d.*\(host localhost at .*line \d+\)$/,
    'B12: more than browsers grant';
like warnings_of(conf => "DjSession On\nDjSessionHTTPSOnly On\n"),
    qr/^DJS008: DjSessionHTTPSOnly .*mod_ssl/,
    'N10: HTTPSOnly where nothing can bring TLS';
like warnings_of(global => $proxy, conf => <<'CONF'),
DjSession On
DjSessionPreset aal3
<Location /a>
  DjSessionCookieAge 1h
</Location>
CONF
    qr/^DJS009: DjSessionCookieAge 1h .*aal3.*15m at most.*<Location \/a>/,
    'N09: more than NIST grants for AAL3';
like warnings_of(conf => "DjSession On\nDjSessionCookieAge 13h\n"
        . "DjSessionAbsoluteTimeout 12h\n"),
    qr/^DJS006: DjSessionCookieAge 13h .*DjSessionAbsoluteTimeout 12h/,
    'N10: an age above the absolute limit';
$said = warnings_of(global => "DjSession On\nDjSessionRenew 100%\n",
    after => "<VirtualHost 127.0.0.1:\@PORT\@>\nServerName b.test\n"
        . "</VirtualHost>\n");
is scalar(() = $said =~ /DJS006/g), 1, 'N10: what is inherited is said once';
like $said, qr/\(the main server and 2 more\)$/, 'N10: with the number of places';

my $s = server(base => '', loglevel => 'warn',
    conf => "DjSession On\nDjSessionRenew 100%\n");
$s->expects(qr/DJS006: DjSessionRenew 100%/);
is scalar(() = $s->log =~ /DJS006/g), 1, 'N10: a start says it too, once';
$s->stop;

# --- the dump ----------------------------------------------------------------

my @dumped = (global => <<'GLOBAL', conf => <<'CONF', after => <<'AFTER');
DjSessionPreset strict
DjSessionSweep 90s
GLOBAL
DjSession On
DjSessionCookieAge 3600
DjSessionExport "a b" AB
DjSessionExport cart
DjSessionUserKey "it's"
<Location /shop>
  DjSessionPreset aal2
  DjSessionEnv Data
  <If "true">
    DjSessionEnv Summary
  </If>
</Location>
<Directory "@DIR@/htdocs">
  DjSessionCookieAge 1h
</Directory>
CONF
<VirtualHost 127.0.0.1:@PORT@>
  ServerName other.test
  DjSessionPreset django
  DjSessionNamespace two-words
</VirtualHost>
AFTER
($said, my $of) = configtest('-D DUMP_DJSESSION', @dumped);
like $said, qr/Syntax OK/, 'M16: the configuration is good';
my $secret = DjSession::Server::slurp($of->state . '/secret.key') =~ s/\s//gr;
is length $secret, 64, 'there is a secret';
unlike $said, qr/\Q$secret\E/, 'M16: the dump shows no secret';
like $said, qr{^DjSessionSecretFile \Q@{[$of->state]}\E/secret\.key$}m,
    'M16: only where it lies';

# Blocks by their first line, and their lines by where the value comes from.
sub blocks ($text) {
    my %blocks;
    my ($block, $source);
    for (split /\n/, $text) {
        if    (/^# (\S.*)/)    { $block = $1 }
        elsif (/^#   (\S.*):/) { $source = $1 }
        elsif (/^DjSession/)   { $blocks{$block}{$_} = $source }
    }
    return \%blocks;
}
my $dump = blocks($said);
my ($main)  = grep { /^the main server/ } keys %$dump;
my ($host)  = grep { /^host localhost at .* line \d+/ } keys %$dump;
my ($other) = grep { /^host two-words/ } keys %$dump;
my ($shop)  = grep { /<Location \/shop>.* line \d+/ } keys %$dump;
my ($set, $preset, $default) =
    ('set in the configuration', 'from DjSessionPreset strict', 'by default');
ok $main && $host && $other && $shop, 'M16: every place is there'
    or diag $said;
is $dump->{$main}{'DjSession Off'}, $default, 'M16: a default';
is $dump->{$main}{'DjSessionCookieAge 30m'}, $preset, "M16: a preset's value";
is $dump->{$main}{'DjSessionSweep 90s'}, $set, 'M16: a setting';
is $dump->{$host}{'DjSessionCookieAge 1h'}, $set, 'M16: what a host says';
is $dump->{$host}{'DjSessionPreset strict'}, $set, 'M16: what it inherits';
is $dump->{$host}{'DjSessionExport "a b" AB'}, $set,
    'M16: in quotes where httpd needs them';
is $dump->{$host}{'DjSessionExport cart DJSESSION_CART'}, $set,
    'M16: a line for each value';
is $dump->{$host}{'DjSessionNamespace localhost'}, $default,
    'M16: what the server works out';
is $dump->{$other}{'DjSessionRenew Off'}, 'from DjSessionPreset django',
    'E26: an inner preset replaces the outer';
ok $dump->{$other}{'DjSessionCookieName sessionid'},
    'E26: with all that is its';
is_deeply [sort keys %{ $dump->{$shop} }], ['DjSessionAbsoluteTimeout 1d',
    'DjSessionCookieSameSite Lax', 'DjSessionEnv Data',
    'DjSessionExpireAtBrowserClose Off', 'DjSessionPreset aal2',
    'DjSessionRotate Off'],
    'M16: a section has what differs from its host'
    or diag join "\n", keys %{ $dump->{$shop} };
my ($htdocs) = grep { /<Directory/ } keys %$dump;
is $htdocs, undef, 'M16: one where nothing differs has no line';
like $said, qr/^# section <Directory ".*htdocs">.*nothing differs/m,
    'M16: and says so';

# Written into a configuration, the dump comes to the same.
my ($text) = $said =~ /^(# host localhost.*?)\n\n/ms;
my ($again) = configtest('-D DUMP_DJSESSION', global => '', store => '',
    secret => '', conf => $text =~ s{\Q@{[$of->state]}\E}{\@STATE\@}gr);
my $second = blocks($again);
my ($same) = grep { /^host localhost at / } keys %$second;
my @first = sort keys %{ $dump->{$host} };
my $state = $of->state;
is_deeply [map { s{/\S*/state/}{STATE/}r } sort keys %{ $second->{$same} }],
    [map { s{/\S*/state/}{STATE/}r } @first],
    'M16: the dump is a configuration that comes to the same' or diag $again;

# Hosts that say nothing of policy, on stores of both kinds.
($said) = configtest('-D DUMP_DJSESSION', global => "DjSession On\n",
    after => <<'AFTER');
<VirtualHost 127.0.0.1:@PORT@>
  ServerName theirs.test
  DjSessionStore django-cache:127.0.0.1:11211
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName ours.test
</VirtualHost>
AFTER
$dump = blocks($said);
my ($theirs) = grep { /^host theirs\.test/ } keys %$dump;
my ($ours) = grep { /^host ours\.test/ } keys %$dump;
is join(', ', sort grep { /Renew|HideCookie/ } keys %{ $dump->{$theirs // ''} }),
    'DjSessionHideCookie Off, DjSessionRenew Off',
    "E26: beside others, a Django site's store has its own defaults"
    or diag $said;
is join(', ', sort grep { /Renew|HideCookie/ } keys %{ $dump->{$ours // ''} }),
    'DjSessionHideCookie On, DjSessionRenew 10%',
    'E26: and our stores have theirs';

my ($listing) = configtest('-D DUMP_VHOSTS',
    conf => "DjSession On\nDjSessionRenew 100%\n");
unlike $listing, qr/DJS006|DjSession/, "M16: httpd's own dumps are as ever";

done_testing;
