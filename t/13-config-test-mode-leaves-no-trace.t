# Reading the configuration has no effect but to judge it: httpd reads it
# twice before it serves, and `-t` only reads it.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

# A server that never ran: only its configuration is read.
my $s = DjSession::Server->prepare(loglevel => 'warn',
    secret => 'DjSessionSecretFile @STATE@/secret.key');
$s->{port} = DjSession::Server::free_port();
$s->write_configuration;
my $said = `${\ DjSession::Server::httpd() } -t -f $s->{conf} 2>&1`;
like $said, qr/Syntax OK/, 'O06: the configuration is good';
ok !-e $s->storedir, 'O06: -t makes no store';

my $listing = `${\ DjSession::Server::httpd() } -S -f $s->{conf} 2>&1`;
unlike $listing, qr/[0-9a-f]{64}/, 'O06: -S shows no secret';

# Started for real, the store is made once; the two passes do not disturb.
is $s->spawn, undef, 'O06: it starts';
ok -d $s->storedir, 'O06: and has its store';
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
is $b->data->{a}, 1, 'O06: which works';
my $key = $b->session_key;

$said = `${\ DjSession::Server::httpd() } -t -f $s->{conf} 2>&1`;
like $said, qr/Syntax OK/, 'O06: -t beside a running server is harmless';
is $b->data->{a}, 1, 'O06: the session is still there';
$s->stop;

# One process, no fork.
my $x = server(dir => $s->dir, arguments => ['-X'], mpm => 'prefork');
is live_data($x->browser, $key)->{a}, 1, 'O06: -X serves the same store';
$x->stop;

# Twice the LoadModule line: httpd skips the second.
my $twice = server(loglevel => 'warn',
    global => 'LoadModule djsession_module '
        . DjSession::Server::find_module() . "\n");
$twice->allows(qr/module djsession_module is already loaded/);
is $twice->browser->act(u => { set => { a => 1 } })->cookies, 1,
    'O06: loading it twice is harmless';
$twice->stop;

done_testing;
