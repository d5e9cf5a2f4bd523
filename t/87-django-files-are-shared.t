# DjSessionStore django-file: the sessions of a Django site's file engine, in
# the site's own bytes: Django makes, changes and ends them, httpd reads, guards
# by, changes and ends the very same ones.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Django;
use DjSession::Shared;
use DjSession::Test;
use File::Temp ();

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
plan skip_all => 'no Django for ' . $python
    if system("$python -c 'import django' 2>/dev/null") != 0;

my $SECRET = 'a site of its own: key number one 0123456789';
my $site = File::Temp->newdir('djs-XXXXXX', TMPDIR => 1);
chmod 0755, "$site";
my $dir = "$site/sessions";
mkdir $dir, 0700;
chown scalar getpwnam('www-data'), -1, $dir if $> == 0;
open my $key, '>', "$site/key" or die "$site/key: $!";
print {$key} "$SECRET\n";
close $key;
chmod 0600, "$site/key";

my $s = server(store => "DjSessionStore django-file:$dir",
    loglevel => 'info', modules => ['authz_user'], conf => <<"END");
DjSessionDjangoSecretFile $site/key
<Location /inside.html>
  AuthType DjSession
  Require djsession-user *
</Location>
<LocationMatch ^/(renewed|own)\\.html\$>
  DjSessionRenew EveryRequest
</LocationMatch>
<Location /own.html>
  Header set Set-Cookie "sessionid=of-django; Path=/"
</Location>
END
$s->canary($SECRET);
$s->file('htdocs/inside.html', "inside\n");
$s->file("htdocs/$_.html", "$_\n") for qw(renewed own);

# Django's own engine, in a process of its own.
sub django ($verb, @words) {
    my $settings = json({ SECRET_KEY => $SECRET, SESSION_FILE_PATH => $dir });
    open my $out, '-|', $python, 't/lib/django_session.py', 'file', $settings,
        $verb, @words or die "$python: $!";
    chomp(my $said = join '', <$out>);
    close $out or die "django_session.py $verb: $?\n";
    return $said;
}

my $K = django('make', '{"_auth_user_id":"7","cart":[1,2],"\u00e9":"\u20ac"}');
$s->canary($K);
my $b = $s->browser(jar => { sessionid => $K });
is $b->get('/inside.html')->status, 200, 'H35: who logged in at Django is in';
is $s->browser->get('/inside.html')->status, 401, 'and nobody else';
is json($b->data), json({ _auth_user_id => '7', cart => [1, 2],
        "\x{e9}" => "\x{20ac}" }), 'H35: its data is here as it is there';
is scalar($b->get('/index.html')->cookies), 0,
    'use renews nothing: DjSessionRenew is Off with a Django store';

is $b->act(u => { set => { here => 'x' }, incr => { n => 2 } })->status, 200,
    'httpd changes it';
is django('load', $K), '{"_auth_user_id": "7", "cart": [1, 2], "here": "x",'
    . ' "n": 2, "\u00e9": "\u20ac"}', 'H35: and Django sees that';
django('update', $K, '{"there": true}');
is $b->data->{there}, 1, 'H35: and the other way round';
my @mode = stat "$dir/sessionid$K";
is sprintf('%o', $mode[2] & 07777), '600', 'the file is of mode 0600';
is join(' ', map { s{.*/}{}r } glob "$dir/*"), "sessionid$K",
    'and nothing lies beside it';

utime time - 5000, time - 5000, "$dir/sessionid$K";
is scalar($b->get('/renewed.html')->cookies), 1, 'a renewal sends the cookie';
cmp_ok time - (stat "$dir/sessionid$K")[9], '<', 100,
    'and is the time of the file';

# Parallel requests merge.
parallel(8, sub ($i) {
    my $v = $b->other($K);
    $v->act(u => { incr => { n => 1 } }) for 1 .. 25;
    return '';
});
is $b->data->{n}, 202, 'no change of parallel requests is lost';

my $served = DjSession::Django->start(file => { SECRET_KEY => $SECRET,
    SESSION_FILE_PATH => $dir });
in_turn('files', $served, $b, $ENV{DJS_ROUNDS} // 100);
$served->stop;

# Django sets the cookie itself: its own goes out, and ours gives way.
my $r = $b->get('/own.html', cookie => "sessionid=$K");
is join(' ', map { s/;.*//r } $r->cookies), 'sessionid=of-django',
    "Django's own Set-Cookie passes, alone";
$b = $b->other($K);

# Rotation as Django does it; ends on either side.
my $old = $b->session_key;
is $b->act(u => { rotate => \1 })->status, 200, 'a new key';
my $new = $b->session_key;
$s->canary($new);
isnt $new, $old, 'is another one';
is django('load', $old), 'null', 'the old one is gone at Django, too';
is $b->get('/inside.html')->status, 200, 'and the user still in';
my $thief = $s->browser(jar => { sessionid => some_key() });
is $thief->act(u => { set => { a => 1 } })->status, 200, 'C01: an unknown key';
isnt $thief->session_key, some_key(), 'C01: is never adopted';
django('delete', $new);
is $b->other($new)->get('/inside.html')->status, 401,
    'a logout at Django ends it here at once';
my $L = django('make', '{"_auth_user_id":"8"}');
$s->canary($L);
my $ada = $s->browser(jar => { sessionid => $L });
is $ada->act(u => { flush => \1 })->status, 200, 'a logout here';
is django('load', $L), 'null', 'ends it at Django';
is join('', glob "$dir/*$L*"), '', 'and leaves no file';

# What is not the site's.
$L = django('make', '{"_auth_user_id":"9"}');
$s->canary($L);
my $file = "$dir/sessionid$L";
my $text = DjSession::Server::slurp($file);
my $eve = $s->browser(jar => { sessionid => $L });
$s->expects(qr/DJS219/);
$s->file($file, $text =~ s/.$/-/r, 0600);
chown scalar getpwnam('www-data'), -1, $file if $> == 0;
is $eve->get('/inside.html')->status, 401,
    'H13: what the site has not signed is no session';
is $eve->act(u => { login => '1' })->status, 500,
    'a login is for Django to do';
$s->expects(qr/DJS209.*Django site alone/);
unlink $file;
symlink '/etc/passwd', $file;
$s->allows(qr/DJS203/);
is $eve->get('/inside.html')->status, 500, 'J02: no link is followed';
unlink $file;

# The last cookie of the name is it, as for Django.
my $M = django('make', '{"_auth_user_id":"10"}');
$s->canary($M);
my $two = $s->browser;
is $two->get('/inside.html',
    cookie => "sessionid=$M; sessionid=" . some_key(3))->status, 401,
    'of two cookies the last one counts';
is $two->get('/inside.html',
    cookie => 'sessionid=' . some_key(3) . "; sessionid=\"$M\"")->status, 200,
    'and its quotes do not';
$s->stop;
done_testing;
