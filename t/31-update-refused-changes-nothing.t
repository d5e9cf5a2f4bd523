# A malformed update, an unknown member or too much of it: nothing is saved,
# the client gets 500, one log line says what was wrong and shows no value.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(conf => <<"END");
<Location /long/ok>
  Header set X-DjSession-Update '{"set":{"big":"${\ ('x' x 16366) }"}}'
</Location>
<Location /long/not>
  Header set X-DjSession-Update '{"set":{"big":"${\ ('x' x 16367) }"}}'
</Location>
DjSessionMaxSize 20k
<Location /cgi/act/denied>
  DjSessionBackendUpdates Off
</Location>
<Location /cgi/act/off>
  DjSession Off
</Location>
<Location /echo>
  Header set X-DjSession-Update {}
</Location>
END
$s->file("htdocs/$_", "$_\n") for qw(echo long/ok long/not);
my $b = $s->browser;
$b->act(u => { set => { a => 1, text => 'Canaryvalue' } });
my $want = json($b->data);

# name => header value; every one is refused as a whole.
my %bad = (
    'no JSON'                    => 'set a=1',
    'an empty value'             => '{',
    'an array'                   => '[1]',
    'a string'                   => '"x"',
    'null'                       => 'null',
    'text behind'                => '{"set":{"b":1}} x',
    'a second object behind'     => '{"set":{"b":1}}{"set":{"c":1}}',
    'an unknown member'          => '{"set":{"b":1},"colour":"red"}',
    'a member in capitals'       => '{"SET":{"b":1}}',
    'set that is no object'      => '{"set":["b"]}',
    'remove that is no list'     => '{"set":{"b":1},"remove":"a"}',
    'remove of a number'         => '{"set":{"b":1},"remove":[1]}',
    'flush that is no boolean'   => '{"set":{"b":1},"flush":1}',
    'rotate that is a string'    => '{"set":{"b":1},"rotate":"yes"}',
    'incr of a string'           => '{"set":{"b":1},"incr":{"n":"1"}}',
    'incr of a float'            => '{"set":{"b":1},"incr":{"n":1.5}}',
    'incr of what is no integer' => '{"set":{"b":1},"incr":{"text":1}}',
    'login of a list'            => '{"set":{"b":1},"login":[1]}',
    'login without id'           => '{"set":{"b":1},"login":{"data":{}}}',
    'login with more'            => '{"set":{"b":1},"login":{"id":"1","x":2}}',
    'expiry of a list'           => '{"set":{"b":1},"expiry":[]}',
    'expiry of a wrong date'     => '{"set":{"b":1},"expiry":"2026-13-01"}',
    'expiry of words'            => '{"set":{"b":1},"expiry":"tomorrow"}',
    'a raw control character'    => "{\"set\":{\"b\":\"\x02\"}}",
    'UTF-8 cut short'            => "{\"set\":{\"b\":\"\xc3\"}}",
    'UTF-8 too long'             => "{\"set\":{\"b\":\"\xc0\xaf\"}}",
    'single quotes'              => "{'set':{'b':1}}",
    'a trailing comma'           => '{"set":{"b":1,}}',
    'depth 2000'      => '{"set":{"b":' . '[' x 2000 . ']' x 2000 . '}}',
    'form encoding'   => '&=&=',
);
$s->allows(qr/\[djsession:(?:warn|error)\]/);
for my $why (sort keys %bad) {
    my $r = $b->act(u => $bad{$why});
    is $r->status, 500, "D15: $why is a 500";
    unlike $r->body, qr/"set"|Canary/, "D15: $why is not shown";
    is scalar($r->all('X-DjSession-Update')), 0, "D15: $why does not leave";
    is json($b->data), $want, "D15: $why changes nothing";
}
my $count = () = $s->log =~ /\[djsession:(?:warn|error)\]/g;
is $count, scalar(keys %bad), 'D15: one log line each';
like $s->log, qr/\[djsession:[^\n]*colour/, 'D15: it names the wrong member';

# Of the length that is allowed, to the byte. (CGI and proxied programs can not
# send a header line above 8 KiB through httpd 2.4 anyway.)
my $r = $b->get('/long/ok');
is $r->status, 200, 'D15: 16 KiB are accepted';
is length($b->data->{big} // ''), 16366,
    'D15: whole';
$b->act(u => { remove => ['big'] });
$r = $b->get('/long/not');
is $r->status, 500, 'D15: one byte more is not';
is json($b->data), $want, 'D15: and changes nothing';

# One bad header among good ones: none is applied.
$r = $b->act(u => { set => { b => 1 } }, u => '{"set":', u => { set => { c => 1 } });
is $r->status, 500, 'D15: one bad header among three';
is json($b->data), $want, 'D15: nothing of them is applied';
$r = $b->act((u => '{"incr":{"n":1}}') x 100);
is $b->data->{n}, 100, 'D15: a hundred small headers are all applied';
$b->act(u => '{"remove":["n"]}');

# A session of more than DjSessionMaxSize.
my $big = 'x' x 7000;
$b->act(u => { set => { one => $big } });
$b->act(u => { set => { three => $big } });
$r = $b->act(u => { set => { two => $big } });
is $r->status, 503, 'D17: too much data for a session is a 503';
is join(',', sort keys %{ $b->data }), 'a,one,text,three',
    'D17: and the old data is intact';
is scalar($r->cookies), 0, 'D17: no cookie is sent for it';
my $w = $s->browser;
$r = $w->act(u => { set => { one => $big } }, u => { set => { two => $big } },
    u => { set => { three => $big } });
is $r->status, 503, 'D17: so it is for a session that would be new';
is $w->session_key, undef, 'D17: which is not made';

# A thousand values.
$b->act(u => { remove => ['one', 'three'] });
$b->act(map { my $from = $_;
    (u => { set => { map { ("k$_" => $_) } $from .. $from + 199 } })
} 1, 201, 401, 601, 801);
is scalar(keys %{ $b->data }), 1002, 'D17: a thousand values in one update';

# Where updates are not allowed the header is taken off all the same.
$b = $s->browser;
$b->act(u => { set => { a => 1 } });
for my $at ('/cgi/act/denied', '/cgi/act/off') {
    $r = $b->act(u => { set => { b => 1 } }, at => $at);
    is $r->status, 200, "D16: $at serves";
    is scalar($r->all('X-DjSession-Update')), 0, "D16: $at does not leak it";
}
is json($b->data), '{"a":1}', 'D16: and it has no effect there';
$r = $b->get('/cgi/act', headers => ['X-DjSession-Update: {"set":{"c":1}}']);
is json($b->data), '{"a":1}', 'D16: a client\'s own header has no effect';
$r = $b->request('TRACE', '/cgi/act',
    headers => ['X-DjSession-Update: {"set":{"c":1}}']);
is json($b->data), '{"a":1}', 'D16: nor has it in a TRACE';
$r = $b->get('/echo');
is scalar($r->all('X-DjSession-Update')), 0,
    'D16: one that mod_headers set does not leave either';

$s->stop;
done_testing;
