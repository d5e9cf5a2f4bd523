<?php
/* Is this session really httpd's?  DjSessionForward with DjSessionForwardKey.
 *
 *     $session = djsession_verify($_SERVER, $key);  // null: believe nothing
 *     if ($session && $session['state'] === 'live') { $user = $session['user']; }
 *
 * $key: hex2bin(trim(file_get_contents('forward.key')))
 */
function djsession_verify(array $server, string $key, int $maxAge = 30): ?array
{
    $names = ['state', 'user', 'tag', 'created', 'expires', 'data'];
    $signature = $server['HTTP_X_DJSESSION_SIGNATURE'] ?? '';
    $form = '/\At=([0-9]{1,15}),v1=([0-9a-f]{64})\z/';
    if (!preg_match($form, $signature, $match)
        || abs(time() - (int) $match[1]) > $maxAge) {
        return null;
    }
    $values = [];
    foreach ($names as $name) {
        $values[$name] = $server['HTTP_X_DJSESSION_' . strtoupper($name)] ?? null;
    }
    $signed = implode("\n", [$match[1], ...array_values($values)]);
    if (!hash_equals(hash_hmac('sha256', $signed, $key), $match[2])) {
        return null;
    }
    return $values;
}
