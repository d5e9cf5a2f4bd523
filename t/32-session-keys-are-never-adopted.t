# Session fixation: a key that we did not make opens nothing and is never
# taken over; a login or a rotation ends the key before it at once.
# MPMs: event prefork worker
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $s = server(conf => "DjSessionRotateGrace 0s\n", after => <<'END');
<VirtualHost 127.0.0.1:@PORT@>
  ServerName b.test
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
  ServerName c.test
  DjSession On
  DjSessionEnv Data
  DjSessionBackendUpdates On
  DjSessionNamespace localhost
</VirtualHost>
END

# C01
for my $how (qw(set login)) {
    my $fake = some_key(1);
    my $b = $s->browser->other($fake);
    $b->act(u => $how eq 'set' ? { set => { a => 1 } } : { login => '7' });
    my $key = $b->session_key // '';
    like $key, qr/^${\ KEY }$/, "C01: $how with an unknown key makes a session";
    isnt $key, $fake, "C01: under a key of our own";
    is $b->other($fake)->state, 'none', 'C01: the unknown key stays unknown';
}

# C02, with a thief who knows the key from before the login.
my $ada = $s->browser;
$ada->act(u => { set => { cart => 3 } });
my $before = $ada->session_key;
my $thief  = $ada->other($before);
is $thief->data->{cart}, 3, 'C02: before the login the thief sees the cart';
$ada->act(u => { login => 'ada' });
is $ada->data->{cart}, 3, 'C02: the cart survives the login';
is $thief->state, 'none', 'C02: the old key opens nothing';
$thief->act(u => { set => { evil => 1 } });
is $ada->data->{evil}, undef, 'C02: and writes nothing';
isnt $thief->session_key, $before, 'C02: and is not adopted';

# C03: a slow request with the old key beside a rotation.
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my $old = $b->session_key;
my @said = parallel(2, sub ($i) {
    return $b->other($old)->act(touch => 'c03', wait => 'c03go',
        u => { set => { late => 1 } })->status if $i == 1;
    $s->wait_until(sub { -e $s->dir . '/sync/c03' });
    my $r = $b->other($old);
    $r->act(u => { rotate => \1 });
    $s->file('sync/c03go', '');
    return $r->session_key;
});
is live_data($b, $said[1])->{a}, 1, 'C03: the new key has the data';
is $b->other($old)->state, 'none', 'C10: the old key is not revived';

# C04, C05: the data of one user is never the next one's.
$b = $s->browser;
$b->act(u => { login => { id => 'ada', data => { secret => 'Canary1' } } });
$b->act(u => { login => 'bob' });
is $b->data->{secret}, undef, 'C04: bob has nothing of ada';
is join(',', keys %{ $b->data }), '_auth_user_id', 'C04: nothing at all';

# C23: namespaces.
$ada = $s->browser;
$ada->act(u => { set => { a => 1 } });
my $key = $ada->session_key;
is $s->browser(host => 'b.test')->other($key)->state, 'none',
    'C23: unknown in another namespace of the same store';
is $s->browser(host => 'c.test')->other($key)->data->{a}, 1,
    'C23: known where the namespace is shared';
$s->browser(host => 'b.test')->other($key)->act(u => { flush => \1 });
is $ada->data->{a}, 1, 'C23: and not to be ended from another namespace';

# C06: what is never made: a session without a key, or one for an empty one.
for my $cookie ('sessionid=', 'sessionid=""') {
    my $r = $s->browser->act(u => { flush => \1 }, cookie => $cookie);
    is $r->status, 200, "C06: flush with $cookie";
    is scalar(grep { !/Max-Age=0/ } $r->cookies), 0, 'C06: makes nothing';
}

# C19: the answer to a rotation is lost: the visitor is anonymous, no loop.
$b = $s->browser;
$b->act(u => { set => { a => 1 } });
$old = $b->session_key;
$b->other($old)->act(u => { rotate => \1 });
$s->expects(qr/DJS215/);
is $b->state, 'none', 'C19: without grace the old key is nobody';
$b->act(u => { set => { a => 2 } });
is $b->data->{a}, 2, 'C19: and the next write begins anew';

$s->stop;
done_testing;
