# mod_session keeps its sessions in our stores: one cookie, an id that stays,
# no record for a visitor who has nothing, and both sides see one session.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(modules => ['session'], base => '', conf => <<'END');
SessionEnv On
SessionHeader X-Session
<LocationMatch "^/(cgi|only|both|aged)">
  Session On
  DjSessionModSession On
</LocationMatch>
<LocationMatch "^/both">
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
</LocationMatch>
<LocationMatch "^/see">
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
</LocationMatch>
<LocationMatch "^/aged">
  SessionMaxAge 60
</LocationMatch>
ScriptAliasMatch "^/(only|both|see|aged)" @DIR@/cgi/table
END

# Says what mod_session and we show it; X-Session comes from the query.
$s->file('cgi/table', <<'END', 0755);
#!/usr/bin/perl
use strict;
use warnings;
my %q = map { my ($k, $v) = split /=/, $_, 2;
    ($v //= '') =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge; ($k => $v) }
    split /;/, $ENV{QUERY_STRING} // '';
print "Status: $q{status}\n" if $q{status};
print "X-Session: $q{x}\n" if defined $q{x};
print "X-DjSession-Update: $q{u}\n" if defined $q{u};
print "Content-Type: text/plain\n\n";
print "theirs=", $ENV{HTTP_SESSION} // 'none', "\n",
    "ours=", $ENV{DJSESSION_DATA} // 'none', "\n",
    "cookie=", $ENV{HTTP_COOKIE} // 'none', "\n";
END

# How many records the store has.
sub count ($server) {
    my %records = $server->records;
    return scalar keys %records;
}

# What the page says of a thing, with mod_session's deadline left out.
sub said ($r, $what) {
    my ($text) = $r->body =~ /^$what=(.*)$/m;
    return ($text // 'nothing') =~ s/(?:^|&)expiry=\d+//r;
}

my $b = $s->browser;
my $r = $b->get('/only');
is said($r, 'theirs'), '', 'a visitor without a cookie has an empty session';
is scalar($r->all('Set-Cookie')), 0, 'C07: a look alone brings no cookie';
$b->get('/aged') for 1 .. 3;
is $b->session_key, undef, 'nor with SessionMaxAge, where mod_session saves';
is count($s), 0,
    'K01: bots leave no record, as they do with mod_session_dbd';

$r = $b->get('/only?x=cart%3Dthree%26note%3Da%2520b');
is scalar($r->all('Set-Cookie')), 1, 'B02: real content brings one Set-Cookie';
my $key = $b->session_key;
like $key, KEY, 'with a key of ours';
$r = $b->get('/only');
is said($r, 'theirs'), 'cart=three&note=a+b', 'mod_session has it back';
is said($r, 'cookie'), 'none', 'the cookie is hidden from programs';
like $r->header('Vary') // '', qr/Cookie/, 'F02: and the page varies by it';
is said($b->get('/see'), 'ours'), '{"cart":"three","note":"a b"}',
    'we show what mod_session was given, as strings';

$b->get('/only?x=cart%3Dfour');
is $b->session_key, $key,
    'the id stays when data is saved, other than with mod_session_dbd';
is count($s), 1, 'and there is one record';

# What JSON has and forms do not.
$b->get('/see?u={"set":{"n":[1,2.50,{"a":null}],"big":12345678901234567890,'
    . '"nul":"a\u0000b","sad":"\ud800","Cart":"CART","t":true}}');
$r = $b->get('/only');
my $seen = said($r, 'theirs');
like $seen, qr/(?:^|&)n=%5b1%2c2\.50%2c%7b%22a%22%3anull%7d%5d/,
    'a value that is no string is shown as JSON';
unlike $seen, qr/nul=|sad=|CART/, 'what has no form in C is not shown';
$b->get('/only?x=cart%3Dfive%26t%3Dfalse%26note%3D');
is said($b->get('/see'), 'ours'),
    '{"cart":"five","n":[1,2.50,{"a":null}],"big":12345678901234567890,'
    . '"nul":"a\u0000b","sad":"\ud800","Cart":"CART","t":"false"}',
    'a save changes what was changed, and leaves all else byte for byte';

# Both in one request.
$r = $b->get('/both?x=a%3Db;u={"set":{"c":"d"}}');
is scalar($r->all('Set-Cookie')), 1, 'both sides in one request: one cookie';
like said($b->get('/both'), 'ours'), qr/"a":"b","c":"d"\}/,
    'and one save with both changes';
like said($b->get('/both'), 'theirs'), qr/a=b&c=d$/,
    'both show the same session';
$r = $b->get('/only?status=500;x=late%3Dyes');
is $r->status, 500, 'a page that fails';
like said($b->get('/only'), 'theirs'), qr/late=yes/,
    'saves what mod_session was told, as mod_session does';

# Emptied.
my $all = said($b->get('/only'), 'theirs');
my $drop = join '%26', map { /^([^=]+)/ ? "$1%3D" : () } split /&/, $all;
$b->get('/see?u={"remove":["nul","sad","Cart"]}');
$r = $b->get("/only?x=$drop");
is $b->session_key, undef, 'C06: a session that was emptied has ended';
is count($s), 0, 'and left no record';

# Nobody's data is lost when requests meet.
$b->get('/only?x=first%3D0');
my @said = parallel(8, sub ($i) { $b->get("/only?x=k$i%3Dv$i")->status });
is_deeply \@said, [(200) x 8], 'eight requests at once';
is said($b->get('/see'), 'ours') =~ tr/v//, 8,
    'and none lost what another one set';

$r = $b->get('/only?x=bad%3D%25ff');
is $r->status, 500, 'a text that is not UTF-8 is refused';
$s->expects(qr/DJS402: .* not UTF-8/, qr/AH01822/);
unlike said($b->get('/see'), 'ours'), qr/bad/, 'and nothing is saved';

$s->stop;
done_testing;
