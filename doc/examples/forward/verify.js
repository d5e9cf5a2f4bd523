// Is this session really httpd's?  DjSessionForward with DjSessionForwardKey.
//
//     const session = verify(request.headers, key);  // null: believe nothing
//     if (session && session.state === 'live') user = session.user;
//
// key: Buffer.from(fs.readFileSync('forward.key', 'latin1').trim(), 'hex')
'use strict';
const crypto = require('crypto');

const NAMES = ['state', 'user', 'tag', 'created', 'expires', 'data'];

function verify(headers, key, maxAge = 30) {
  const signature = headers['x-djsession-signature'] || '';
  const match = /^t=([0-9]{1,15}),v1=([0-9a-f]{64})$/.exec(signature);
  if (!match || Math.abs(Date.now() / 1000 - Number(match[1])) > maxAge) {
    return null;
  }
  const values = NAMES.map((name) => headers['x-djsession-' + name]);
  const signed = [match[1], ...values.map((value) => value || '')].join('\n');
  const mac = crypto.createHmac('sha256', key)
    .update(signed, 'latin1').digest(); // Node reads header bytes as Latin-1
  if (!crypto.timingSafeEqual(mac, Buffer.from(match[2], 'hex'))) {
    return null;
  }
  const text = (value) => value && Buffer.from(value, 'latin1').toString();
  return Object.fromEntries(NAMES.map((name, i) => [name, text(values[i])]));
}

module.exports = { verify };
