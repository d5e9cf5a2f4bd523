# DjSessionStore django-cookies: the sessions of Django's signed_cookies engine,
# which are their cookies: read, guarded by, changed and renewed here, in a form
# that Django reads.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Django;
use DjSession::Shared;
use DjSession::Test;
use File::Temp ();

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
plan skip_all => 'no Django for ' . $python
    if system("$python -c 'import django' 2>/dev/null") != 0;

my $SECRET = 'a site of its own: key number two 0123456789';
my $site = File::Temp->newdir('djs-XXXXXX', TMPDIR => 1);
open my $key, '>', "$site/key" or die "$site/key: $!";
print {$key} "$SECRET\n";
close $key;
chmod 0600, "$site/key";

my $s = server(store => 'DjSessionStore django-cookies:', clock => 1,
    loglevel => 'info', modules => ['authz_user'], conf => <<"END");
DjSessionDjangoSecretFile $site/key
DjSessionCookieAge 1h
<Location /inside.html>
  AuthType DjSession
  Require djsession-user *
</Location>
<Location /renewed.html>
  DjSessionRenew EveryRequest
</Location>
END
$s->allows(qr/DJS220.*said of/); # a child's first one is a warning
$s->canary($SECRET);
$s->file("htdocs/$_.html", "$_\n") for qw(inside renewed);

# Django's own engine, in a process of its own.
sub django ($verb, @words) {
    my $settings = json({ SECRET_KEY => $SECRET, SESSION_COOKIE_AGE => 3600 });
    open my $out, '-|', $python, 't/lib/django_session.py', 'signed_cookies',
        $settings, $verb, @words or die "$python: $!";
    chomp(my $said = join '', <$out>);
    close $out or die "django_session.py $verb: $?\n";
    $s->canary($said) if $verb eq 'make';
    return $said;
}

my $K = django('make', '{"_auth_user_id":"7"}');
my $b = $s->browser(jar => { sessionid => $K });
is $b->get('/inside.html')->status, 200, 'H35: who logged in at Django is in';
is scalar($b->get('/index.html')->cookies), 0, 'use renews nothing by itself';
is $b->act(u => { set => { here => [1] } })->status, 200, 'a change';
my $new = $b->session_key;
isnt $new, $K, 'is another cookie';
is django('load', $new), '{"_auth_user_id": "7", "here": [1]}',
    'H35: which Django reads';
is $b->act(u => { set => { big => join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 6000 } })->status,
    503, 'H20: more than a browser would keep is refused';
$s->expects(qr/DJS209/);
is $b->session_key, $new, 'and the cookie stays as it was';

# A cookie of the usual size: longer than any key.
my $long = django('make', json({ _auth_user_id => '8',
    pad => join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 1500 }));
my $bob = $s->browser(jar => { sessionid => $long });
is $bob->get('/inside.html')->status, 200, 'H35: a long one is read';
is $bob->act(u => { set => { pad => 1 } })->status, 200, 'and changed';
is django('load', $bob->session_key), '{"_auth_user_id": "8", "pad": 1}',
    'H35: as Django sees it';

my $eve = $s->browser(jar => { sessionid => $K =~ s/.$/-/r });
is $eve->get('/inside.html')->status, 401, 'H13: a forged cookie is none';

# The time in it is what ends it.
$s->shift_clock(3500);
is $b->get('/inside.html')->status, 200, 'it is good until its time is over';
is scalar($b->get('/renewed.html')->cookies), 1, 'a renewal sends it anew';
$s->shift_clock(3700);
is $b->get('/inside.html')->status, 200, 'which lengthens its life';
is $s->browser(jar => { sessionid => $new })->get('/inside.html')->status, 401,
    'H14: the old one is too old by now';
$s->shift_clock(0);
is django('load', $b->session_key) =~ /"7"/, 1, 'H35: Django reads the new one';

is $b->act(u => { flush => \1 })->status, 200, 'a logout';
is $b->session_key, undef, 'takes the cookie away';
my $served = DjSession::Django->start(signed_cookies => {
    SECRET_KEY => $SECRET, SESSION_COOKIE_AGE => 3600 });
in_turn('cookies', $served, $s->browser(jar => { sessionid => $K }),
    $ENV{DJS_ROUNDS} // 100);
$served->stop;
$s->stop;
done_testing;
