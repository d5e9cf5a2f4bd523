# X-DjSession-Update: what each member does, in the order that the interface
# promises, and that the header itself never leaves.
# MPMs: event prefork worker
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(conf => "DjSessionRotateGrace 0s\nDjSessionExport cart\nDjSessionExport n TOTAL\n");
my $true = \1;

sub fresh (@data) {
    my $b = $s->browser;
    $b->act(u => { set => {@data} });
    return $b;
}
sub text ($b) {
    return $b->get('/cgi/act')->env->{DJSESSION_DATA} // 'none';
}

# set
my $b = fresh(a => 1);
is text($b), '{"a":1}', 'C01: set makes a session';
$b->act(u => '{"set":{"b":"x","c":[1,{"d":null}],"e":true,"f":-0.5}}');
is text($b), '{"a":1,"b":"x","c":[1,{"d":null}],"e":true,"f":-0.5}',
    'set adds in order, any JSON';
$b->act(u => '{"set":{"a":{"deep":1}}}');
like text($b), qr/^\{"a":\{"deep":1\},"b"/, 'set replaces in place';
my $key = $b->session_key;
is scalar($b->act(u => '{"set":{"z":1}}')->cookies), 1,
    'C14: a change sends the cookie anew, as Django does';
is $b->session_key, $key, 'C14: with the same key';

# What is not touched survives byte for byte.
$b = $s->browser;
my $odd = '"i":123456789012345678901234567890,"f":1.50e+01,"g":-0.0,"s":"\u00e9"';
$b->act(u => "{\"set\":{$odd}}");
my $before = text($b);
like $before, qr/"i":123456789012345678901234567890,/, 'a big integer stays';
$b->act(u => '{"set":{"x":1}}');
is text($b), $before =~ s/\}$/,"x":1}/r, 'untouched values survive as they are';
$b->act(u => '{"set":{"u":"' . "\xc3\xa9\xe2\x82\xac" . '"}}');
like text($b), qr/"u":"\\u00e9\\u20ac"/, 'UTF-8 in, pure ASCII out';
$b->act(u => '{"set":{"u":"\ud83d\ude00\u0000\n"}}');
like text($b), qr/"u":"\\ud83d\\ude00\\u0000\\n"/, 'D06: escapes stay escapes';

# remove
$b = fresh(a => 1, b => 2, c => 3);
$b->act(u => { remove => ['a', 'c', 'nothere'] });
is text($b), '{"b":2}', 'remove';
$b->act(u => { remove => ['b'] });
is text($b), '{}', 'C25: an emptied session is a session still';
is $b->state, 'live', 'C25: and its cookie lives';

# incr
$b = fresh(n => 5);
$b->act(u => { incr => { n => 2, m => -3 } });
is text($b), '{"n":7,"m":-3}', 'incr adds; absent counts as 0';
$b->act(u => '{"incr":{"n":99999999999999999999}}');
is text($b), '{"n":100000000000000000006,"m":-3}', 'incr knows big integers';

# flush
$key = $b->session_key;
my $r = $b->act(u => { flush => $true });
is $b->session_key, undef, 'B10: flush deletes the cookie';
is $b->other($key)->state, 'none', 'C10: and the record';
$b = fresh(a => 1);
$key = $b->session_key;
$b->act(u => { flush => $true, set => { b => 2 } });
isnt $b->session_key, $key, 'C06: flush and set: a new key';
is text($b), '{"b":2}', 'C06: and only what was set after it';
is $b->other($key)->state, 'none', 'C06: the old key opens nothing';
$r = $s->browser->act(u => { flush => $true });
is join(' ', $r->cookies), '', 'C09: flush without a session says nothing';

# rotate
$b = fresh(a => 1);
my $created = $b->get('/cgi/act')->env->{DJSESSION_CREATED};
$key = $b->session_key;
$b->act(u => { rotate => $true });
isnt $b->session_key, $key, 'C03: rotate changes the key';
is text($b), '{"a":1}', 'C03: and keeps the data';
is $b->get('/cgi/act')->env->{DJSESSION_CREATED}, $created,
    'C03: and the birthday';
$s->expects(qr/DJS215/);
is $b->other($key)->state, 'none',
    'C03: without a grace the old key opens nothing';
$r = $s->browser->act(u => { rotate => $true });
is join(' ', $r->cookies), '', 'C06: rotating nothing makes nothing';

# login
$b = fresh(cart => 3);
$key = $b->session_key;
$b->act(u => { login => '42' });
isnt $b->session_key, $key, 'C02: login changes the key';
is $b->other($key)->state, 'none', 'C02: the key before opens nothing';
my $env = $b->get('/cgi/act')->env;
is $env->{DJSESSION_USER}, '42', 'C02: the user is known';
is $b->data->{cart}, 3, 'C02: a visitor\'s data survives';
$key = $b->session_key;
$b->act(u => { login => '42' });
isnt $b->session_key, $key, 'C02: the same user again: a new key all the same';
is $b->data->{cart}, 3, 'C02: with the data';
$key = $b->session_key;
$b->act(u => { login => { id => '43', data => { x => 1 } } });
is $b->data->{cart}, undef, 'C04: another user: nothing of the first is left';
is $b->data->{x}, 1, 'C04: data given with the login is there';
is $b->data->{_auth_user_id}, '43', 'C04: under the user key';
is $b->other($key)->state, 'none', 'C04: the first user\'s key opens nothing';

# expiry
$b = fresh(a => 1);
my ($c) = $b->act(u => { expiry => 3600 })->cookies;
like $c, qr/Max-Age=3600\b/, 'expiry in seconds';
is $b->data->{_session_expiry}, 3600, 'is kept where Django keeps it';
($c) = $b->act(u => { set => { b => 1 } })->cookies;
like $c, qr/Max-Age=3600\b/, 'and lasts';
($c) = $b->act(u => { expiry => 0 })->cookies;
unlike $c, qr/Max-Age|Expires/, 'B13: 0 ends with the browser';
($c) = $b->act(u => '{"expiry":null}')->cookies;
like $c, qr/Max-Age=1209600\b/, 'null goes back to the policy';
ok !exists $b->data->{_session_expiry}, 'and is not kept';
my @t = gmtime(time + 7200);
my $date = sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900, $t[4] + 1,
    @t[3, 2, 1, 0];
($c) = $b->act(u => { expiry => $date })->cookies;
like $c, qr/Max-Age=(?:7200|719\d)\b/, 'a date';
$env = $b->get('/cgi/act')->env;
cmp_ok abs($env->{DJSESSION_EXPIRES} - time - 7200), '<=', 2,
    'DJSESSION_EXPIRES says so';

# The fixed order, whatever the order of the text.
$b = fresh(a => 1, b => 1, n => 5);
$b->act(u => '{"incr":{"n":1},"set":{"n":10,"b":2},"remove":["n","b"],'
        . '"login":"7","flush":true}');
is text($b), '{"_auth_user_id":"7","n":11,"b":2}',
    'flush, login, remove, set, incr: in that order';
# Several headers apply one after the other.
$b = $s->browser;
$b->act(u => { set => { a => 1 } }, u => { incr => { a => 1 } },
    u => { set => { b => [1, 2] } });
is text($b), '{"a":2,"b":[1,2]}', 'several headers apply in order';

# DjSessionExport.
$b = fresh(cart => 'two pears', n => 17);
$env = $b->get('/cgi/act')->env;
is $env->{DJSESSION_CART}, 'two pears', 'D08: one value as a variable';
is $env->{TOTAL}, '17', 'D08: under a name of its own';

# It never leaves, whatever the status, allowed or not.
for my $status (200, 204, 302, 304, 404, 500, 503) {
    $r = $b->act(status => $status, u => { set => { s => $status } });
    is $r->status, $status, "D15: $status passes";
    ok !defined $r->header('X-DjSession-Update'), "D15: the header does not";
    my $now = $b->data->{s};
    is $now, $status, "D15: applied once with $status" if $status < 500;
    is $now, 404, "C24: nothing is saved with $status" if $status >= 500;
    is scalar($r->cookies), 0, "C24: and no cookie sent" if $status >= 500;
}
$r = $b->request('HEAD', '/cgi/act?u='
    . DjSession::Browser::escape('{"set":{"s":"head"}}'));
ok !defined $r->header('X-DjSession-Update'), 'D15: nor with HEAD';
is $b->data->{s}, 'head', 'D15: which applies it like GET';

$s->stop;
done_testing;
