# With the store in trouble a request is answered 503, or goes on with state
# unavailable: no cookie is touched, nothing is minted, and no lost change is
# reported as success. Time in the store is bounded.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes qw(time sleep);

my $s = server(loglevel => 'info', conf => <<'END');
<Location /cgi/act/on>
  DjSessionOnStoreError Anonymous
</Location>
ErrorDocument 503 /cgi/act
END
my $b = $s->browser;
$b->act(u => { login => { id => 'ada', data => { n => 1 } } });
my $K = $b->session_key;
my $trouble = qr/\[djsession:(?:error|crit|warn)\]/;
my $nobody = $s->browser;

$s->break_store;
my $r = $b->get('/cgi/act');
is $r->status, 503, 'INV5: Deny: 503';
like $r->header('Retry-After') // '', qr/^\d+$/, 'INV5: with Retry-After';
is scalar($r->all('Set-Cookie')), 0, 'INV5: the cookie is left alone';
$r = $b->get('/cgi/act/on');
is $r->status, 200, 'INV5: Anonymous: it goes on';
is $r->env->{DJSESSION_STATE}, 'unavailable', 'INV5: state unavailable';
ok !exists $r->env->{DJSESSION_USER}, 'INV5: without a user';
is scalar($r->all('Set-Cookie')), 0, 'INV5: the cookie is left alone';
for my $u ({ set => { n => 2 } }, { flush => \1 }, { login => 'bob' },
    { rotate => \1 })
{
    $r = $b->other($K)->act(u => $u, at => '/cgi/act/on');
    is $r->status, 503, 'INV8: a change that is lost is no success: '
        . json($u);
    is scalar($r->all('Set-Cookie')), 0, 'INV8: and sets no cookie';
}
$r = $nobody->other->act(u => { set => { n => 2 } });
is $r->status, 503, 'INV8: a new session that can not be stored';
is scalar($r->all('Set-Cookie')), 0, 'INV8: is not promised';
is $nobody->get('/cgi/act')->status, 200, 'A01: who has no cookie is served';
$s->mend_store;
is $b->data->{n}, 1, 'INV5: it is back at once, unchanged';
is $b->get('/cgi/act')->env->{DJSESSION_USER}, 'ada', 'INV5: nobody lost out';
ok $s->wait_until(sub { $b->data; $s->log =~ /DJS102/ }, 5),
    'J14: after a second it is over';
my @lines = grep { /$trouble/ } split /\n/, $s->log;
cmp_ok scalar(@lines), '>=', 1, 'J14: the log tells of the outage';
cmp_ok scalar(@lines), '<=', 3 * ($s->workers + 1),
    'J14: once each child at most, not once a request';
like $s->log, qr/\[djsession:(?:notice|warn|info|error)\][^\n]*(?:again|over|back)/,
    'J14: and of its end';

# J09: somebody holds the record's lock and does not let go.
my ($name) = keys %{ { $s->records } };
sub holder ($seconds) {
    my $pid = fork // die;
    if (!$pid) {
        eval { $s->poke('', 'hold', $name, $seconds) };
        POSIX::_exit(0);
    }
    $s->wait_until(sub {
        DjSession::Server::slurp($s->dir . '/logs/poke.out') =~ /held/ });
    my ($poke) = grep {
        DjSession::Server::slurp("/proc/$_/cmdline") =~ /storepoke.*\Q${\ $s->dir }/s
    } map { m{(\d+)$} } glob '/proc/[0-9]*';
    return ($pid, $poke);
}
my ($pid, $poke) = holder(20);
kill 'STOP', $poke;
my $t = time;
is $b->get('/cgi/act')->status, 503, 'J09: the holder of a lock is stopped';
cmp_ok time - $t, '<', 0.5 + 0.25, 'J09: others give up at the deadline';
cmp_ok time - $t, '>=', 0.45, 'J22: and not before';
$t = time;
is $nobody->get('/cgi/act')->status, 200, 'J09: who needs it not is served';
cmp_ok time - $t, '<', 0.3, 'J09: at once';
kill 'KILL', $poke;
waitpid $pid, 0;
$t = time;
is $b->data->{n}, 1, 'J09: the holder is killed: its lock is free';
cmp_ok time - $t, '<', 0.4, 'J09: at once';

# J09: the lock file is deleted.
unlink $s->storedir . '/lock';
is $b->act(u => { set => { n => 3 } })->status, 503,
    'J09: a deleted lock file is noticed: nobody goes on without it';
ok $s->restart, 'J09: a restart makes it good';
ok $s->wait_until(sub { $b->act(u => { set => { n => 4 } })->status == 200 },
    5), 'J09: and all go on';
is $b->data->{n}, 4, 'J09: with the data as it was';
my @said = parallel(6, sub ($i) {
    my $v = $b->other($K);
    return join '', map { $v->act(u => { incr => { c => 1 } })->status == 200 }
        1 .. 5;
});
my $c = () = "@said" =~ /1/g;
is $b->data->{c}, $c,
    'J09: and all children agree on the new one';

# O12: what the children share is overwritten.
open my $lock, '+<:raw', $s->storedir . '/lock' or die;
print {$lock} join '', map { chr int rand 256 } 1 .. -s $lock;
close $lock;
eval { $b->act(u => { set => { n => 5 } }) } for 1 .. 6;
ok $s->restart, 'O12: the lock file overwritten: a restart makes a new one';
ok $s->wait_until(sub { $b->act(u => { set => { n => 6 } })->status == 200 },
    5), 'O12: and all is well';
is $b->data->{n}, 6, 'O12: with the data that was there';
is $b->data->{c}, $c, 'O12: all of it';

# A child may meet a mutex that is none any more: then glibc ends it.
$s->allows($trouble, qr/AH00052/, qr/assertion|glibc|mutex/i);
$s->stop;

# J14: children that begin while the store can not be opened.
$s = server(loglevel => 'info');
$s->allows($trouble, qr{AH00052});
$b = $s->browser;
$b->act(u => { set => { n => 7 } });
my %old = map { $_ => 1 } $s->workers;
$s->break_store;
kill 'KILL', keys %old;
ok $s->wait_until(sub {
    my @new = $s->workers;
    my $told = () = $s->log =~ /DJS103/g;
    return @new && !(grep { $old{$_} } @new) && $told >= @new;
}), 'J14: all children are new, and none of them could open the store';
is $b->get('/cgi/act')->status, 503, 'J14: they are in trouble';
my @children = $s->workers;
$s->mend_store;
sleep 0.2;
is join(' ', map { $b->other($b->session_key)->get('/cgi/act')->status }
    1 .. 20), '200' . ' 200' x 19,
    'J14: the store is there again, and to them at once, too';
is $b->data->{n}, 7, 'J14: with what is in it';
my %now = map { $_ => 1 } $s->workers;
is scalar(grep { !$now{$_} } @children), 0, 'J14: no child was replaced';
like $s->log, qr/DJS110/, 'J14: they say that they have opened it';
$s->stop;
done_testing;
