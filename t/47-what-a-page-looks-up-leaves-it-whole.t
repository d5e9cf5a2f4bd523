# A page without sessions may list, measure and include files of a section
# that has them: it is served as ever, nothing of a section that is looked up
# and let go is used afterwards, and a cookie that comes of it is that
# section's own. Freed memory is overwritten here, so that using it shows.
# MPMs: event prefork
use v5.36;
use lib 't/lib';
use DjSession::Test;

local $ENV{MALLOC_PERTURB_} = 165;
my $section = <<'END';
DjSession On
DjSessionEnv Data
DjSessionBackendUpdates On
DjSessionRenew EveryRequest
DjSessionCookieName filesid
DjSessionCookiePath /section
DjSessionExport who
END
my $s = server(
    modules => [qw(autoindex negotiation)],
    global  => "MaxMemFree 1\n", base => '', conf => <<"END");
<Directory "\@DIR\@/htdocs">
  Options +Includes +Indexes +MultiViews
  IndexOptions FancyIndexing DescriptionWidth=*
  AddOutputFilter INCLUDES .shtml
  AddHandler cgi-script .cgi
  DjSession Off
  <Files "x*">
$section
  </Files>
</Directory>
<Directory "\@DIR\@/htdocs/always">
  <Files "x*">
    DjSessionCreate Always
  </Files>
</Directory>
<Directory "\@DIR\@/htdocs/run">
  Options +ExecCGI
</Directory>
<Location /cgi/>
$section
</Location>
END
for my $dir (qw(list ssi always run)) {
    $s->file("htdocs/$dir/$_.html", "page $_\n")
        for map { ("a$_", "x$_") } 1 .. 12;
}
$s->file('htdocs/run/x.cgi', DjSession::Server::slurp('t/cgi/act'), 0755);
my %page = (
    fsize    => [qw(fsize file)],
    flastmod => [qw(flastmod file)],
    virtual  => [qw(fsize virtual)],
    include  => [qw(include virtual)],
    file     => [qw(include file)],
);
for my $name (sort keys %page) {
    my ($what, $by) = @{ $page{$name} };
    for my $dir (qw(ssi always)) {
        $s->file("htdocs/$dir/$name.shtml", join '',
            (map { qq(<!--#$what $by="x$_.html" -->;) } 1 .. 12), "end\n");
    }
}
my @pages = sort keys %page;
$s->file('htdocs/ssi/echo.shtml', '<!--#fsize file="x1.html" -->'
    . '<!--#include virtual="x2.html" -->'
    . '<!--#include virtual="/cgi/act" -->');
$s->file('htdocs/run/in.shtml', '<!--#fsize file="x1.html" -->'
    . '<!--#include virtual="x.cgi" -->');

my $b = $s->browser(name => 'filesid');
$b->act(u => { set => { who => 'ada' } });
my $K = $b->session_key;
my $right = qr{^filesid=\Q$K\E; .*\bPath=/section(?:;|$)};

# Served whole, and each cookie of the answer is as the section has it.
sub whole ($name, $r, $like) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $r->status, 200, "E01: $name is served";
    like $r->body, $like, "E01: $name is whole";
    my @cookies = $r->all('Set-Cookie');
    cmp_ok scalar(@cookies), '<=', 1, "E01: $name: one Set-Cookie at most";
    is join(' | ', grep { $_ !~ $right } @cookies), '',
        "E01: $name: with the name, key and path of the section";
    return;
}

my $listing = qr/x1\.html.*x12\.html|x12\.html.*x1\.html/s;
for my $round (1 .. 3) {
    whole("a listing, $round", $b->get('/list/'), $listing);
    whole("a sorted listing, $round", $b->get('/list/?C=S;O=D'), $listing);
    whole("$_, $round", $b->get("/ssi/$_.shtml"), qr/^(?:[^;]+;){12}end$/s)
        for @pages;
    whole("negotiation, $round", $b->get('/list/x3'), qr/^page x3$/);
    whole("a file of the section itself, $round",
        $b->get('/list/x3.html'), qr/^page x3$/);
}
whole('what a page measures before it includes', $b->get('/ssi/echo.shtml'),
    qr/^DJSESSION_DATA=\{"who":"ada"\}$/m);
whole('a program of the section, included', $b->get('/run/in.shtml'),
    qr/^DJSESSION_WHO=ada$/m);
is $b->data->{who}, 'ada', 'E01: the session is well';

# All of it at once, from several visitors.
my @said = parallel(4, sub ($i) {
    my $v = $b->other($K);
    my @bad;
    for my $path ('/list/', map { "/ssi/$_.shtml" } @pages) {
        my $r = $v->get($path);
        push @bad, $path if $r->status != 200
            || grep { $_ !~ $right } $r->all('Set-Cookie');
    }
    return "@bad";
});
is join('', @said), '', 'E01: and so it is for several visitors at a time';

# Who has no session gets none of a page that only looks at the section's
# files; where that makes one, it is the section's.
for my $path ('/list/', '/always/',
    map { ("/ssi/$_.shtml", "/always/$_.shtml") } @pages)
{
    my $visitor = $s->browser(name => 'filesid');
    my $r = $visitor->get($path);
    is $r->status, 200, "E01: without a cookie $path is served";
    my @cookies = $r->all('Set-Cookie');
    @cookies = grep { !m{^filesid=\w{32}; .*\bPath=/section(?:;|$)} } @cookies
        if $path =~ /always/;
    is "@cookies", '', "E01: and sets no cookie that is not the section's";
    next unless defined $visitor->session_key;
    is $visitor->state, 'live', 'E01: the one that was set is live';
}
whole('a listing with a dead cookie',
    $b->get('/list/', cookie => 'filesid=' . some_key()), $listing);
whole('a listing with junk', $b->get('/list/', cookie => 'filesid=x'),
    $listing);

# The store in trouble: the page has no sessions and is served.
$s->break_store;
is $b->get('/list/')->status, 200,
    'E01: with the store in trouble a listing is served';
is $b->get('/ssi/fsize.shtml')->status, 200, 'E01: and a page that measures';
is $b->get('/list/x3.html')->status, 503,
    'INV5: only who wants the section itself is told';
$s->mend_store;
is $b->data->{who}, 'ada', 'E01: and the session is well';

unlike $s->log, qr/AH00052/, 'E01: no child crashed';
$s->allows(qr/DJS101|DJS102/, qr/\[include:error\]/);
$s->stop;
done_testing;
