# DjsBench::Cases - what is measured: a static page alone, with httpd's own
# session modules, with mod_djsession in its various settings, and a page of
# Django's.
#
# All keep the same session: eight members, 300 bytes as JSON, put there by a
# page of send-as-is whose header says so, in the way each module offers, or by
# a view. To add a row, add a line to @CASES.
package DjsBench::Cases;
use strict;
use warnings;
use Carp qw(croak);
use DjsBench::Client;
use DjsBench::Django;
use DjsBench::Server;

my @MEMBERS = (
    [ _auth_user_id      => '42' ],
    [ _auth_user_backend => 'django.contrib.auth.backends.ModelBackend' ],
    [ _auth_user_hash    => '5feceb66ffc86f38d952786c6d696c79' x 2 ],
    [ cart               => 'apple:2,pear:1,plum:7' ],
    [ language           => 'en-gb' ],
    [ last_page          => '/catalogue/fruit?page=3' ],
    [ theme              => 'dark' ],
    [ visits             => '17' ],
);
use constant SESSION_BYTES => 300;

# The members, `theme` made as long as it takes to reach SESSION_BYTES.
sub _members {
    my @members = map { [@$_] } @MEMBERS;
    my $short = SESSION_BYTES - length _json(@members);
    $members[6][1] .= '-' x $short if $short > 0;
    return @members;
}

sub _json {
    return '{' . join(',', map {
        $_->[0] eq 'visits' ? qq("$_->[0]":$_->[1]) : qq("$_->[0]":"$_->[1]")
    } @_) . '}';
}

# The members and their values, as one list.
sub session_members {
    return map { @$_ } _members();
}

# The session as Django and mod_djsession keep it: compact JSON.
sub session_json {
    return _json(_members());
}

# The same members as mod_session keeps them.
sub session_form {
    return join '&', map {
        my ($key, $value) = @$_;
        $value =~ s/([^\w.-])/sprintf '%%%02x', ord $1/ge;
        "$key=$value";
    } _members();
}

# Sessions are on for the whole server: a <Location> would add a walk and a
# merge of httpd's own to every case but the first.
my $PEER = <<'CONF';
LoadModule session_module MODULES/mod_session.so
Session On
SessionEnv On
<Directory "DIR/seed">
    SessionHeader X-Seed
</Directory>
CONF

my $PEER_COOKIE = $PEER . <<'CONF';
LoadModule session_cookie_module MODULES/mod_session_cookie.so
SessionCookieName session path=/
CONF

my $PEER_CRYPTO = $PEER_COOKIE . <<'CONF';
LoadModule session_crypto_module MODULES/mod_session_crypto.so
SessionCryptoDriver openssl
SessionCryptoPassphrase correct-horse-battery-staple
CONF

my $PEER_DBD = $PEER . <<'CONF';
LoadModule dbd_module MODULES/mod_dbd.so
LoadModule session_dbd_module MODULES/mod_session_dbd.so
DBDriver sqlite3
DBDParams DIR/sessions.db
DBDPersist On
DBDPrepareSQL "select value from session where key = %s and \
    (expiry = 0 or expiry > %lld)" selectsession
DBDPrepareSQL "delete from session where key = %s" deletesession
DBDPrepareSQL "insert into session (value, expiry, key) \
    values (%s, %lld, %s)" insertsession
DBDPrepareSQL "update session set value = %s, expiry = %lld, key = %s \
    where key = %s" updatesession
DBDPrepareSQL "delete from session \
    where expiry != 0 and expiry < %lld" cleansession
SessionDBDCookieName session path=/
CONF

# A case may say more; what is said last counts.
my $OURS = <<'CONF';
LoadModule djsession_module MODULE
DjSessionStore dbm:DIR/store type=sdbm
DjSessionSecretFile DIR/secret.key
DjSession On
DjSessionEnv Data
<Directory "DIR/seed">
    DjSessionBackendUpdates On
</Directory>
CONF

my $OURS_MEMCACHED = $OURS
    =~ s/^DjSessionStore .*/DjSessionStore memcache:MEMCACHED/mr;

my $WSGI = <<'CONF';
LoadModule wsgi_module MODULES/mod_wsgi.so
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias /page.txt DIR/app.wsgi
WSGIScriptAlias /django-seed DIR/app.wsgi
<Directory "DIR">
    Require all granted
</Directory>
CONF

# A Django site's own sessions, which mod_djsession shares.
my $THEIRS = <<'CONF';
LoadModule djsession_module MODULE
LoadModule dbd_module MODULES/mod_dbd.so
DBDriver sqlite3
DBDParams DIR/users.db
DjSessionStore STORE
DjSessionSecretFile DIR/secret.key
DjSessionDjangoSecretFile DIR/django.key
DjSession On
DjSessionEnv Off
CONF

my %STORE = (
    file => 'django-file:DIR/sessions',
    signed_cookies => 'django-cookies:',
    cache => 'django-cache:MEMCACHED client=pylibmc',
    cached_db => 'django-cached-db:MEMCACHED client=pylibmc',
    db => 'django-db:',
);

my $USER_QUERY = 'DjSessionDjangoUserQuery'
    . qq( "SELECT password, is_active FROM auth_user WHERE id = %d"\n);

# Who asks for the page must be somebody.
my $AUTH = <<'CONF';
LoadModule authn_core_module MODULES/mod_authn_core.so
LoadModule authz_user_module MODULES/mod_authz_user.so
LoadModule authn_file_module MODULES/mod_authn_file.so
LoadModule auth_basic_module MODULES/mod_auth_basic.so
CONF

sub _guard {
    my ($lines) = @_;
    return "<Location /page.txt>\nAuthName bench\n$lines</Location>\n";
}

my $BASIC = $AUTH . _guard(<<'CONF');
AuthType Basic
AuthBasicProvider file
AuthUserFile DIR/users
Require valid-user
CONF

my $FORM = $PEER_DBD =~ s/^LoadModule session_module.*\n//mr;
$FORM = "LoadModule session_module MODULES/mod_session.so\n"
    . "LoadModule auth_form_module MODULES/mod_auth_form.so\n"
    . "LoadModule request_module MODULES/mod_request.so\n$AUTH$FORM"
    . _guard(<<'CONF');
AuthType Form
AuthFormProvider file
AuthUserFile DIR/users
AuthFormSitePassphrase secret
Require valid-user
CONF

# id, text, and how: `config`; `seed` what makes the session; `sends` a cookie
# given here. `memcached` says that there must be one, `wsgi` which class of
# Django's talks to it ('': none, Django is left out); `check`, that Django asks for the
# user; `engine`, where it keeps its sessions, and `theirs`, that mod_djsession
# guards the page by one of them.
my @CASES = (
    { id => 'base', text => 'static page, no session module' },
    { id => 'base_cookie', text => '  same, our cookie sent',
      sends => 'sessionid=' . 'k' x 32 },
    { id => 'peer_cookie', text => 'mod_session_cookie', seed => 'form',
      config => $PEER_COOKIE },
    { id => 'peer_cookie_age', text => '  same, SessionMaxAge (writes)',
      seed => 'form', config => $PEER_COOKIE . "SessionMaxAge 3600\n",
      follow => 1 },
    { id => 'peer_crypto', text => 'mod_session_crypto', seed => 'form',
      config => $PEER_CRYPTO, slow => 1 },
    { id => 'peer_dbd', text => 'mod_session_dbd, SQLite, read',
      seed => 'form', config => $PEER_DBD, database => 1 },
    { id => 'peer_dbd_write', text => 'mod_session_dbd, SQLite, write',
      seed => 'form', config => $PEER_DBD . "SessionMaxAge 3600\n",
      database => 1, follow => 1 },
    { id => 'off', text => 'mod_djsession, DjSession Off',
      config => $OURS . "DjSession Off\n",
      sends => 'sessionid=' . 'k' x 32 },
    { id => 'none', text => 'mod_djsession, no cookie, DjSessionEnv Off',
      config => $OURS . "DjSessionEnv Off\n" },
    { id => 'none_data', text => '  same, DjSessionEnv Data (Vary is sent)',
      config => $OURS },
    { id => 'unknown', text => 'mod_djsession, unknown key',
      config => $OURS, sends => 'sessionid=' . 'k' x 32 },
    { id => 'lookup', text => 'mod_djsession, lookup, Data', seed => 'json',
      config => $OURS },
    { id => 'summary', text => '  same, DjSessionEnv Summary', seed => 'json',
      config => $OURS . "DjSessionEnv Summary\n" },
    { id => 'quiet', text => '  same, DjSessionEnv Off', seed => 'json',
      config => $OURS . "DjSessionEnv Off\n" },
    { id => 'bare', text => '  same, DjSessionEncrypt Off', seed => 'json',
      config => $OURS . "DjSessionEncrypt Off\n" },
    { id => 'renew', text => '  same, renewed each time', seed => 'json',
      config => $OURS . "DjSessionRenew EveryRequest\n" },
    { id => 'limits', text => '  same, absolute limit, keys that rotate',
      seed => 'json', config => $OURS
          . "DjSessionAbsoluteTimeout 12h\nDjSessionRotate 12h\n" },
    { id => 'guard', text => 'GUARDED: Require djsession-user *',
      seed => 'json', config => $AUTH . $OURS . "DjSessionEnv Off\n"
          . _guard("AuthType DjSession\nRequire djsession-user *\n") },
    { id => 'guard_form', text => '  mod_auth_form, passphrase, on session_dbd',
      seed => 'form', config => $FORM, database => 1, users => 'sha',
      extra => '&bench-user=ada&bench-pw=secret' },
    { id => 'guard_sha', text => '  mod_auth_basic, htpasswd -s',
      sends => 'Authorization: Basic YWRhOnNlY3JldA==', config => $BASIC,
      users => 'sha' },
    { id => 'guard_bcrypt', text => '  mod_auth_basic, htpasswd -B',
      sends => 'Authorization: Basic YWRhOnNlY3JldA==', config => $BASIC,
      users => 'bcrypt', slow => 1 },
    { id => 'mc_none', text => 'mod_djsession on memcached, no cookie',
      config => $OURS_MEMCACHED, memcached => 1 },
    { id => 'mc_unknown', text => '  same, unknown key',
      config => $OURS_MEMCACHED, memcached => 1,
      sends => 'sessionid=' . 'k' x 32 },
    { id => 'mc_lookup', text => '  same, lookup, Data', seed => 'json',
      config => $OURS_MEMCACHED, memcached => 1 },
    { id => 'mc_renew', text => '  same, renewed each time', seed => 'json',
      config => $OURS_MEMCACHED . "DjSessionRenew EveryRequest\n",
      memcached => 1 },
    { id => 'wsgi', text => 'mod_wsgi, an application that does nothing',
      config => $WSGI, wsgi => '' },
    { id => 'django_none', text => 'DJANGO, cache engine, no cookie',
      config => $WSGI, wsgi => 'PyLibMCCache', memcached => 1 },
    { id => 'django', text => '  same, lookup (pylibmc)', seed => 'django',
      config => $WSGI, wsgi => 'PyLibMCCache', memcached => 1 },
    { id => 'django_pymemcache', text => '  same, lookup (pymemcache)',
      seed => 'django', config => $WSGI, wsgi => 'PyMemcacheCache',
      memcached => 1 },
    { id => 'django_user', text => '  same, and its own check (SQLite)',
      seed => 'django', config => $WSGI, wsgi => 'PyLibMCCache',
      memcached => 1, check => 1 },
    map { (
        { id => "their_$_", text => "GUARDED by a site's own session, engine $_",
          config => $AUTH . $THEIRS =~ s/STORE/$STORE{$_}/r
              . _guard("AuthType DjSession\nRequire djsession-user *\n"),
          theirs => 1, wsgi => 'PyLibMCCache', memcached => 1, check => 1,
          engine => $_ },
        { id => "their_${_}_user", text => '  same, DjSessionDjangoUserQuery',
          config => $AUTH . $THEIRS =~ s/STORE/$STORE{$_}/r . $USER_QUERY
              . _guard("AuthType DjSession\nRequire djsession-user *\n"),
          theirs => 1, wsgi => 'PyLibMCCache', memcached => 1, check => 1,
          engine => $_ },
        { id => "django_$_", text => "  DJANGO's own check",
          seed => 'django', config => $WSGI, wsgi => 'PyLibMCCache',
          memcached => 1, check => 1, engine => $_ },
    ) } qw(file signed_cookies cache cached_db db)
);

# The cases that can run here: `site` lacks something for the others.
sub all {
    my ($site) = @_;
    my @cases = map { bless { %$_, site => $site }, __PACKAGE__ } @CASES;
    my @here = grep { $_->_can_run } @cases;
    my $django = DjsBench::Django::version($site);
    $_->{text} =~ s/DJANGO/Django $django/ for grep { $_->{wsgi} } @here;
    return @here;
}

sub _can_run {
    my ($self) = @_;
    my $site = $self->{site};
    return 0 if $self->{memcached} && !$site->has_tool('memcached');
    return DjsBench::Django::can_run($site, $self->{wsgi})
            && (!$self->{theirs} || defined $site->{module})
        if defined $self->{wsgi};
    return defined $site->{module} if ($self->{config} // '') =~ /djsession/;
    return 0 if $self->{seed} && !$site->has_module('session');
    return !$self->{database} || _has_sqlite($site);
}

sub find {
    my ($site, $id) = @_;
    my ($case) = grep { $_->{id} eq $id } all($site);
    return $case;
}

sub _has_sqlite {
    my ($site) = @_;
    return $site->has_module('session_dbd') && $site->has_tool('sqlite3');
}

# A server of this case in a directory called `where`; `more` is appended to
# its configuration. Files of its store last as long as the directory.
sub server {
    my ($self, $where, $mpm, $more) = @_;
    my $site = $self->{site};
    my $dir = $site->make_dir("$where-$self->{id}");
    my $config = ($self->{config} // '') . ($more // '');
    $config =~ s/\bMODULES\b/$site->{modules}/g;
    $config =~ s/\bMODULE$/$site->{module}/gm;
    $config =~ s/\bDIR\b/$dir/g;
    $config =~ s/\bMEMCACHED\b/$site->memcached->name/ge;
    $config .= $self->_seed_page($dir);
    $self->_make_files($dir);
    return DjsBench::Server->new(dir => $dir, site => $site, mpm => $mpm,
                                 config => $config);
}

# ada, whose password is "secret": as htpasswd -s writes it, and -B at its own
# cost.
my %USERS = (
    sha => "ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n",
    bcrypt => 'ada:' . crypt('secret', '$2y$05$' . 'benchbenchbenchbenchbe')
        . "\n",
);

sub _make_files {
    my ($self, $dir) = @_;
    if (($self->{config} // '') =~ /djsession/ && !-e "$dir/secret.key") {
        $self->{site}->make_file("$dir/secret.key", '5a' x 32 . "\n", 0600);
    }
    $self->{site}->make_file("$dir/users", $USERS{ $self->{users} })
        if $self->{users};
    if ($self->{database} && !-e "$dir/sessions.db") {
        my $sql = 'pragma journal_mode=wal; create table session (key text '
            . 'primary key, value text, expiry integer);';
        system("sqlite3 '$dir/sessions.db' '$sql' >/dev/null") == 0
            or croak 'sqlite3 failed';
        $self->{site}->_give(glob "$dir/sessions.db*");
    }
    $self->_make_app($dir) if defined $self->{wsgi};
}

# Django's application, what it keeps, and a session of its own.
sub _make_app {
    my ($self, $dir) = @_;
    my $site = $self->{site};
    if (!-d "$dir/sessions") {
        mkdir "$dir/sessions", 0700 or croak "$dir/sessions: $!";
        $site->_give("$dir/sessions");
    }
    $site->make_file("$dir/django.key", "correct-horse-battery-staple\n", 0600);
    my $key = DjsBench::Django::make_app($site, "$dir/app.wsgi", {
        class => $self->{wsgi}, engine => $self->{engine},
        check => $self->{check} && "$dir/users.db", files => "$dir/sessions",
    }, session_members());
    $self->{sends} = "sessionid=$key" if $self->{theirs};
}

# Every server has the page, so that all of them carry its modules.
sub _seed_page {
    my ($self, $dir) = @_;
    my $site = $self->{site};
    my $header = ($self->{seed} // 'form') eq 'form'
        ? 'X-Seed: ' . session_form() . ($self->{extra} // '')
        : 'X-DjSession-Update: {"set":' . session_json() . '}';
    mkdir "$dir/seed";
    $site->make_file("$dir/seed/page.asis",
                     "$header\nContent-Type: text/plain\n\nok\n");
    return <<"CONF";
LoadModule asis_module $site->{modules}/mod_asis.so
LoadModule alias_module $site->{modules}/mod_alias.so
Alias "/seed" "$dir/seed"
<Directory "$dir/seed">
    SetHandler send-as-is
    Require all granted
</Directory>
CONF
}

# The cookie that this case sends, from a server that runs; undef: none.
sub cookie {
    my ($self, $server) = @_;
    return $self->{sends} unless $self->{seed};
    my $client = DjsBench::Client->new(port => $server->{port});
    my ($status) = $client->get(
        $self->{seed} eq 'django' ? '/django-seed' : '/seed/page.asis');
    my $cookie = $client->set_cookie;
    croak "$self->{id}: status $status, no session was made:\n" . $server->log
        unless $status == 200 && $cookie;
    return $cookie;
}

# Starts a server for each of the cases, all at once: (case id => server), (case
# id => cookie). Those that do not start are left out, and say so.
sub start_all {
    my ($cases, $where, $mpm, %more) = @_;
    my (%server, %cookie);
    for my $case (@$cases) {
        my $id = $case->{id};
        my $server = $case->server($where, $mpm);
        $server->{$_} = $more{$_} for keys %more;
        next if eval {
            $server->start;
            $server{$id} = $server;
            $cookie{$id} = $case->cookie($server);
            1;
        };
        warn "$id failed: $@";
        $server->stop;
        delete $server{$id};
    }
    return (\%server, \%cookie);
}

1;
