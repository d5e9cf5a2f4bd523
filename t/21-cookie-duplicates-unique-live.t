# Several cookies of our name: exactly one live session counts, whatever the
# order; otherwise there is no session, and nothing is deleted or minted.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server();
my ($ada, $bob) = ($s->browser, $s->browser);
$ada->act(u => { set => { who => 'ada' } });
$bob->act(u => { set => { who => 'bob' } });
my ($A, $B) = ($ada->session_key, $bob->session_key);

# What a request with this Cookie sees, and that the answer leaves cookies be.
sub sees ($cookie, $what, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $r = $ada->other->get('/cgi/act', cookie => $cookie);
    my $data = $r->data;
    is $data ? $data->{who} : $r->env->{DJSESSION_STATE}, $what, $name;
    is scalar($r->cookies), 0, "$name, and no Set-Cookie";
    return;
}

sees("sessionid=$A; sessionid=$B", 'none', 'A03: two live keys');
sees("sessionid=$B; sessionid=$A", 'none', 'A03: the other way round');
is live_data($ada, $A)->{who}, 'ada', 'A03: the first is still there';
is live_data($ada, $B)->{who}, 'bob', 'A03: and so is the second';
my $before = () = $s->log =~ /\[djsession:/g;
sees("sessionid=$A; sessionid=$B", 'none', 'A03: once more');
my @told = $s->log =~ /\[djsession:(?!trace)\w+\][^\n]*(?:live|ambig|two)[^\n]*/g;
ok scalar(@told), 'A03: the log tells of it';

for my $n (1 .. 3) {
    my @dead = map { 'sessionid=' . some_key($_) } 1 .. $n;
    sees(join('; ', "sessionid=$A", @dead), 'ada',
        "A06: live first, $n dead behind");
    sees(join('; ', @dead, "sessionid=$A"), 'ada',
        "A06: $n dead first, live behind");
}
sees('sessionid=' . some_key(1) . '; sessionid=' . some_key(2), 'none',
    'A06: two dead keys');

for my $n (4, 99, 180) {
    my $line = join '; ', "sessionid=$A",
        map { 'sessionid=' . some_key($_) } 1 .. $n;
    sees($line, 'none', 'A07: ' . ($n + 1) . ' different keys');
}
$s->break_store;
my $r = $ada->get('/cgi/act', cookie => join '; ',
    map { 'sessionid=' . some_key($_) } 1 .. 5);
is $r->status, 200, 'A07: more than four are not looked up at all';
$r = $ada->get('/cgi/act', cookie => 'sessionid=x; sessionid="' . $A . '"');
is $r->status, 200, 'A05: junk is not looked up';
$s->mend_store;

# Quotes do not hide a candidate, and do not make one count more.
my $dead = some_key(7);
sees("foo=\"a, sessionid=$B\"; sessionid=$A", 'ada',
    'A10: inside quotes it ends with a quote: junk');
sees("foo=\"a, sessionid=$B, b\"; sessionid=$A", 'none',
    'A10: a live one inside quotes is a duplicate like others');
sees("foo=\"a, sessionid=$dead, b\"; sessionid=$A", 'ada',
    'A10: a dead one inside quotes is a duplicate like others');
sees("\$Version=1; foo=\"x; sessionid=$B; y\"; sessionid=$A", 'none',
    'A12: a semicolon splits, quotes or not');
sees("foo=\"x\\; sessionid=$B; \"; sessionid=$A", 'none',
    'A12: so it does behind a backslash');

# A write in such a request: nothing of theirs is touched, nothing adopted.
my $writer = $ada->other;
$r = $writer->act(u => { set => { who => 'eve' } },
    cookie => "sessionid=$A; sessionid=$B");
is live_data($ada, $A)->{who}, 'ada', 'A03: a write reaches neither: first';
is live_data($ada, $B)->{who}, 'bob', 'A03: a write reaches neither: second';
isnt $writer->session_key // '', $A, 'A03: and the first key is not re-sent';

$s->stop;
done_testing;
