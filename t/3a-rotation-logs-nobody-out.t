# A key that is replaced leads to its successor for a grace, so that requests
# under way go on and a lost response costs nobody the session; after that it
# is the sign of a theft. A login leaves nothing of the key before it.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes qw(sleep time);

my $s = server(loglevel => 'info', conf => <<'END');
DjSessionRotateGrace 2s
<Location /cgi/act/due>
  DjSessionRotate 1s
</Location>
<Location /due>
  DjSessionRotate 1s
  DjSessionEnv Off
  DjSessionBackendUpdates Off
</Location>
<Location /cgi/act/flush>
  DjSessionReplay Flush
</Location>
<Location /cgi/act/short>
  DjSessionAbsoluteTimeout 2s
  DjSessionRenew EveryRequest
</Location>
END
$s->file('htdocs/due/index.html', "due\n");

sub born (%o) {
    my $b = $s->browser;
    $b->act(u => { set => { n => 0 }, %o });
    return $b;
}

# C03: asked for.
my $b = born();
my $old = $b->session_key;
my $created = $b->get('/cgi/act')->env->{DJSESSION_CREATED};
my $r = $b->act(u => { rotate => \1, set => { n => 1 } });
my $new = $b->session_key;
isnt $new, $old, 'C03: a rotation changes the key';
is $b->data->{n}, 1, 'C03: and keeps the data';
is $b->get('/cgi/act')->env->{DJSESSION_CREATED}, $created,
    'C03: and the time of birth';
my $late = $b->other($old);
is $late->data->{n}, 1, 'C19: within the grace the old key still leads there';
is $late->session_key, $new, 'C19: and the browser is told the new one';
$late = $b->other($old);
is $late->act(u => { incr => { n => 1 } })->status, 200,
    'L05: a change that comes under the old key';
is $b->data->{n}, 2, 'L05: is made to the session';
is $late->session_key, $new, 'and its response has the new key';

# Both keys at once are one session.
$r = $b->get('/cgi/act', cookie => "sessionid=$old; sessionid=$new");
is $r->data->{n}, 2, 'A06: old and new key together are one session';

# A logout under the old key ends the session.
my $c = born();
my $before = $c->session_key;
$c->act(u => { rotate => \1 });
my $after = $c->session_key;
is $c->other($before)->act(u => { flush => \1 })->status, 200,
    'C10: a logout under the old key';
is live_data($c, $after), undef, 'C10: ends the session under the new one';
is live_data($c, $before), undef, 'C10: and the old key leads nowhere';

# C02: a login leaves nothing behind.
my $d = born();
my $guest = $d->session_key;
$d->act(u => { login => 'ada' });
isnt $d->session_key, $guest, 'C02: a login changes the key';
is live_data($d, $guest), undef, 'C02: the old one opens nothing, at once';
is $d->other($guest)->act(u => { incr => { n => 5 } })->status, 200,
    'C02: nor does a save under it';
is $d->data->{n}, 0, 'C02: reach the session';

# C18: due by time, twenty requests at once.
my $e = born();
my $due = $e->session_key;
sleep 1.1;
my @said = parallel(20, sub ($i) {
    my $v = $e->other($due);
    my $r = $i % 2 ? $v->get('/due/') : $v->get('/cgi/act/due');
    return join ' ', $r->status, map { /sessionid=(\w+)/ } $r->cookies;
});
is scalar(grep { /^200/ } @said), 20, 'C18: twenty parallel requests succeed';
my %successor = map { (split)[1] // 'none' => 1 } @said;
delete $successor{none};
is scalar(keys %successor), 1, 'C18: there is exactly one successor';
my ($heir) = keys %successor;
isnt $heir, $due, 'C18: which is a new key';
is $e->other($heir)->data->{n}, 0, 'C18: that has the data';
is $e->other($heir)->get('/due/')->varies ? 1 : 0, 0,
    'F02: merely rotated: no Vary';

# After the grace.
sleep 2.1;
my $stale = $e->other($due);
is $stale->data, undef, 'C18: the old key is dead after the grace';
is $stale->session_key, $due, 'B11: and no cookie is touched';
like $s->log, qr/DJS215: the key of session [0-9a-f]{12} was sent again/,
    'C18: it is warned of';
is $e->other($heir)->data->{n}, 0, 'C18: Log: the session goes on';
$stale->data;
is scalar(() = $s->log =~ /DJS215/g), 1, 'K04: once for each key';

# Flush.
my $f = born();
my $stolen = $f->session_key;
$f->act(u => { rotate => \1 });
$f->act(u => { rotate => \1 });
sleep 2.1;
is $f->data->{n}, 0, 'the owner goes on';
is $f->other($stolen)->get('/cgi/act/flush')->env->{DJSESSION_STATE}, 'none',
    'a key sent after its grace opens nothing';
is $f->data, undef, 'Flush: and ends the session that it led to, two keys on';
like $s->log, qr/DJS215: .*ended session [0-9a-f]{12}/, 'which the log says';

# C17: the absolute limit.
my $g = $s->browser;
my $t = time;
$r = $g->act(u => { set => { n => 1 } }, at => '/cgi/act/short');
my ($age) = ($r->cookies)[0] =~ /Max-Age=(\d+)/;
cmp_ok $age, '<=', 2, 'B12: Max-Age is no longer than the absolute limit';
$r = $g->act(u => { expiry => 3600 }, at => '/cgi/act/short');
($age) = ($r->cookies)[0] =~ /Max-Age=(\d+)/;
cmp_ok $age, '<=', 2, 'B12: nor with an expiry of its own';
while (time - $t < 1.6) {
    is $g->get('/cgi/act/short')->env->{DJSESSION_STATE}, 'live',
        'C17: it lives, and is renewed';
    sleep 0.4;
}
sleep 2.1 - (time - $t);
is $g->get('/cgi/act/short')->env->{DJSESSION_STATE}, 'none',
    'C17: at the limit it is dead, however much it was used';

# A key that rotates within its grace is what this file is about.
$s->expects(qr/DJS215/, qr/DJS006: with DjSessionRotateGrace/);
$s->stop;
done_testing;
