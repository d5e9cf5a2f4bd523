#!/usr/bin/env perl
# A visitor with a real browser can walk the whole demo: first visit, counter,
# login, members' page, a cart in two tabs, logout; and after the logout the
# cookie of before is worth nothing, whoever sends it.
# MPMs: event
use v5.36;
use lib 't/lib';
use Cwd qw(getcwd);
use File::Temp ();
use HTTP::Tiny ();
use IO::Socket::INET;
use DjSession::Test;
use DjSession::WebDriver;

if (my $why = DjSession::WebDriver->missing) {
    plan skip_all => "$why; on Debian: apt-get install chromium-driver";
}

my $tmp = File::Temp->newdir('djs-demo-XXXXXX', TMPDIR => 1);
chmod 0755, $tmp;
my $port = DjSession::Server::free_port();
my $site = "http://127.0.0.1:$port";
my %demo = (PORT => $port, DJS_DEMO_PLACE => "$tmp",
    DJS_MODULE => DjSession::Server::find_module());

sub demo ($what = '', %env) {
    local %ENV = (%ENV, %demo, %env);
    my $said = qx{sh build/demo $what 2>&1};
    return ($? >> 8, $said);
}
END { local $?; demo('stop') if %demo }

# --- the command -------------------------------------------------------------

my $other = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
my ($status, $said) = demo('', PORT => $other->sockport);
ok $status && $said =~ /in use.*PORT=/s,
    'a port that is taken: it says so, and how to choose another';
close $other;

($status, $said) = demo();
is $status, 0, 'the demo starts' or BAIL_OUT($said);
like $said, qr{\Q$site/\E}, 'and says where';
($status, $said) = demo();
ok !$status && $said =~ /runs already: \Q$site/, 'started twice, it says so';

# --- the visitor -------------------------------------------------------------

my $b = DjSession::WebDriver->start;
$b->visit("$site/");
is $b->text('#visits'), 1, 'the first visit is the first';
my $first = $b->cookie('sessionid');
like $first->{value}, qr/^[a-z0-9]{32}$/, 'it brings a session key';
ok $first->{httpOnly}, 'B01: which scripts cannot read';
is $first->{sameSite}, 'Lax', 'B01: and other sites cannot send with a form';
is $b->script('return document.cookie'), '', 'B01: indeed they cannot read it';

$b->reload;
is $b->text('#visits'), 2, 'the second visit is the second';
is $b->cookie('sessionid')->{value}, $first->{value}, 'with the same key';

$b->visit("$site/members");
like $b->text('main'), qr/not logged in/, 'the members\' page is not for all';

$b->visit("$site/login");
my $name = "Ada <i>L\x{f6}velace</i>";
$b->type('#name', $name);
$b->click('main button');
is $b->text_becomes('#member', $name), $name,
    'logged in, and the name is text whatever it looks like';
like $b->url, qr{/members$}, 'on the members\' page';
my $key = $b->cookie('sessionid')->{value};
isnt $key, $first->{value}, 'C02: with a new key';

# Whether a cookie, sent by a program of its own, opens a session.
sub greeting ($cookie) {
    my $r = HTTP::Tiny->new->get("$site/members",
        { headers => { Cookie => "sessionid=$cookie" } });
    return $r->{content} =~ /id="member"/ ? 'welcome' : "status $r->{status}";
}
is greeting($key), 'welcome', 'the new key opens the session';
is greeting($first->{value}), 'status 403', 'C02: the old one opens nothing';

# --- two tabs ----------------------------------------------------------------

$b->visit("$site/cart");
is $b->text('#tea'), 0, 'the cart is empty';
my $one = $b->tab;
my $two = $b->new_tab;
$b->visit("$site/cart");
for my $round (1 .. 3) {
    for my $tab ($one, $two) {
        $b->switch($tab);
        $b->script('window.before = true');
        $b->click('[data-add=tea]');
    }
    for my $tab ($one, $two) {
        $b->switch($tab);
        wait_for_page();
    }
}
for my $tab ($one, $two) {
    $b->switch($tab);
    $b->click('button[name=add][value=biscuits]');
}
$b->visit("$site/cart");
is $b->text('#tea'), 60, 'L04: six times ten at once, from two tabs, are sixty';
is $b->text('#biscuits'), 2, 'and one each are two';
$b->click('button[name=empty]');
is $b->text_becomes('#sum', 0), 0, 'the cart can be emptied';

# The page loads itself anew when its ten requests have been answered.
sub wait_for_page {
    for (1 .. 300) {
        return if $b->script('return !window.before'
            . ' && document.readyState === "complete"');
        select undef, undef, undef, 0.05;
    }
    return;
}

# --- what the program sees ---------------------------------------------------

$b->visit("$site/environment");
my $page = $b->script('return document.body.textContent');
like $page, qr/DJSESSION_STATE\s*live/, 'the program sees a live session';
like $page, qr/DJSESSION_DATA\s*\{.*"visits":2/, 'and its data';
ok index($page, $key) < 0, 'M01: but not the key, anywhere';
like $b->text('#cookie'), qr/^The session cookie is not here/,
    'and no session cookie';

# --- logout ------------------------------------------------------------------

$b->visit("$site/members");
$b->click('main form button');
is $b->text_becomes('#visits', 1), 1, 'after the logout all begins anew';
isnt $b->cookie('sessionid')->{value}, $key, 'with another key';
is greeting($key), 'status 403', 'C10: the old cookie is worth nothing';
$b->visit("$site/members");
like $b->text('main'), qr/not logged in/, 'nobody is logged in';
$b->visit("$site/plain.html");
like $b->text('main'), qr/as it is/, 'a plain file is a plain file';
$b->stop;

# A session outlives the server that keeps it.
my $r = HTTP::Tiny->new->get("$site/");
my ($kept) = $r->{headers}{'set-cookie'} =~ /^sessionid=(\w+)/;
is((demo('stop'))[0], 0, 'the demo stops');
ok !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port),
    'and nobody listens any more';
is((demo())[0], 0, 'it starts again');
$r = HTTP::Tiny->new->get("$site/",
    { headers => { Cookie => "sessionid=$kept" } });
like $r->{content}, qr/id="visits">2</, 'and knows its visitors';
is((demo('stop'))[0], 0, 'it stops again');
($status, $said) = demo('stop');
ok !$status && $said =~ /not running/, 'stopped twice, it says so';

my @trouble = grep { /:(?:warn|error|crit|alert|emerg)\]/ }
    split /\n/, DjSession::Server::slurp("$tmp/logs/error");
is_deeply \@trouble, [], 'the log of all this has no trouble in it';
done_testing;
