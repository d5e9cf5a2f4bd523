# DjSession::Shared - tests of sessions that Django and httpd share, whatever
# keeps them: `$django` is a DjSession::Django, `$s` the httpd, with a page
# /inside.html for users and /renewed.html that renews.
package DjSession::Shared;
use v5.36;
use Exporter qw(import);
use DjSession::Test;

our @EXPORT = qw(site_key site_pages reads_and_writes changes_at_once in_turn
    keys_come_and_go dies_in_time only_the_site_may);

# A file with the site's key; where it lies.
sub site_key ($dir, $secret) {
    open my $key, '>', "$dir/key" or die "$dir/key: $!";
    print {$key} "$secret\n";
    close $key;
    chmod 0600, "$dir/key";
    return "$dir/key";
}

# What such a server has in its configuration; site_pages($s) makes the files.
sub site_pages ($s = undef) {
    if (defined $s) {
        $s->file("htdocs/$_.html", "$_\n") for qw(inside renewed);
    }
    return <<'END';
<Location /inside.html>
  AuthType DjSession
  Require djsession-user *
</Location>
<Location /renewed.html>
  DjSessionRenew EveryRequest
</Location>
END
}

# Both see what the other one does; the browser that has the session.
sub reads_and_writes ($name, $django, $s) {
    my $K = $django->make({ _auth_user_id => '7', cart => [1, 2],
        "\x{e9}" => "\x{20ac}" });
    $s->canary($K);
    my $b = $s->browser(jar => { sessionid => $K });
    is $b->get('/inside.html')->status, 200,
        "H35: $name: who logged in at Django is in";
    is $s->browser->get('/inside.html')->status, 401, "$name: and nobody else";
    is json($b->data), json({ _auth_user_id => '7', cart => [1, 2],
        "\x{e9}" => "\x{20ac}" }), "H35: $name: its data is here as there";
    is scalar($b->get('/index.html')->cookies), 0,
        "$name: use renews nothing: DjSessionRenew is Off with such a store";
    is $b->act(u => { set => { here => 'x' }, incr => { n => 2 } })->status,
        200, "$name: httpd changes it";
    is json($django->load($K)), json({ _auth_user_id => '7', cart => [1, 2],
        here => 'x', n => 2, "\x{e9}" => "\x{20ac}" }),
        "H35: $name: and Django sees that";
    $django->update($K, { there => JSON::PP::true });
    is $b->data->{there}, 1, "H35: $name: and the other way round";
    is scalar($b->get('/renewed.html')->cookies), 1,
        "$name: a renewal sends the cookie";
    is $django->load($K)->{n}, 2, "$name: and leaves the data";
    return $b;
}

# Parallel requests merge.
sub changes_at_once ($name, $s, $b) {
    my $K = $b->session_key;
    $b->act(u => { set => { n => 2 } });
    parallel(6, sub ($i) {
        my $v = $b->other($K);
        return join ' ', grep { $_ != 200 }
            map { $v->act(u => { incr => { n => 1 } })->status } 1 .. 20;
    });
    return is $b->data->{n}, 122,
        "$name: no change of parallel requests is lost";
}

# Changes on both sides in turn.
sub in_turn ($name, $django, $b, $rounds) {
    my $wrong = 0;
    for my $i (1 .. $rounds) {
        $b->act(u => { set => { turn => $i } });
        my $seen = $django->load($b->session_key);
        $wrong++ if ($seen->{turn} // 0) != $i;
        $b->{jar}{sessionid} =
            $django->update($b->session_key, { turn => -$i });
        $wrong++ if $b->data->{turn} != -$i;
    }
    return is $wrong, 0, "H35: $name: $rounds changes on each side, in turn";
}

# Keys are cycled, born and ended.
sub keys_come_and_go ($name, $django, $s, $b) {
    my $old = $b->session_key;
    is $b->act(u => { rotate => \1 })->status, 200, "$name: a new key";
    my $new = $b->session_key;
    $s->canary($new);
    isnt $new, $old, "$name: is another one";
    is $django->load($old), undef, "$name: the old one is gone at Django, too";
    is $django->load($new)->{n}, 122, "$name: the data are under the new one";
    is $b->get('/inside.html')->status, 200, "$name: and the user still in";
    my $thief = $s->browser(jar => { sessionid => some_key() });
    is $thief->act(u => { set => { a => 1 } })->status, 200,
        "C01: $name: an unknown key";
    isnt $thief->session_key, some_key(), "C01: $name: is never adopted";
    is json($django->load($thief->session_key)), '{"a":1}',
        "$name: what is born here Django can read";
    $s->canary($thief->session_key);
    $django->delete($new);
    is $b->other($new)->get('/inside.html')->status, 401,
        "$name: a logout at Django ends it here at once";
    my $L = $django->make({ _auth_user_id => '8' });
    $s->canary($L);
    my $ada = $s->browser(jar => { sessionid => $L });
    is $ada->act(u => { flush => \1 })->status, 200, "$name: a logout here";
    return is $django->load($L), undef, "$name: ends it at Django";
}

sub dies_in_time ($name, $django, $s) {
    my $E = $django->make({ _auth_user_id => '9', _session_expiry => 2 });
    $s->canary($E);
    my $eve = $s->browser(jar => { sessionid => $E });
    is $eve->get('/inside.html')->status, 200, "$name: two seconds of life";
    return ok $s->wait_until(sub { $eve->get('/inside.html')->status == 401 },
        4), "$name: are over";
}

sub only_the_site_may ($name, $django, $s) {
    my $M = $django->make({ _auth_user_id => '10' });
    $s->canary($M);
    my $b = $s->browser(jar => { sessionid => $M });
    $s->expects(qr/DJS209.*Django site alone/);
    is $b->act(u => { login => '1' })->status, 500,
        "$name: a login is for Django to do";
    return $b;
}

1;
