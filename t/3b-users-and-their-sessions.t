# All sessions of a user end together when he asks for it, whatever else is
# under way; and he has no more of them than DjSessionMaxPerUser.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use Time::HiRes qw(sleep time);

my $s = server(loglevel => 'info', conf => "DjSessionMaxPerUser 3\n",
    after => <<'END');
<VirtualHost 127.0.0.1:@PORT@>
  ServerName other.example
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
  ScriptAlias /cgi/ "@DIR@/cgi/"
</VirtualHost>
END

sub login ($user, %o) {
    my $b = $s->browser(%o);
    $b->act(u => { login => { id => $user, data => { n => 0 } } });
    return $b;
}
sub user ($b) { return $b->get('/cgi/act')->env->{DJSESSION_USER} // '-' }

# C22
my @ada = map { login('ada') } 1 .. 3;
my $bob = login('bob');
is join(' ', map { user($_) } @ada), 'ada ada ada', 'C22: three are allowed';
push @ada, login('ada');
is join(' ', map { user($_) } @ada), '- ada ada ada',
    'C22: a fourth ends the oldest';
like $s->log, qr/DJS216: .* ended 1 older one of its user/, 'as the log says';
$ada[1]->act(u => { rotate => \1 });
$ada[2]->act(u => { flush => \1 });
push @ada, login('ada');
is join(' ', map { user($_) } @ada), '- ada - ada ada',
    'C22: one that had ended makes room';
push @ada, login('ada');
is join(' ', map { user($_) } @ada), '- - - ada ada ada',
    'C22: a new key does not save an old session';
is user($bob), 'bob', 'C22: other users are not concerned';
$ada[5]->act(u => { login => 'ada' }) for 1 .. 5;
is join(' ', map { user($_) } @ada), '- - - ada ada ada',
    'C22: to log in again in the same session ends nobody';

# C20
my $namesake = login('ada', host => 'other.example');
my $guest = $s->browser;
$guest->act(u => { set => { cart => 1 } });
my $busy = $ada[3];
my @said = parallel(2, sub ($i) {
    return join ' ', map { $_ // '' } $busy->act(touch => 'c20',
        wait => 'c20go', u => { incr => { n => 1 } })->status if $i == 1;
    $s->wait_until(sub { -e $s->dir . '/sync/c20' });
    my $r = $ada[4]->act(u => { logout_everywhere => \1 });
    $s->file('sync/c20go', '');
    return $r->status . ' ' . join ' ', $r->cookies;
});
like $said[1], qr/^200 sessionid="?"?;.*Max-Age=0/,
    'C20: who asks for it is logged out';
is $said[0], 200, 'C20: a request that was under way is answered';
is join(' ', map { user($_) } @ada), '- - - - - -',
    'C20: every session of the user has ended';
is user($bob), 'bob', 'C20: that of another one has not';
is $guest->data->{cart}, 1, 'C20: nor that of somebody without a name';
is user($namesake), 'ada', 'C23: nor those of his namesake elsewhere';
is live_data($busy, $busy->session_key), undef,
    'C20: the change of a request that was under way revives nothing';
like $s->log, qr/DJS210: session [0-9a-f]{12} ended while/,
    'C20: it is dropped, as the log says';
my $again = login('ada');
is user($again), 'ada', 'C20: he may log in again';
is user($again), 'ada', 'and stays so';
$bob->act(u => { incr => { n => 1 } });
is $bob->data->{n}, 1, 'others go on changing their sessions';

# With something set after it, a new session begins.
my $b = login('eve');
my $old = $b->session_key;
my $twin = login('eve');
$b->act(u => { logout_everywhere => \1, set => { seen => 1 } });
isnt $b->session_key, $old, 'what is set behind it begins a new session';
is json($b->data), '{"seen":1}', 'with that alone';
is user($twin), '-', 'and the others have ended';

# Without a user it is a flush.
$guest->act(u => { logout_everywhere => \1 });
is $guest->session_key, undef, 'without a user it ends this session';

# Many at once.
@said = parallel(8, sub ($i) {
    my $v = login("user$i");
    my $w = login("user$i");
    $v->act(u => { logout_everywhere => \1 });
    return user($w) . user(login("user$i"));
});
is join(' ', @said), join(' ', map { "-user$_" } 1 .. 8),
    'L07: revocations at the same time do not get into one another';

$s->stop;
done_testing;
