// A back end that answers what doc/examples/forward/verify.js makes of the
// headers, and the headers. Arguments: directory of the example, key file, port.
'use strict';
const fs = require('fs');
const http = require('http');
const [directory, keyFile, port] = process.argv.slice(2);
const { verify } = require(directory + '/verify.js');
const key = Buffer.from(fs.readFileSync(keyFile, 'latin1').trim(), 'hex');

http.createServer((request, response) => {
  const seen = Object.fromEntries(Object.entries(request.headers)
    .filter(([name]) => name.startsWith('x-djsession-')));
  response.end(JSON.stringify({ verified: verify(request.headers, key), seen }));
}).listen(Number(port), '127.0.0.1');
