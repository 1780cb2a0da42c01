import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HttpGateway, type HttpGatewayOptions, standardPolicy } from '../../e2e/http-gateway.ts';
import { type CertificateAuthority, makeAuthority } from '../../servers/certificates.ts';
import { envoyBinary } from '../../servers/envoy.ts';
import { startHttpTarget } from '../../servers/http-target.ts';

let authority: CertificateAuthority;
let files: Readonly<Record<string, string>>;
beforeAll(async () => {
  await envoyBinary();
  authority = await makeAuthority();
  const server = await authority.issue('gateway', ['DNS:localhost']);
  files = { 'server.pem': server.certificate, 'server.key': server.key };
}, 600_000);
afterAll(() => authority.close());

const tls = 'tls: {certificate: file:server.pem, key: file:server.key';

test.each<[string, HttpGatewayOptions, RegExp]>([
  ['a URL with dots in its path', { url: 'https://a.example/v1/../x' }, /url.* must have a path of letters/],
  [
    'a URL with an escape in its path',
    { url: 'https://a.example/v%31' },
    /url.* must have a path of letters/,
  ],
  ['a stream with an escape', { target: ['streams: [/a%20b]'] }, /streams.* must be a path such as/],
  [
    'a stream beside the URL’s path',
    { url: 'https://a.example/v1', target: ['streams: [/v2/x]'] },
    /streams.* must begin with the path of url, \/v1/,
  ],
  ['a URL with a password', { url: 'https://u:p@a.example' }, /url.* must not hold a user or a password/],
  ['a URL of another scheme', { url: 'ftp://a.example' }, /url.* must be a URL such as/],
  [
    'a host name with a port',
    { target: ['hosts: ["a.example:80"]'] },
    /hosts.* must be a host name in lower case/,
  ],
  ['a wildcard', { target: ["hosts: ['*.example']"] }, /hosts.* must be a host name/],
  [
    'two credentials',
    { target: ['credential: {bearer: env:TARGET_TOKEN, header: {name: X-Key, value: env:TARGET_TOKEN}}'] },
    /credential.* must be one of bearer, basic and header/,
  ],
  [
    'a credential written down',
    { target: ['credential: {bearer: hunter2}'] },
    /must be a reference to a secret/,
  ],
  [
    'a credential that no header can hold',
    { target: ['credential: {bearer: env:BROKEN}'], env: { BROKEN: 'a\nb' } },
    /characters that no header can hold/,
  ],
  [
    'a credential in Host',
    { target: ['credential: {header: {name: Host, value: env:TARGET_TOKEN}}'] },
    /is not a header for credentials/,
  ],
  ['TLS to a plain URL', { target: ['tls: {}'] }, /tls.* belongs to an https:\/\/ URL/],
  [
    'a certificate without its key',
    { url: 'https://a.example', target: ['tls: {certificate: file:server.pem}'] },
    /needs certificate and key together/,
  ],
  ['a body larger than is carried', { target: ['maxBody: 5MiB'] }, /maxBody.* must be at most 4MiB/],
  [
    'a listener that need not speak TLS',
    { listener: [`${tls}, required: false}`] },
    /required.* cannot be false/,
  ],
  [
    'OAuth on an HTTP listener',
    { listener: ['oauth: {issuer: test, scope: openid}'] },
    /oauth.* belongs to listeners that speak postgres/,
  ],
  [
    'two targets with one host name',
    { target: ['hosts: [a.example]'], second: 'other, hosts: [a.example]' },
    /Targets billing and other both have the host name a\.example/,
  ],
  [
    'a mask of what is no path',
    { policy: `${standardPolicy}    masks: [{fields: ['users[0].email'], with: full}]\n` },
    /is not a path into JSON; write names with dots between/,
  ],
  [
    'a mask of what is no header',
    { policy: `${standardPolicy}    masks: [{fields: ['header:Location'], with: full}]\n` },
    /names no header; write it in lower case/,
  ],
  [
    'a mask of a header that says what follows',
    { policy: `${standardPolicy}    masks: [{fields: ['header:content-type'], with: full}]\n` },
    /the header content-type cannot be masked/,
  ],
  [
    'a limit of rows',
    { policy: `${standardPolicy}    limits: {rows: 5}\n` },
    /what target billing answers does not come in rows/,
  ],
  [
    'an unmasked type that is none',
    { target: ['unmasked: [png]'] },
    /unmasked.* must be a media type such as image\/png/,
  ],
  [
    'a verb of SQL',
    { policy: standardPolicy.replace('[get, head]', '[select]') },
    /"select" is a verb of postgres/,
  ],
  [
    'a template that cannot be',
    { policy: standardPolicy.replace('/users/{id}', '/users/*') },
    /a star within a segment/,
  ],
])('check refuses %s', async (_, options, message) => {
  const { status, stdout } = await HttpGateway.check({ ...options, files });
  expect(stdout).toMatch(message);
  expect(status).toBe(2);
});

test('check --online connects to the target, and asks it nothing', async () => {
  const reached = await HttpGateway.check({}, '--online');
  expect(reached.stdout).toContain('reached target billing');
  expect(reached.status).toBe(0);
  const gone = await startHttpTarget();
  await gone.stop();
  const failed = await HttpGateway.check({ url: `http://127.0.0.1:${gone.port}` }, '--online');
  expect(failed.stdout).toMatch(/target billing: cannot be reached: .*ECONNREFUSED/);
  expect(failed.status).toBe(1);
});

test('policy explain says how a request would be decided, without a target', async () => {
  const explain = (text: string) =>
    HttpGateway.explain(
      {},
      '--as',
      'agent-7',
      '--kind',
      'agent',
      '--target',
      'billing',
      '--text',
      text,
      '--json',
    );
  expect(await explain('GET /users/7')).toMatchObject({
    decision: 'allow',
    rule: 'agents/read',
    effects: ['get'],
  });
  expect(await explain('DELETE /orders/1')).toMatchObject({ decision: 'hold', rule: 'agents/change' });
  expect(await explain('GET /Admin/x')).toMatchObject({ decision: 'deny', rule: 'agents/no-admin' });
  expect(await explain('GET /x;y\nx-tenant: acme')).toMatchObject({
    decision: 'deny',
    opaque: ['path-parameters'],
  });
});
