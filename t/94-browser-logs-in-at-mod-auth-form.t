# A real browser logs in at mod_auth_form's form and out again, with its session
# in our store.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;
use DjSession::WebDriver;

if (my $why = DjSession::WebDriver->missing) {
    plan skip_all => "$why; on Debian: apt-get install chromium-driver";
}

my $s = DjSession::Server->prepare(
    loglevel => 'info', base => '',
    modules  => [qw(session auth_form request authn_file authz_user)],
    conf     => <<'END');
<LocationMatch "^/(members|logout)">
  Session On
  SessionMaxAge 600
  DjSessionModSession On
  AuthName private
</LocationMatch>
<Location /members>
  AuthType Form
  AuthFormProvider file
  AuthUserFile @DIR@/users
  Require valid-user
  ErrorDocument 401 /form.html
</Location>
<Location /logout>
  SetHandler form-logout-handler
  AuthFormLogoutLocation /
</Location>
END
my $password = "Canary & caf\xc3\xa9";
$s->canary($password);
$s->file('users', 'ada:' . crypt($password, '$6$saltsalt$') . "\n");
$s->file('htdocs/members/index.html',
    '<title>members</title><a href="/logout">out</a>');
$s->file('htdocs/index.html', '<title>home</title>home');
$s->file('htdocs/form.html', '<meta charset=utf-8><title>form</title>'
    . '<form method=post><input name=httpd_username>'
    . '<input name=httpd_password type=password><button>in</button></form>');
my $why = $s->launch;
die "httpd does not start: $why\n" if defined $why;

my $b = DjSession::WebDriver->start;

# A click may return before its page is there.
sub arrives ($title, $name) {
    $s->wait_until(sub { (eval { $b->title } // '') eq $title }, 15);
    return is $b->title, $title, $name;
}

# What a person would type, and the click.
sub log_in ($pw) {
    $b->script("document.forms[0].elements[0].value = 'ada';"
            . "document.forms[0].elements[1].value = decodeURIComponent('"
            . DjSession::Browser::escape($pw) . "')");
    return $b->click('button');
}

my $page = 'http://127.0.0.1:' . $s->port . '/members/';
$b->visit($page);
arrives('form', 'P01: a guarded page shows the form');
is $b->cookie('sessionid'), undef, 'K01: and gives no cookie';
log_in('wrong');
arrives('form', 'a wrong password shows it again');
log_in($password);
arrives('members', 'the right one opens the page');
is $b->url, $page, 'at its own address';
my $cookie = $b->cookie('sessionid');
ok $cookie && $cookie->{httpOnly}, 'B01: the cookie is hidden from scripts';
is $b->script('return document.cookie'), '', 'B01: indeed';
$b->visit($page);
arrives('members', 'it is good for the next page');
is $b->cookie('sessionid')->{value}, $cookie->{value}, 'unchanged';
$b->click('a');
arrives('home', 'the logout leads home');
is $b->cookie('sessionid'), undef, 'C06: and takes the cookie away';
my %records = $s->records;
is scalar(keys %records), 0, 'C06: with its record';
$b->visit($page);
arrives('form', 'F13: the page is shut again');

$b->stop;
$s->allows(qr/AH01807|AH01808/);
$s->stop;
done_testing;
