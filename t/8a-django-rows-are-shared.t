# DjSessionStore django-db: the sessions of a Django site's db engine, rows of
# its own database: SQLite, PostgreSQL and MariaDB. Django makes, changes and
# ends them, httpd reads, guards by, changes and ends the very same ones (H35).
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;
use DjSession::Database;
use DjSession::Django;
use DjSession::Shared;
use File::Temp ();
use MIME::Base64 qw(encode_base64);

my $python = DjSession::Django->python;
plan skip_all => "no Django for $python"
    if system("$python -c 'import django' 2>/dev/null") != 0;

my $SECRET = 'a site of its own: key number two 0123456789';
my $site = File::Temp->newdir('djs-XXXXXX', TMPDIR => 1);
chmod 0755, "$site";
my $key = site_key("$site", $SECRET);

my $USERS = <<'END';
DjSessionDjangoUserQuery "SELECT password, is_active FROM auth_user WHERE id = %d"
DjSessionDjangoLoginQuery "SELECT password, is_active FROM auth_user WHERE username = %s"
<Location /basic.html>
  AuthType Basic
  AuthName site
  AuthBasicProvider djsession-django
  Require valid-user
</Location>
END

# An httpd and a Django on the same database.
sub both ($kind, %o) {
    my $db = $o{db};
    my $django = DjSession::Django->start(db => { SECRET_KEY => $SECRET,
        DATABASES => { default => $db->for_django }, %{ $o{settings} // {} } },
        $o{place} // '');
    $django->ask('migrate');
    $db->give_away;
    my $s = server(store => 'DjSessionStore django-db: ' . ($o{options} // ''),
        loglevel => 'info', modules => ['authz_user', 'auth_basic', 'dbd'],
        conf => $db->directives . site_pages() . ($o{conf} // '') . <<"END");
DjSessionStoreTimeout 5s
DjSessionDjangoSecretFile $key
END
    $s->canary($SECRET);
    site_pages($s);
    return ($db, $django, $s);
}

sub column ($django, $column, $K) {
    return $django->ask(sql => "SELECT $column FROM django_session"
        . " WHERE session_key = '$K'") =~ s/^\[\[|\]\]$//gr;
}

# The end of a row is what its last save or renewal says.
sub rows_end ($kind, $django, $b) {
    my $K = $b->session_key;
    my ($end, $text) = map { column($django, $_, $K) }
        qw(expire_date session_data);
    $b->get('/index.html');
    is column($django, 'expire_date', $K), $end,
        "$kind: use leaves its end as it is";
    $b->get('/renewed.html');
    isnt column($django, 'expire_date', $K), $end,
        "$kind: a renewal gives the row a new end";
    is column($django, 'session_data', $K), $text,
        "$kind: its data are not written again";
    $end = column($django, 'expire_date', $K);
    $b->act(u => { set => { later => 1 } });
    return isnt column($django, 'expire_date', $K), $end,
        "$kind: a change does, too";
}

sub no_session ($kind, $django, $s) {
    my $b = only_the_site_may($kind, $django, $s);
    my $M = $b->session_key;
    $s->expects(qr/DJS219/);
    $django->ask(sql => 'UPDATE django_session SET session_data ='
        . " 'it''s:1r31eq:nothing' WHERE session_key = '$M'");
    is $b->get('/inside.html')->status, 401,
        "H13: $kind: what the site has not signed is no session";

    # Signed, and no object: unreadable, and left as it is.
    my $N = $django->ask('odd');
    $s->canary($N);
    my $odd = $s->browser(jar => { sessionid => $N });
    my $text = column($django, 'session_data', $N);
    $s->expects(qr/DJS203/, qr/DJS206/);
    is $odd->act(u => { set => { a => 1 } })->status, 503,
        "H34: $kind: what can not be read is not written";
    return is column($django, 'session_data', $N), $text,
        "H34: $kind: it is as it was";
}

# A database that goes away and comes back.
sub comes_and_goes ($kind, $db, $django, $s) {
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
    return ok $s->wait_until(
        sub { $b->get('/inside.html')->status == 200 }, 10),
        "J14: $kind: it is back, and so is he";
}

# Connections that break while the database is there.
sub connections_break ($kind, $db, $s, $b) {
    $s->allows(qr/DJS221/);
    for my $time ('once', 'again') {
        $db->cut;
        is $b->get('/inside.html')->status, 200,
            "J14: $kind: a broken connection logs nobody out ($time)";
        $db->cut;
        is basic($s, 'ada:wander'), 200,
            "J14: $kind: nor does it hide who may come in ($time)";
        is basic($s, 'ada:wonder'), 401, "$kind: and who may not ($time)";
    }
    return;
}

# Logins are compared with the table of users, and passwords with its hashes.
sub users_are_checked ($kind, $db, $place) {
    my (undef, $django, $s) = both($kind, db => $db, conf => $USERS,
        place => $place);
    $s->file('htdocs/basic.html', "basic\n");
    my $id = $django->ask(user => 'ada', 'wonder');
    my $K = $django->make({ _auth_user_id => $id, _auth_user_backend => 'b',
        _auth_user_hash => $django->ask(hash => 'ada') });
    $s->canary($K);
    my $b = $s->browser(jar => { sessionid => $K });
    is $b->get('/inside.html')->status, 200, "$kind: a login that is good";
    $django->ask(active => 'ada', '0');
    is $b->get('/inside.html')->status, 401, "$kind: she is blocked";
    $django->ask(active => 'ada', '1');
    is $b->get('/inside.html')->status, 200, "$kind: and let in again";
    $s->allows(qr/DJS222/);
    is basic($s, 'ada:wonder'), 200, "$kind: her password by AuthType Basic";
    is basic($s, 'ada:wander'), 401, "$kind: another one";
    $django->ask(user => 'ada', 'wander');
    is $b->get('/inside.html')->status, 401, "$kind: a changed password";
    is basic($s, 'ada:wonder'), 401, "$kind: of which the old one is none";
    $K = $django->make({ _auth_user_id => $id, _auth_user_backend => 'b',
        _auth_user_hash => $django->ask(hash => 'ada') });
    $s->canary($K);
    $b = $s->browser(jar => { sessionid => $K });
    connections_break($kind, $db, $s, $b) if $db->{kind} ne 'sqlite';
    $s->allows(qr/AH01617/);
    $s->stop;
    return $django->stop;
}

# What a query does not find as it should is trouble, and said: not "nobody".
sub wrong_queries ($db, $django) {
    my $id = $django->ask(user => 'eve', 'wonder');
    my $K = $django->make({ _auth_user_id => $id,
        _auth_user_hash => $django->ask(hash => 'eve') });
    my %query = (
        'one column' => [503, 'SELECT password FROM auth_user WHERE id = %d',
            qr/DJS221.*two columns/],
        'columns in another order' => [503,
            'SELECT is_active, password FROM auth_user WHERE id = %d',
            qr/DJS221.*neither true nor false/],
        'another column' => [401, 'SELECT password, is_active FROM auth_user'
            . ' WHERE username = %s', qr/DJS222.*finds nobody.*compare/],
    );
    for my $wrong (sort keys %query) {
        my ($status, $sql, $line) = @{ $query{$wrong} };
        my (undef, $other, $s) = both('sqlite', db => $db,
            conf => "DjSessionDjangoUserQuery \"$sql\"\nLogLevel warn\n");
        $s->canary($K);
        $s->expects($line);
        $s->allows(qr/DJS10/);
        is $s->browser(jar => { sessionid => $K })->get('/inside.html')->status,
            $status, "a query of users with $wrong";
        $s->stop;
        $other->stop;
    }
    return;
}

# A host without sessions has its database for itself, whatever the main server
# asks of its own.
sub hosts_have_databases_of_their_own ($db) {
    my $empty = DjSession::Database->start('sqlite');
    system('sqlite3', $empty->dir . '/site.sqlite',
        "CREATE TABLE u(n, p); INSERT INTO u VALUES('ada', '\$apr1\$x')") == 0
        or return note 'no sqlite3 here';
    $empty->give_away;
    my $s = server(store => '', base => '', modules => ['dbd', 'auth_basic', 'authn_dbd', 'authz_user'],
        global => "DjSessionStore django-db:\n"
            . "DjSessionDjangoSecretFile $key\n"
            . 'DjSessionDjangoUserQuery "SELECT password, is_active FROM'
            . " auth_user WHERE id = %d\"\n",
        conf => $empty->directives . <<'END');
<Location /index.html>
  AuthType Basic
  AuthName own
  AuthBasicProvider dbd
  AuthDBDUserPWQuery "SELECT p FROM u WHERE n = %s"
  Require valid-user
</Location>
END
    $s->allows(qr/DJS005/, qr/AH0161[78]/);
    my $status = $s->browser->get('/index.html', headers =>
        ['Authorization: Basic ' . encode_base64('ada:x', '')])->status;
    isnt $status, 500, "a host's own database is asked for its own users";
    unlike $s->log, qr/AH0063[236]|auth_user/,
        "nothing of another host's database is asked of it ($status)";
    return $s->stop;
}

sub basic ($s, $who) {
    return $s->browser->get('/basic.html',
        headers => ['Authorization: Basic ' . encode_base64($who, '')])->status;
}

sub queries ($kind, $db, $place) {
    my (undef, $django, $s) = both($kind, db => $db);
    $s->stop;
    wrong_queries($db, $django);
    hosts_have_databases_of_their_own($db);
    return $django->stop;
}

# All that a Django of that version and httpd do to each other's rows.
sub rows_are_shared ($kind, $db, $place) {
    my (undef, $django, $s) = both($kind, db => $db, place => $place);
    my $b = reads_and_writes($kind, $django, $s);
    rows_end($kind, $django, $b);
    changes_at_once($kind, $s, $b);
    in_turn($kind, $django, $b, $ENV{DJS_ROUNDS} // 100);
    keys_come_and_go($kind, $django, $s, $b);
    dies_in_time($kind, $django, $s);
    no_session($kind, $django, $s);
    comes_and_goes($kind, $db, $django, $s)
        if $db->{kind} ne 'sqlite' && !$place;
    $s->stop;
    $django->stop;
    return users_are_checked($kind, $db, $place);
}

# USE_TZ = False: times of the site's own zone, which httpd runs in.
sub local_times ($kind, $db, $place) {
    local $ENV{TZ} = 'Asia/Tokyo';
    my (undef, $django, $s) = both($kind, db => $db, place => $place,
        options => 'timezone=local',
        settings => { USE_TZ => JSON::PP::false, TIME_ZONE => 'Asia/Tokyo' });
    my $b = reads_and_writes("$kind, local times", $django, $s);
    dies_in_time("$kind, local times", $django, $s);
    $s->stop;
    return $django->stop;
}

# A database of that kind, empty, of which the test goes on.
sub with_database ($kind, $name, $do, $place) {
    SKIP: {
        my $lacks = DjSession::Database->lacks($kind);
        skip "$kind: $lacks", 1 if $lacks;
        my $db = eval { DjSession::Database->start($kind) };
        diag "no $kind runs on this machine: $@" if !$db;
        skip "$kind does not run here", 1 if !$db;
        $do->($name, $db, $place);
        $db->kill_now;
    }
    return;
}

# Which Django it is makes no difference to prefork.
my @versions = DjSession::Django->versions;
splice @versions, 1 if ($ENV{DJS_MPM} // '') eq 'prefork';
for my $kind (DjSession::Database->kinds) {
    for (@versions) {
        my ($version, $place) = @$_;
        with_database($kind, "$kind, Django $version", \&rows_are_shared,
            $place);
    }
    with_database($kind, $kind, \&local_times, '');
    with_database($kind, $kind, \&queries, '') if $kind eq 'sqlite';
}
done_testing;
