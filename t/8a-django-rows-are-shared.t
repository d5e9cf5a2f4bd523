# DjSessionStore django-db: the sessions of a Django site's db engine, rows of
# its own database: SQLite, PostgreSQL and MariaDB. Django makes, changes and
# ends them, httpd reads, guards by, changes and ends the very same ones.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use DjSession::Database;
use DjSession::Django;
use File::Temp ();
use Time::HiRes qw(sleep time);

my $python = DjSession::Django->python;
plan skip_all => "no Django for $python"
    if system("$python -c 'import django' 2>/dev/null") != 0;

my $SECRET = 'a site of its own: key number two 0123456789';
my $site = File::Temp->newdir('djs-XXXXXX', TMPDIR => 1);
chmod 0755, "$site";
open my $key, '>', "$site/key" or die "$site/key: $!";
print {$key} "$SECRET\n";
close $key;
chmod 0600, "$site/key";
my $ROUNDS = $ENV{DJS_ROUNDS} // 100; # changes on both sides in turn

# An httpd and a Django on the same database.
sub both ($kind, %o) {
    my $db = $o{db} // DjSession::Database->start($kind);
    my $django = DjSession::Django->start(db => { SECRET_KEY => $SECRET,
        DATABASES => { default => $db->for_django }, %{ $o{settings} // {} } },
        $o{place} // '');
    $django->ask('migrate');
    if ($kind eq 'sqlite' && $> == 0) {
        chown +(getpwnam 'www-data')[2, 3], $db->dir . '/site.sqlite';
    }
    my $s = server(store => "DjSessionStore django-db: " . ($o{options} // ''),
        loglevel => 'info', modules => ['authz_user', 'dbd'],
        conf => $db->directives . <<"END");
DjSessionStoreTimeout 5s
DjSessionDjangoSecretFile $site/key
<Location /inside.html>
  AuthType DjSession
  Require djsession-user *
</Location>
<Location /renewed.html>
  DjSessionRenew EveryRequest
</Location>
END
    $s->canary($SECRET);
    $s->file('htdocs/inside.html', "inside\n");
    $s->file('htdocs/renewed.html', "renewed\n");
    return ($db, $django, $s);
}

sub expires ($django, $K) {
    return $django->ask(sql => 'SELECT expire_date FROM django_session'
        . " WHERE session_key = '$K'") =~ s/^\[\[|\]\]$//gr;
}

# Both sides see what the other one does.
sub reads_and_writes ($kind, $django, $s) {
    my $K = $django->make({ _auth_user_id => '7', cart => [1, 2],
        "\x{e9}" => "\x{20ac}" });
    $s->canary($K);
    my $b = $s->browser(jar => { sessionid => $K });
    is $b->get('/inside.html')->status, 200,
        "H35: $kind: who logged in at Django is in";
    is $s->browser->get('/inside.html')->status, 401, "$kind: and nobody else";
    is json($b->data), json({ _auth_user_id => '7', cart => [1, 2],
        "\x{e9}" => "\x{20ac}" }), "H35: $kind: its data is here as there";
    my $before = expires($django, $K);
    is scalar($b->get('/index.html')->cookies), 0,
        "$kind: use renews nothing: DjSessionRenew is Off with such a store";
    is expires($django, $K), $before, "$kind: its end is what it was";

    is $b->act(u => { set => { here => 'x' }, incr => { n => 2 } })->status,
        200, "$kind: httpd changes it";
    is json($django->load($K)), json({ _auth_user_id => '7', cart => [1, 2],
        here => 'x', n => 2, "\x{e9}" => "\x{20ac}" }),
        "H35: $kind: and Django sees that";
    isnt expires($django, $K), $before, "$kind: with a new end, as a save has";
    $django->update($K, { there => JSON::PP::true });
    is $b->data->{there}, 1, "H35: $kind: and the other way round";

    $before = expires($django, $K);
    my $text = $django->ask(sql => 'SELECT session_data FROM django_session');
    is scalar($b->get('/renewed.html')->cookies), 1,
        "$kind: a renewal sends the cookie";
    isnt expires($django, $K), $before, "$kind: and gives the row a new end";
    is $django->ask(sql => 'SELECT session_data FROM django_session'), $text,
        "$kind: its data are not written again";

    parallel(6, sub ($i) {
        my $v = $b->other($K);
        return join ' ', grep { $_ != 200 }
            map { $v->act(u => { incr => { n => 1 } })->status } 1 .. 20;
    });
    is $b->data->{n}, 122, "$kind: no change of parallel requests is lost";

    return $b;
}

sub in_turn ($kind, $django, $b) {
    my $K = $b->session_key;
    my $wrong = 0;
    for my $i (1 .. $ROUNDS) {
        $b->act(u => { set => { turn => $i } });
        my $seen = $django->load($K);
        $wrong++ if ($seen->{turn} // 0) != $i;
        $django->update($K, { turn => -$i });
        $wrong++ if $b->data->{turn} != -$i;
    }
    return is $wrong, 0, "H35: $kind: $ROUNDS changes on each side, in turn";
}

# Keys are cycled, born and ended.
sub keys_come_and_go ($kind, $django, $s, $b) {
    my $old = $b->session_key;
    is $b->act(u => { rotate => \1 })->status, 200, "$kind: a new key";
    my $new = $b->session_key;
    $s->canary($new);
    isnt $new, $old, "$kind: is another one";
    is $django->load($old), undef, "$kind: the old one is gone at Django, too";
    is $django->load($new)->{n}, 122, "$kind: the data are under the new one";
    is $b->get('/inside.html')->status, 200, "$kind: and the user still in";
    my $thief = $s->browser(jar => { sessionid => some_key() });
    is $thief->act(u => { set => { a => 1 } })->status, 200,
        "C01: $kind: an unknown key";
    isnt $thief->session_key, some_key(), "C01: $kind: is never adopted";
    is json($django->load($thief->session_key)), '{"a":1}',
        "$kind: what is born here Django can read";
    $s->canary($thief->session_key);
    $django->delete($new);
    is $b->other($new)->get('/inside.html')->status, 401,
        "$kind: a logout at Django ends it here at once";
    my $L = $django->make({ _auth_user_id => '8' });
    $s->canary($L);
    my $ada = $s->browser(jar => { sessionid => $L });
    is $ada->act(u => { flush => \1 })->status, 200, "$kind: a logout here";
    return is $django->load($L), undef, "$kind: ends it at Django";
}

sub no_session ($kind, $django, $s) {
    # Whose end is past, by microseconds and time zones.
    my $E = $django->make({ _auth_user_id => '9', _session_expiry => 2 });
    $s->canary($E);
    my $eve = $s->browser(jar => { sessionid => $E });
    is $eve->get('/inside.html')->status, 200, "$kind: two seconds of life";
    sleep 2.1;
    is $eve->get('/inside.html')->status, 401, "$kind: are over";

    # What the site has not signed, and what only the site may do.
    my $M = $django->make({ _auth_user_id => '10' });
    $s->canary($M);
    my $forged = $s->browser(jar => { sessionid => $M });
    $s->expects(qr/DJS209.*Django site alone/);
    is $forged->act(u => { login => '1' })->status, 500,
        "$kind: a login is for Django to do";
    $s->expects(qr/DJS219/);
    $django->ask(sql => 'UPDATE django_session SET session_data ='
        . " 'it''s:1r31eq:nothing' WHERE session_key = '$M'");
    is $forged->get('/inside.html')->status, 401,
        "H13: $kind: what the site has not signed is no session";

    # Signed, and no object: unreadable, and left as it is.
    my $N = $django->ask('odd');
    $s->canary($N);
    my $odd = $s->browser(jar => { sessionid => $N });
    my $row = "SELECT session_data FROM django_session WHERE session_key = '$N'";
    my $text = $django->ask(sql => $row);
    $s->expects(qr/DJS203/, qr/DJS206/);
    is $odd->act(u => { set => { a => 1 } })->status, 503,
        "H34: $kind: what can not be read is not written";
    return is $django->ask(sql => $row), $text, "H34: $kind: it is as it was";
}

# A database that goes away and comes back.
sub comes_and_goes ($db, $django, $s) {
    my $kind = $db->{kind};
    my $K = $django->make({ _auth_user_id => '7' });
    $s->canary($K);
    my $b = $s->browser(jar => { sessionid => $K });
    is $b->get('/inside.html')->status, 200, "$kind: before the trouble";
    $s->expects(qr/DJS101/, qr/DJS221/);
    $s->allows(qr/\[dbd:/, qr/DJS209/, qr/DJS10/);
    $db->kill_now;
    is $b->get('/inside.html')->status, 503,
        "J14: $kind: without its database nobody is logged out";
    is $b->act(u => { set => { a => 1 } })->status, 503,
        "$kind: and no change is said to be saved";
    $db->again;
    ok $s->wait_until(sub { $b->get('/inside.html')->status == 200 }, 10),
        "J14: $kind: it is back, and so is he";
    return;
}

for my $kind (DjSession::Database->kinds) {
    SKIP: {
        my $lacks = DjSession::Database->lacks($kind);
        skip "$kind: $lacks", 1 if $lacks;
        my ($db, $django, $s) = both($kind);
        my $b = reads_and_writes($kind, $django, $s);
        in_turn($kind, $django, $b);
        keys_come_and_go($kind, $django, $s, $b);
        no_session($kind, $django, $s);
        comes_and_goes($db, $django, $s) if $kind ne "sqlite";
        $s->stop;
        $django->stop;
    }
}
done_testing;
