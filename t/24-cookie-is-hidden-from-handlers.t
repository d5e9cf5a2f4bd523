# Our cookie, and only ours, is taken out of what handlers and back ends see;
# every other byte stays. The policy of the final location decides.
# MPMs: event
use v5.36;
use lib 't/lib';
use DjSession::Test;

my $back = backend();
my $s = server(conf => <<"END");
ProxyPass /back http://127.0.0.1:${\ $back->port}/
Alias /ssi/ "\@DIR\@/htdocs/ssi/"
<Directory "\@DIR\@/htdocs/ssi">
  Options +Includes
  SetOutputFilter INCLUDES
</Directory>
<Location /cgi/act/shown>
  DjSessionHideCookie Off
</Location>
<Location /cgi/act/off>
  DjSession Off
</Location>
RewriteEngine On
RewriteRule ^/to/(.*) /cgi/act/\$1 [PT]
ErrorDocument 404 /cgi/act
Redirect 410 /gone
ErrorDocument 410 /cgi/act/shown
END
$s->file('htdocs/ssi/page.html', '<!--#printenv -->');
my $b = $s->browser;
$b->act(u => { set => { a => 1 } });
my $K = $b->session_key;

# Cookie header in, Cookie header out (undef: none).
my @rows = (
    ["sessionid=$K",                          undef],
    ["sessionid=$K;",                         undef],
    ["; ;sessionid=$K; ;",                    undef],
    ["foo=1; sessionid=$K; bar=2",            'foo=1; bar=2'],
    ["foo=1;sessionid=$K;bar=2",              'foo=1;bar=2'],
    ["sessionid=$K; foo=1",                   'foo=1'],
    ["foo=1; sessionid=$K",                   'foo=1'],
    ["foo=1",                                 'foo=1'],
    ["foo=\"a b\"; sessionid=$K; b=%20=\\,",  'foo="a b"; b=%20=\\,'],
    ["sessionid=$K; a=1; sessionid=$K",       'a=1'],
    ["a=1, sessionid=$K, b=2",                'a=1, b=2'],
    ["sessionid=junk; a=1",                   'a=1'],
    ["sessionid=; a=1",                       'a=1'],
    ["xsessionid=$K; a=1",                    "xsessionid=$K; a=1"],
    ["a=sessionid; b=1",                      'a=sessionid; b=1'],
);
# The rest must be the same byte for byte; blanks around separators that
# belonged to a removed cookie may go with it.
sub squeezed ($text) { return defined $text ? $text =~ s/([;,]) */$1/gr : '-' }

for my $row (@rows) {
    my ($in, $out) = @$row;
    my $env = $b->get('/cgi/act', cookie => $in)->env;
    my $name = $in =~ s/\Q$K\E/KEY/gr;
    is squeezed($env->{HTTP_COOKIE}), squeezed($out), "A27: CGI: $name";
    my $raw = $b->get('/back', cookie => $in)->body;
    my ($sent) = $raw =~ /^Cookie: *(.*?)\r?$/mi;
    is squeezed($sent), squeezed($out), "A27: proxied: $name";
}
my $env = $b->get('/cgi/act', cookie => 'a=1',
    headers => ["Cookie: sessionid=$K", 'Cookie: b=2'])->env;
is squeezed($env->{HTTP_COOKIE}), squeezed('a=1, b=2'), 'A27: three lines';

# Nowhere is the key itself told.
for my $path ('/cgi/act', '/cgi/act/x?y', '/back', '/ssi/page.html', '/to/x',
    '/missing')
{
    my $r = $b->get($path);
    ok index($r->body, $K) < 0, "D14: the key is not in what $path sees";
    ok index($r->head, $K) < 0, "D14: nor in the answer's head";
}

# The policy of the location that serves in the end.
like $b->get('/cgi/act/shown')->env->{HTTP_COOKIE}, qr/\Q$K\E/,
    'A27: DjSessionHideCookie Off shows it';
is $b->get('/to/x')->env->{HTTP_COOKIE}, undef,
    'E03: hidden after a rewrite';
like $b->get('/to/shown')->env->{HTTP_COOKIE}, qr/\Q$K\E/,
    'E03: shown where the final location says so';
is $b->get('/missing')->env->{HTTP_COOKIE}, undef,
    'E03: hidden in an error document';
my $r = $b->get('/gone');
is $r->status, 410, 'E03: an error document in a showing location';
like $r->env->{HTTP_COOKIE} // '', qr/\Q$K\E/, 'E03: shows it';
$env = $b->get('/cgi/act/off')->env;
like $env->{HTTP_COOKIE}, qr/\Q$K\E/,
    'E03: DjSession Off leaves the Cookie header alone';

$s->stop;
done_testing;
