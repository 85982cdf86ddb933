// A function behind HTTP, as people write them, for the stories of tests/e2e: node server.mjs, which prints
// its port; with TLS_KEY and TLS_CERT, two files, over TLS, HTTP/2 for those who can. It verifies what is signed with any of the secrets in SECRETS (divided by spaces), and keeps a
// record of every request, which GET /records tells.
//
//   /fulfil?ms=50            works so long, then returns what it did as JSON
//   /fail?times=2&status=503 fails so often for each idempotency key, then fulfils; after=1 asks to wait 1 s
//   /say?status=200&type=text/plain&body=...&location=...
//   /later?ms=2000&steps=4   answers 202, works so long and says how far it is, then calls back; early=1 calls back
//                            before the 202, silent=1 never, fail=1 with a failure. What it was answered is in calls
//   /echo                    its own header back, secrets and all
//
// Each of them with signed=1: 401 to whoever signs with none of its secrets.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { Webhook } from 'standardwebhooks';

const secrets = (process.env.SECRETS ?? '').split(' ').filter(Boolean);
const records = [];
const failures = new Map();
let connections = 0;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// With which of the secrets the signature is good.
function verifiedBy(body, headers) {
  return secrets.filter((secret) => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch {
      return false;
    }
  });
}

function answer(response, status, body, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

async function fulfil(response, query, record) {
  await pause(Number(query.get('ms') ?? 0));
  answer(response, 200, { fulfilled: record.body ? JSON.parse(record.body).payload : null });
}

async function fail(response, query, record) {
  const key = record.headers['idempotency-key'];
  const before = failures.get(key) ?? 0;
  if (before >= Number(query.get('times') ?? 1)) return fulfil(response, query, record);
  failures.set(key, before + 1);
  const headers = query.has('after') ? { 'retry-after': query.get('after') } : {};
  answer(response, Number(query.get('status') ?? 503), { error: 'not yet' }, headers);
}

// Calls back until somebody hears it.
async function callBack({ url, token }, message, record) {
  for (;;) {
    try {
      const heard = await fetch(url, { method: 'POST', body: JSON.stringify(message),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } });
      const body = await heard.json();
      if (heard.status < 500) {
        record.calls.push({ status: heard.status, body });
        return;
      }
    } catch {
      // nobody is there
    }
    await pause(100);
  }
}

async function later(response, query, record) {
  const { callback } = JSON.parse(record.body);
  const ms = Number(query.get('ms') ?? 0), steps = Number(query.get('steps') ?? 1);
  record.calls = [];
  if (callback && query.has('early')) await callBack(callback, { status: 'completed', result: { early: true } }, record);
  answer(response, 202, { accepted: true });
  if (!callback || query.has('silent') || query.has('early')) return;
  for (let step = 0; step < steps; step++) {
    await callBack(callback, { status: 'running', percent: (100 * step) / steps, message: `step ${step + 1} of ${steps}` }, record);
    await pause(ms / steps);
  }
  const end = query.has('fail') ? { status: 'failed', error: 'no luck', is_final: true } : { status: 'completed', result: { worked: ms } };
  await callBack(callback, end, record);
}

function say(response, query) {
  const headers = query.has('location') ? { location: query.get('location') } : {};
  answer(response, Number(query.get('status') ?? 200), query.get('body') ?? '', {
    ...headers, 'content-type': query.get('type') ?? 'text/plain' });
}

const routes = {
  '/fulfil': fulfil,
  '/fail': fail,
  '/later': later,
  '/say': say,
  '/echo': (response, query, record) => answer(response, 200, record.headers),
  '/records': (response) => answer(response, 200, { records, connections }),
};

async function serve(request, response) {
  const url = new URL(request.url, 'http://function');
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const record = { method: request.method, path: url.pathname, query: url.search, headers: request.headers, body,
    http_version: request.httpVersion, verified_by: verifiedBy(body, request.headers), at: Date.now(), is_answered: false };
  if (url.pathname !== '/records') records.push(record);
  response.on('finish', () => { record.is_answered = true; });
  if (request.method === 'OPTIONS') return response.writeHead(routes[url.pathname] ? 204 : 404).end();
  if (!routes[url.pathname]) return answer(response, 404, { error: 'no such function' });
  if (url.searchParams.has('signed') && !record.verified_by.length) return answer(response, 401, { error: 'who are you?' });
  return routes[url.pathname](response, url.searchParams, record);
}

const { TLS_KEY, TLS_CERT } = process.env;
const server = TLS_KEY
  ? http2.createSecureServer({ key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT), allowHTTP1: true }, serve)
  : http.createServer(serve);
server.on(TLS_KEY ? 'secureConnection' : 'connection', () => { connections += 1; });
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(server.address().port));
