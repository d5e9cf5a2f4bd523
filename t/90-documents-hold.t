#!/usr/bin/env perl
# What the documents tell a reader is so: links lead somewhere, directives
# exist, the example configuration starts, the examples of programs run.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

sub slurp ($path) { return DjSession::Server::slurp($path) }

my @documents = (qw(README.md HACKING SECURITY CHANGES),
    glob('doc/*.[58] doc/guide doc/install doc/messages doc/examples/*.conf'));

# --- links and names ---------------------------------------------------------

my $readme = slurp('README.md');
cmp_ok scalar(() = $readme =~ /\n/g), '<=', 200, 'README has 200 lines at most';
my @links = $readme =~ /\]\((?!http)([^)#]+)\)/g;
ok !(grep { !-e } @links), 'M14: every link of README leads to a file'
    or diag grep { !-e } @links;

my %known = map { $_ => 1 } slurp('doc/directives') =~ /^(DjSession\w*)/gm;
for my $path (@documents) {
    my @named = slurp($path) =~ /\b(DjSession\w*)\b(?!::|\/)/g;
    my @unknown = grep { !$known{$_} && $path ne 'HACKING' } @named;
    ok !@unknown, "M14: $path names directives that exist" or diag "@unknown";
}

# Paths of the tree that HACKING and README mention.
for my $path (qw(README.md HACKING)) {
    my @named = grep { !/[<*]|NN/ }
        slurp($path) =~ m{(?<![\w/.])((?:src|build|doc|t)/[\w./*<>-]*\w)}g;
    my @gone = grep { !-e && !(() = glob "$_*") } @named;
    ok !@gone, "M14: $path names files that exist" or diag "@gone";
}

# --- the example configuration -----------------------------------------------

my $example = slurp('doc/examples/djsession.conf');
my @lines = $example =~ /^#(DjSession.*)$/mg;
cmp_ok scalar @lines, '>', 5, 'the example shows directives';
my $store = join "\n", map { s{/var/lib/djsession/}{\@STATE\@/}gr }
    grep { /Store |SecretFile/ } @lines;
my $rest = join "\n", grep { !/Store |SecretFile/ } @lines;
started('the example starts as it is', bare => 1, global => $example);
started('and with every line of it in use',
    bare => 1, global => "$store\n$rest\nDjSession On\n");

# --- the examples of programs ------------------------------------------------

my $guide = slurp('doc/guide');
my %shell = (sh => '/bin/sh', Perl => '/usr/bin/perl', Python => 'python3');

# The indented text behind the line that begins with the language's name.
sub program ($language) {
    my ($text) = $guide =~ /^$language[,:].*?\n\n((?:    [^\n]*\n|\n)+)/ms;
    $text =~ s/^    //gm;
    my $first = $language eq 'sh' ? '' : "#!/usr/bin/env \L$language\E\n";
    $first =~ s/python$/python3/m;
    return $first . $text;
}

my $s = server(conf => "DjSessionExport color\n");
for my $language (sort keys %shell) {
    SKIP: {
        skip "no $language here", 2
            if $language eq 'Python' && system 'python3 -c "" 2>/dev/null';
        $s->file("cgi/example-$language", program($language), 0755);
        my $b = $s->browser;
        my @said = map { $b->get("/cgi/example-$language") } 1, 2;
        my ($none, $some) = $language eq 'sh'
            ? (qr/visit: (?:nothing|\{\})$/, qr/visit: \{"visits":1\}$/)
            : (qr/It was nothing$/, qr/It was red$/);
        like $said[0]->body, $none, "the guide's example in $language runs";
        like $said[1]->body, $some, 'and has a session';
    }
}
my $b = $s->browser;
$b->act(u => { set => { color => 'red' } });
is $b->get('/cgi/act')->env->{DJSESSION_COLOR}, 'red',
    'DjSessionExport is as the guide says';
$s->stop;

# --- the tool ----------------------------------------------------------------

my $tool = ($ENV{DJS_BUILDDIR} // '.') . '/djsessionctl';
SKIP: {
    skip "no $tool", 2 unless -x $tool;
    my $help = qx{$tool --help};
    my $page = slurp('doc/djsessionctl.8') =~ s/\\-/-/gr;
    my @missing = grep { $page !~ /\Q$_\E/ } $help =~ /^  ([\w-]+)/mg;
    ok !@missing, 'M14: the manual page has every word of --help'
        or diag "@missing";
    cmp_ok scalar(() = $help =~ /^  /mg), '>=', 11, 'of which there are some';
}
done_testing;
