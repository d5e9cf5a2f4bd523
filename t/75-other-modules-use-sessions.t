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

# One session for a request, whoever changes it; merged with others' changes.
parallel(4, sub ($i) {
    my $v = $b->other($b->session_key);
    ask($v, 'incr=m,1') for 1 .. 5;
    return '';
});
is $b->data->{m}, 20, 'L04: parallel requests lose nothing';

# Trouble.
$s->allows(qr/DJS101|DJS102|DJS203|DJS209/);
my $dir = $s->storedir;
rename "$dir/lock", "$dir/lock.away" or die $!;
%said = ask($b, 'state&get=a&set=a,2&revoke=ada');
is $said{r}->status, 503, 'I06: with the store in trouble: 503';
my @all = split / /, 'get=a facts user keys set=a,2 set_text=a,b incr=a,1'
    . ' remove=a cycle login=ada everywhere flush revoke=ada expiry=2,9';
%said = ask($b, join('&', 'state', @all), '/m/anyway');
is $said{state}, 'ok unavailable', 'I06: a module that goes on is told so';
for my $call ('load', map { s/=.*//r } @all) {
    like $said{$call} // '', qr/^trouble /,
        "I06: $call: an outage is neither absent nor a success";
}
is $said{r}->cookies, 0, 'I06: nor a logout';
rename "$dir/lock.away", "$dir/lock" or die $!;
ok $s->wait_until(sub { ($b->data // {})->{a} }, 5), 'and it comes back';
$s->stop;

# A store of the module's own.
$s = server(global => $load, conf => $pages,
    store => 'DjSessionStore testmem:here');
$b = $s->browser;
my $lived = 0;
for (1 .. 20) { # its children do not share it
    $b->act(u => { set => { n => 1 } });
    $lived ||= ($b->data // {})->{n};
}
ok $lived, 'sessions lie in a store of another module';
$s->stop;
refused('its own words say what is wrong', qr/testmem:here is the only one/,
    global => $load, store => 'DjSessionStore testmem:there');
refused('a store of another version is not known', qr/is no store/,
    global => $load, store => 'DjSessionStore future:here');
refused('nor one without the module', qr/is no store/,
    store => 'DjSessionStore testmem:here');

done_testing;
