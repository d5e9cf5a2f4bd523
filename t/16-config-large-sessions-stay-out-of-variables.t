# No program can be started with a variable longer than the kernel allows: a
# host whose sessions may grow beyond 120k and which puts them into variables
# does not start, and is told so; one that does not, starts.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my @large = (store => 'DjSessionStore dbm:@STATE@/store type=gdbm');
my $large = "DjSession On\nDjSessionMaxSize 121k\n";
my $sentence = qr/DjSessionMaxSize[^\n]*\b120k\b/;
my %fills = (
    'DjSessionEnv Data'       => "DjSessionEnv Data\n",
    'DjSessionExport'         => "DjSessionExport cart\n",
    'DjSessionExport, renamed' => "DjSessionExport cart CART\n",
    'DjSessionEnv Data in a location' =>
        "<Location /deep>\nDjSessionEnv Data\n</Location>\n",
    'DjSessionExport in a directory' =>
        "<Directory \@DIR\@/htdocs>\nDjSessionExport cart\n</Directory>\n",
    'DjSessionEnv Data for some files' =>
        "<Files *.cgi>\nDjSessionEnv Data\n</Files>\n",
);
for my $name (sort keys %fills) {
    refused("E26: 121k with $name", $sentence, @large, base => '',
        conf => $large . $fills{$name});
}
refused('E26: 900k, too', $sentence, @large, base => '',
    conf => "DjSession On\nDjSessionMaxSize 900k\nDjSessionEnv Data\n");
refused('E26: a host that has it from outside', $sentence, @large, base => '',
    global => "DjSessionEnv Data\n", conf => $large);

started('E26: 120k with both', @large, base => '',
    conf => "DjSession On\nDjSessionMaxSize 120k\nDjSessionEnv Data\n"
        . "DjSessionExport cart\n");
started('E26: 121k with DjSessionEnv Off', @large, base => '',
    conf => "${large}DjSessionEnv Off\n");
started('E26: 121k with DjSessionEnv Summary', @large, base => '',
    conf => "${large}DjSessionEnv Summary\n");
started('E26: 900k without a word on variables', @large, base => '',
    conf => "DjSession On\nDjSessionMaxSize 900k\n");

# What goes into a variable at the limit does reach a program.
my $s = server(@large, base => '', conf => <<'END');
DjSession On
DjSessionMaxSize 120k
DjSessionEnv Data
DjSessionBackendUpdates On
END
my $b = $s->browser;
$b->act(u => { set => { "k$_" => 'v' x 7000 } }) for 1 .. 17;
my $data = $b->data;
is scalar(grep { length $data->{"k$_"} == 7000 } 1 .. 17), 17,
    'D17: 120 kB of session data reach a program whole';
my $r = $b->act(u => { set => { last => 'v' x 7000 } });
is $r->status, 503, 'D17: more than the limit is refused';
ok !exists $b->data->{last}, 'D17: and the session is as it was';
$s->expects(qr/DJS20[0-9]/);
$s->stop;
done_testing;
