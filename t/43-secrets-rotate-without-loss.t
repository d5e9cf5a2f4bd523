# The first secret seals, the others only open: changing secrets loses no
# session as long as the old file is still listed.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(loglevel => 'info', conf => counter_pages(),
    secret => 'DjSessionSecretFile @STATE@/secret.key');
$s->file('htdocs/count', '');
$s->make_secret($s->state . '/new.key');
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my ($key, $idle) = ($b->session_key, $s->browser);
$idle->act(u => { set => { idle => 1 } });

sub secrets (@names) {
    $s->{o}{secret} = join ' ', 'DjSessionSecretFile',
        map { "\@STATE\@/$_.key" } @names;
    $s->write_configuration;
    return $s->restart;
}

# G11: rotation and graceful restarts with visitors about.
my @said = parallel(4, sub ($i) {
    if ($i == 1) {
        return join ' ', map { secrets(@$_) ? 'ok' : 'stuck' }
            ['new', 'secret'], ['secret', 'new'], ['new', 'secret'];
    }
    my $v = $s->browser;
    my $n = 0;
    my @wrong;
    for (1 .. 200) {
        my $r = $v->get('/count');
        push @wrong, $r->status if $r->status != 200;
        $n++ if $r->status == 200;
    }
    my $have = counted($v) // 'none';
    return "@wrong" . ($have eq $n ? '' : " has $have of $n");
});
is shift @said, 'ok ok ok', 'G11: three restarts with other secrets';
is join('|', @said), '||', 'G11: nobody notices';

# G10: what the old secret sealed is read, and moves with its next save.
is $b->data->{a}, 1, 'G10: sealed with the old, opened with both';
$b->act(u => { set => { b => 2 } });
is json($b->data), '{"a":1,"b":2}', 'G10: changed under the new';
is $b->session_key, $key, 'G10: with the same cookie';
ok secrets('new'), 'G10: the old secret is taken out';
is json($b->data), '{"a":1,"b":2}', 'G10: what was saved since is there';
is $idle->state, 'none', 'G10: what was not is unknown now';
$idle->act(u => { set => { fresh => 1 } });
is json($idle->data), '{"fresh":1}', 'G10: and begins anew';
$b->act(u => { flush => \1 });
is live_data($b, $key), undef, 'G10: a logout ends it for good';
ok secrets('new', 'secret'), 'G10: also with the old secret back';
is live_data($b, $key), undef, 'G10: nothing under the old secret revives it';

$s->allows(qr/\[cgid:error\]/);
$s->stop;

# G12: many secrets.
my $many = DjSession::Server->prepare(loglevel => 'warn');
$many->make_secret($many->state . "/k$_.key") for 1 .. 40;
$many->{o}{secret} = join ' ', 'DjSessionSecretFile',
    map { "\@STATE\@/k$_.key" } 1 .. 40;
my $why = $many->launch;
if (defined $why) {
    like $why, qr/DjSessionSecretFile/, 'G12: forty files are refused by name';
}
else {
    is $many->browser->act(u => { set => { a => 1 } })->cookies, 1,
        'G12: forty files work';
    $many->kill_now;
}

done_testing;
