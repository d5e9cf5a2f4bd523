# A real browser that wants a guarded page is sent to the login, gets back to
# that very page, and is out again after the logout.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;
use DjSession::WebDriver;

if (my $why = DjSession::WebDriver->missing) {
    plan skip_all => "$why; on Debian: apt-get install chromium-driver";
}

my $s = server(loglevel => 'info', base => "DjSession On\n", conf => <<'END');
<Location /members>
  AuthType DjSession
  AuthName members
  DjSessionLoginURL /cgi/login
  Require djsession-user *
  Header set Cache-Control "private, no-store"
</Location>
<Location /members/pro>
  Require djsession-key plan == pro
</Location>
<Location /cgi/login>
  DjSessionBackendUpdates On
</Location>
<Location /logout>
  SetHandler djsession-logout
</Location>
END

# A login as programs would write it: who asks gets in.
$s->file('cgi/login', <<'END', 0755);
#!/usr/bin/perl
use strict;
use warnings;
my $in = $ENV{QUERY_STRING};
$in = <STDIN> if $ENV{REQUEST_METHOD} eq 'POST';
my ($next) = ($in // '') =~ /(?:^|&)next=([^&]*)/;
($next //= '/') =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
$next = '/' if $next !~ m{^/(?![/\\])};
if ($ENV{REQUEST_METHOD} eq 'POST') {
    print "Status: 303\nLocation: http://$ENV{HTTP_HOST}$next\n",
        qq(X-DjSession-Update: {"login": "ada"}\n\n);
    exit;
}
(my $shown = $next) =~ s/([&"<>])/sprintf '&#%d;', ord $1/ge;
print "Content-Type: text/html\n\n<title>login</title><form method=post>",
    qq(<input type=hidden name=next value="$shown"><button>in</button></form>);
END
$s->file('htdocs/members/index.html', '<title>members</title><p id=who>in</p>'
    . '<form method=post action=/logout><input type=hidden name=next value="/">'
    . '<button>out</button></form><a href="/logout?next=/">out</a>');
$s->file('htdocs/index.html', '<title>home</title>home');

my $b = DjSession::WebDriver->start;

# A click may return before its page is there.
sub arrives ($title, $name) {
    $s->wait_until(sub { (eval { $b->title } // '') eq $title }, 15);
    return is $b->title, $title, $name;
}

my $site = 'http://127.0.0.1:' . $s->port;
my $wanted = "$site/members/?a=1&b=%C3%A9&next=//evil.example";
$b->visit($wanted);
arrives('login', 'P01: a guarded page leads to the login');
is $b->url, "$site/cgi/login?next=/members/"
    . '%3Fa%3D1%26b%3D%25C3%25A9%26next%3D//evil.example',
    'M12: which is told where to go next';
$b->click('button');
arrives('members', 'the login leads back');
is $b->url, $wanted, 'to the very page, with its query';
is $b->script('return document.cookie'), '', 'B01: the cookie is hidden';
$b->visit("$site/members/pro");
unlike $b->title, qr/login|members/, 'what needs more than a login is refused';

$b->visit("$site/members/");
$b->click('button');
arrives('home', 'C09: a logout by form leads to its next');
is $b->script(<<'JS'), 401, 'P01: what a script fetches gets 401, no page';
const r = new XMLHttpRequest();
r.open('GET', '/members/', false);
r.send();
return r.status;
JS
is $b->cookie('sessionid'), undef, 'C09: the cookie is gone';
$b->visit("$site/members/");
arrives('login', 'F13: and the page is shut again');
$b->click('button');
arrives('members', 'until the next login');
$b->click('a');
arrives('home', 'a link of this site logs out, too');
$b->visit("$site/members/");
arrives('login', 'and it is shut again');

$b->stop;
$s->allows(qr/AH01630|AH01631/);
$s->stop;
done_testing;
