<?php
// A back end that answers what doc/examples/forward/verify.php makes of the
// headers, and the headers. Environment: DIRECTORY of the example, KEY file.
require getenv('DIRECTORY') . '/verify.php';
$key = hex2bin(trim(file_get_contents(getenv('KEY'))));
$seen = [];
foreach ($_SERVER as $name => $value) {
    if (str_starts_with($name, 'HTTP_X_DJSESSION_')) {
        $seen[strtolower(strtr(substr($name, 5), '_', '-'))] =
            from_latin1($value);
    }
}
function from_latin1(string $bytes): string
{
    return preg_replace_callback('/[\x80-\xff]/', fn ($m) =>
        chr(0xc0 | ord($m[0]) >> 6) . chr(0x80 | ord($m[0]) & 0x3f), $bytes);
}
echo json_encode(['verified' => djsession_verify($_SERVER, $key),
    'seen' => $seen]);
