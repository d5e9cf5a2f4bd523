# Other modules use sessions through optional functions: they read and change
# them as programs do, are told what happens to them, and may bring a store.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $module = ($ENV{DJS_BUILDDIR} // '.') . '/t/lib/.libs/mod_djstest.so';
plan skip_all => "no $module: make tests builds it" unless -r $module;

my $load = "LoadModule djstest_module $module\n";
my $pages = <<'END';
<Location /m>
  SetHandler djstest
</Location>
<Location /m/off>
  DjSession Off
</Location>
<Location /m/https>
  DjSessionHTTPSOnly On
  Header set X-Told "expr=%{DJSESSION:a}"
</Location>
<Location /m/other>
  DjSessionCookieName other
</Location>
RewriteEngine On
RewriteCond expr "%{DJSESSION:a} == 'never'"
RewriteRule ^/m/short - [F]
<Location /m/short>
  DjSessionAbsoluteTimeout 1d
</Location>
<Location /m/anyway>
  DjSessionOnStoreError Anonymous
</Location>
<Location /m/uid>
  DjSessionUserKey uid
</Location>
END
my $s = server(global => $load, conf => $pages);

# The lines of a response, name => "status value".
sub ask ($b, $query, $at = '/m') {
    my $r = $b->get("$at?$query");
    return (map { /^(\S+) (.*)$/ ? ($1, $2) : () } split /\n/, $r->body), r => $r;
}
sub events ($r) { return $r->header('X-Events') // '' }

my $b = $s->browser;
my %said = ask($b, 'state&get=a&facts&user&keys');
is $said{load}, 'ok s', 'a session object is there for everybody';
is $said{state}, 'ok none', 'which says that there is no session';
is $said{get}, 'absent -', 'nor a value';
like $said{facts}, qr/^absent/, 'nor anything known of it';
is $said{user}, 'absent -', 'nor a user';
is $said{r}->cookies, 0, 'C07: looking begins no session';
ok $said{r}->varies, 'F02: but the page depends on it';
is events($said{r}), '', 'nothing has happened';

%said = ask($b, 'set=a,[1,%202]&set_text=t,x%22y&incr=n,5&incr=n,-2&get=a'
        . '&text=t&get=n&keys');
is $said{set}, 'ok -', 'a value is set';
is "$said{get}", 'ok 3', 'increments add up';
is $said{text}, 'ok x"y', 'a text comes back as a text';
is $said{keys}, 'ok a+t+n', 'keys have their order';
like(($said{r}->cookies)[0], qr/^sessionid=[a-z0-9]{32};/,
    'it is saved, and the browser gets a key');
is events($said{r}), 'created:live', 'a session was created';
is json($b->data), '{"a":[1,2],"n":3,"t":"x\"y"}', 'programs see the same';
%said = ask($b, 'text=a&text=missing&set=bad,%7b&incr=t,1&expiry=9,1');
is $said{text}, 'absent -', 'a missing text is absent';
is $said{set}, 'invalid -', 'what is no JSON is refused';
is $said{incr}, 'type -', 'and what can not be added to';
is $said{expiry}, 'invalid -', 'and an expiry that there is not';
is events($said{r}), 'loaded:live', 'a session was loaded, and not saved';
is json($b->data), '{"a":[1,2],"n":3,"t":"x\"y"}', 'nothing was changed';
%said = ask($b, 'remove=t&remove=t&set=a,null&get=a');
is "$said{remove} $said{get}", 'ok - ok null', 'a key is removed, twice';
is events($said{r}), 'loaded:live, saved:live', 'the session was saved';

# What no C string can say is not said by half of it.
my $odd = $s->browser;
$odd->act(u => { set => { _auth_user_id => "anna\0x", "role\0a" => 1 } });
%said = ask($odd, 'user&keys');
is $said{user}, 'absent -', 'D06: a user with a NUL is nobody';
is $said{keys}, 'ok _auth_user_id', 'D06: nor is a key with one another key';

# Keys, users, ends.
my $key = $b->session_key;
%said = ask($b, 'cycle');
isnt $b->session_key, $key, 'C03: cycle_key gives a new key';
is events($said{r}), 'loaded:live, saved:live', 'and is a save';
$key = $b->session_key;
%said = ask($b, 'login=ada&user&facts');
is $said{user}, 'ok ada', 'a login has a user';
isnt $b->session_key, $key, 'C02: and a new key';
is live_data($b, $key), undef, 'C02: the old one opens nothing';
%said = ask($b, 'facts');
like $said{facts}, qr/^ok [0-9a-f]{12} 1 1 1$/, 'the login is known';
is +{ ask($b, 'login=') }->{login}, 'invalid -', 'nobody logs in as nobody';
is +{ ask($b, 'user', '/m/uid') }->{user}, 'absent -',
    'the user key is that of the location';
my $r = $b->get('/m?expiry=2,7200&expiry=1,0');
like(($r->cookies)[0], qr/^sessionid=(?!.*Max-Age)/,
    'set_expiry: until the browser closes');
$r = $b->get('/m?expiry=2,7200');
like(($r->cookies)[0], qr/Max-Age=7200/, 'set_expiry: seconds');
my $twin = $s->browser;
ask($twin, 'login=ada');
%said = ask($b, 'everywhere');
is $said{everywhere}, 'ok -', 'C20: logout_everywhere';
is events($said{r}), 'loaded:live, ended:none', 'the session has ended';
is $twin->data, undef, 'C20: the other one, too';
ask($twin, 'login=ada');
my $other = $s->browser;
%said = ask($other, 'revoke=ada');
is $said{revoke}, 'ok -', 'C20: a module may revoke anybody';
is $twin->data, undef, 'C20: at once';
is +{ ask($other, 'revoke=') }->{revoke}, 'invalid -', 'but not everybody';
ask($b, 'set=a,1');
%said = ask($b, 'flush');
is events($said{r}), 'loaded:live, ended:none', 'C10: flush ends a session';
is $b->session_key, undef, 'C10: and takes the cookie back';

# Where it may not.
%said = ask($b, 'set=a,1', '/m/off');
is $said{load}, 'off -', 'where DjSession is Off there is none';
is $said{r}->cookies, 0, 'nor a cookie';
%said = ask($b, 'state&set=a,1', '/m/https');
is "$said{state} $said{set}", 'ok none refused -',
    'B07: over plain HTTP nothing is changed where HTTPS is demanded';
%said = ask($b, 'set=a,1&begin&set=b,2&flush');
is "$said{set} $said{flush}", 'late - late -',
    'E17: after the response has begun a change is refused';
is json($b->data), '{"a":1}', 'E17: what came before is saved';

# Before the handler, and in event hooks.
%said = ask($b, 'early');
is $said{r}->header('X-Early'), join(', ', ('ok:live:-') x 3),
    'from header_parser on the session is there';
is events($said{r}), 'loaded:live', 'and is looked up once';
%said = ask($s->browser, 'early');
is $said{r}->header('X-Early'), join(', ', ('ok:none:-') x 3),
    'or is known not to be';
is $said{r}->cookies, 0, 'C07: which begins none';
%said = ask($b, 'set=a,1&meddle');
is events($said{r}), 'loaded:live:late, saved:live:late',
    'an event hook changes nothing';
is json($b->data), '{"a":1}', 'nor is that kept for later';

%said = ask($b, 'early', '/m/short');
is $said{r}->header('X-Early'), join(', ', ('ok:live:-') x 3),
    'an expression may have asked before the place was known';
is events($said{r}), 'loaded:live', 'which is told of once';
ask($b, 'login=ada');
%said = ask($b, 'set=a,5&revoke=ada');
is events($said{r}), 'loaded:live, dropped:none',
    'C10: a change that comes after the end is said to be dropped';
is $b->data, undef, 'C10: and it revives nothing';
ask($b, 'flush');
ask($b, 'set=a,1');

# Internal redirects.
sub redirect ($b, $to, $ops, $first = '') {
    return ask($b, $first . "redirect=$to," . $ops =~ s/&/%26/gr);
}
my $two = $s->browser;
%said = redirect($two, '/m/other', 'kept&set=a,7&get=a');
is $said{set}, 'ok -', 'a handle outlives an internal redirect';
like $two->{jar}{other} // '', qr/^[a-z0-9]{32}$/,
    'with the session of the new place';
is +{ ask($two, 'get=a', '/m/other') }->{get}, 'ok 7', 'what it set is saved';
$key = $two->{jar}{other};
%said = redirect($two, '/m/other', 'kept&set=b,8&keys');
is $said{keys}, 'ok a+b', 'it follows to a session that lives there';
is +{ ask($two, 'keys', '/m/other') }->{keys}, 'ok a+b', 'and adds to that one';
is $two->{jar}{other}, $key, 'which another one does not replace';
%said = redirect($two, '/m/other', 'kept&set=c,9', 'set=n,1&');
is +{ ask($two, 'keys') }->{keys}, 'ok n+c',
    'a session that has begun before the redirect stays the one';
is +{ ask($two, 'keys', '/m/other') }->{keys}, 'ok a+b',
    'and nothing of it is seen in the other';
my @looks = qw(state get=a user keys facts);
for my $way ('', 'kept&') {
    my $name = 'B07: redirected to HTTPSOnly' . ($way && ', an older handle');
    %said = redirect($b, '/m/https', $way . join '&', @looks, 'set=a,2');
    is join('; ', map { "$_ $said{$_}" } map { s/=.*//r } @looks),
        'state ok none; get absent -; user absent -; keys ok ; facts absent '
        . ' 0 0 0', "$name: nothing of a session is seen";
    is $said{set}, 'refused -', "$name: nor changed";
    is $said{r}->header('X-Told') // '', '', "$name: as expressions see it";
}
is json($b->data), '{"a":1}', 'B07: and it is as it was';
%said = ask($b, 'flush&state&facts&keys&set=a,1&state');
like $said{facts}, qr/^absent/, 'D11: nothing is known of a session flushed';
is $said{keys}, 'ok ', 'D11: nor has it data';

# One session for a request, whoever changes it; merged with others' changes.
parallel(4, sub ($i) {
    my $v = $b->other($b->session_key);
    ask($v, 'incr=m,1') for 1 .. 5;
    return '';
});
is $b->data->{m}, 20, 'L04: parallel requests lose nothing';

# A record that does not open.
$s->allows(qr/DJS101|DJS102|DJS203|DJS209/);
my @all = split / /, 'get=a text=a facts user keys set=a,2 set_text=a,b'
    . ' incr=a,1 remove=a cycle login=ada everywhere flush expiry=2,9';
my %before = $s->records;
my $damaged = $s->browser;
ask($damaged, 'login=eve&set=a,1');
my %after = $s->records;
my ($record) = grep { !$before{$_} } sort keys %after;
my ($until, $hex) = @{ $after{$record} };
$hex =~ s/(..)$/sprintf '%02x', hex($1) ^ 1/e;
$s->poke($hex, 'put', $record, $until);
%said = ask($damaged, join '&', 'state', @all);
is $said{state}, 'ok unreadable', 'INV8: a record that does not open';
for my $call ('load', map { s/=.*//r } @all) {
    like $said{$call} // '', qr/^unreadable /,
        "INV8: $call: it is neither absent nor ended";
}
is $said{r}->cookies, 0, 'INV8: the browser keeps its key';
is events($said{r}), '', 'INV8: and nothing has happened';
is_deeply { $s->records }->{$record}, [$until, $hex], 'INV8: nor to the record';

# A save that fails.
my $dir = $s->storedir;
my @files = grep { !/lock/ } glob "$dir/*";
chmod 0400, @files;
sub told () { return join ' ', $s->log =~ /djstest: (\w+)/g }
my $told = told();
%said = ask($b, 'set=a,3');
is $said{r}->status, 503, 'INV8: a save that fails is a 503';
is told(), $told .= ' loaded', 'INV8: and no event says that it was saved';
%said = ask($b, 'flush');
is $said{r}->status, 503, 'INV8: so is a logout';
is told(), "$told loaded", 'INV8: nor that the session has ended';
chmod 0600, @files;

# Trouble.
rename "$dir/lock", "$dir/lock.away" or die $!;
%said = ask($b, 'state&get=a&set=a,2&revoke=ada');
is $said{r}->status, 503, 'I06: with the store in trouble: 503';
push @all, 'revoke=ada';
%said = ask($b, join('&', 'state', @all), '/m/anyway');
is $said{state}, 'ok unavailable', 'I06: a module that goes on is told so';
for my $call ('load', map { s/=.*//r } @all) {
    like $said{$call} // '', qr/^trouble /,
        "I06: $call: an outage is neither absent nor a success";
}
is $said{r}->cookies, 0, 'I06: nor a logout';
is events($said{r}), '', 'I06: and nothing is said to have happened';
rename "$dir/lock.away", "$dir/lock" or die $!;
ok $s->wait_until(sub { ($b->data // {})->{a} }, 5), 'and it comes back';
$s->stop;

# A store of the module's own.
$s = server(global => $load, conf => $pages,
    store => 'DjSessionStore testmem:here');
$b = $s->browser;
sub lived_once () { # its children do not share it
    $b->act(u => { set => { n => 1 } });
    for (1 .. 1 + int rand 3) {
        return 1 if ($b->data // {})->{n};
    }
    return;
}
ok $s->wait_until(\&lived_once, 30), 'sessions lie in a store of another module';
$s->stop;
refused('its own words say what is wrong', qr/testmem:here is the only one/,
    global => $load, store => 'DjSessionStore testmem:there');
refused('a store of another version is not known', qr/is no store/,
    global => $load, store => 'DjSessionStore future:here');
for my $case ([unsized => qr/unsized is of another version/],
    [older => qr/older is of another version/],
    [getless => qr/getless lacks a function/],
    [epochless => qr/epochless has half of a pair/],
    ['memcache' => qr/memcache has a name that is taken/],
    ['a/b' => qr{a/b needs a name}])
{
    my ($name, $why) = @$case;
    refused("a store that is wrong is not taken: $name", qr/DJS012: [^\n]*$why/,
        global => "Define BROKEN_STORES\n$load",
        store => $name eq 'memcache' ? 'DjSessionStore memcache:'
                                     : "DjSessionStore $name:here");
}
refused('nor one without the module', qr/is no store/,
    store => 'DjSessionStore testmem:here');

done_testing;
