import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { maxBodyBytes, maxHeaderBytes } from '../../services/console/api/limits.ts';
import { startApi } from '../../services/console/api/server.ts';
import { action } from '../core/policy/actors.ts';
import { digestOf, startConsole, type TestConsole } from './gateway.ts';
import { ask } from './http.ts';

let gateway: TestConsole;

beforeAll(async () => {
  gateway = await startConsole();
});

afterAll(() => gateway.stop());

const get = (path: string, token: string | null = gateway.token('bob', 'dba')) =>
  ask(gateway.socketPath, path, { token });
const post = (path: string, body: unknown, token: string | null = gateway.token('bob', 'dba')) =>
  ask(gateway.socketPath, path, { token, body });

/** `status code` of a problem, or the status of an answer that is none. */
const outcome = ({ status, text }: { readonly status: number; readonly text: string }): string =>
  status === 200 ? '200' : `${status} ${JSON.parse(text).code}`;

describe('a request', () => {
  test('needs a token, whoever sends it: root is nobody here', async () => {
    const answer = await get('/v1/status', null);
    expect(outcome(answer)).toBe('401 unauthenticated');
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="sallyport-console"');
    expect(answer.json).toEqual({
      type: 'urn:sallyport:problem:unauthenticated',
      title: 'A token is needed',
      status: 401,
      detail: 'The request carries no token.',
      code: 'unauthenticated',
      hint: expect.stringContaining('sallyport login'),
    });
    // `/health` alone needs none, and only as it stands here.
    for (const path of ['/openapi.json', '/v1/holds', '/nowhere', '/health?x', '/health/', '//health']) {
      expect(outcome(await get(path, null))).toBe('401 unauthenticated');
    }
    expect(await get('/health', null)).toMatchObject({ status: 204, text: '' });
  });

  test('TOK-035: with a token for targets is told what is wrong with it', async () => {
    const answer = await get('/v1/holds', gateway.issuer.mint({ sub: 'bob', kind: 'person' }));
    expect(outcome(answer)).toBe('401 token-rejected');
    expect(answer.json['detail']).toMatch(/its audience \(aud\) must be "https:\/\/sallyport.test\/console"/);
  });

  test.each([
    ['an agent', { kind: 'agent' }],
    ['a workload', { kind: 'workload' }],
    ['an agent for a person', { act: { sub: 'agent-7' } }],
    ['an expired token', { exp: 1_700_000_000, iat: 1_699_999_000 }],
  ])('of %s is refused', async (_, claims) => {
    expect(outcome(await get('/v1/status', gateway.issuer.mintConsole('bob', claims)))).toBe(
      '401 token-rejected',
    );
  });

  test('of a disabled person is refused', async () => {
    expect(outcome(await get('/v1/status', gateway.token('mallory', 'dba')))).toBe('403 principal-disabled');
  });

  test.each(['Basic Ym9iOmJvYg==', 'Bearer', 'Bearer a b', 'Bearer \u00e9'])(
    'with %j for a token is refused',
    async (authorization) => {
      const answer = await ask(gateway.socketPath, '/v1/status', { headers: { authorization } });
      expect(outcome(answer)).toBe('401 unauthenticated');
    },
  );

  test('while the issuer’s keys cannot be had is told to come again', async () => {
    const other = await startConsole();
    other.issuer.behaviour = 'down';
    const answer = await ask(other.socketPath, '/v1/status', { token: other.token('bob') });
    expect(outcome(answer)).toBe('503 identity-unavailable');
    expect(answer.headers['retry-after']).toBe('2');
    await other.stop();
  });

  test('for nothing that is there', async () => {
    const answer = await get('/v1/nowhere');
    expect(outcome(answer)).toBe('404 not-found');
    expect(answer.headers['content-security-policy']).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(
      outcome(await ask(gateway.socketPath, '/v1/holds', { token: gateway.token('bob'), method: 'DELETE' })),
    ).toBe('404 not-found');
  });

  test('that breaks the form is refused with all that is wrong', async () => {
    const answer = await get('/v1/holds?limit=0&state=none&x=1');
    expect(outcome(answer)).toBe('400 invalid-request');
    expect(answer.json['detail']).toMatch(/query\.limit: .*; query\.state: .*; query: .*"x"/);
    expect(outcome(await get('/v1/holds?after=h_nobody'))).toBe('400 invalid-request');
    expect(outcome(await get('/v1/holds/%zz'))).toBe('400 invalid-request');
    const votes = '/v1/holds/h_x/votes';
    expect(outcome(await post(votes, '{'))).toBe('400 invalid-request');
    expect(outcome(await post(votes, ''))).toBe('400 invalid-request');
    expect(outcome(await post(votes, '{"__proto__": {"verdict": "approve"}}'))).toBe('400 invalid-request');
    expect(outcome(await post(votes, `{"reason": "${'x'.repeat(maxBodyBytes)}"}`))).toBe('413 too-large');
    const form = { 'content-type': 'text/plain' };
    const asForm = { token: gateway.token('bob'), body: 'verdict=approve', headers: form };
    expect(outcome(await ask(gateway.socketPath, votes, asForm))).toBe('415 unsupported-media-type');
  });

  test('with headers over the limit, and what is no request at all, get a problem as well', async () => {
    const headers = { 'x-long': 'x'.repeat(maxHeaderBytes) };
    expect(outcome(await ask(gateway.socketPath, '/v1/status', { headers }))).toBe('413 too-large');
    const socket = connect(gateway.socketPath);
    socket.end('HELO\r\n\r\n');
    let said = '';
    socket.setEncoding('utf8');
    for await (const part of socket) said += part;
    expect(said).toMatch(/^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
  });
});

describe('the socket', () => {
  test('is for this user alone, in a folder that is', async () => {
    expect((await stat(gateway.socketPath)).mode & 0o777).toBe(0o600);
  });

  const elsewhere = (name: string) => ({
    ...gateway.options,
    socketPath: join(gateway.stateDir, name, 'api.sock'),
  });

  test('is not bound in a folder that others may enter, or that is not there', async () => {
    await mkdir(join(gateway.stateDir, 'open'));
    await chmod(join(gateway.stateDir, 'open'), 0o711);
    await expect(startApi(elsewhere('open'))).rejects.toMatchObject({
      code: 'unsafe-folder',
      message: expect.stringContaining('chmod 700'),
    });
    await expect(startApi(elsewhere('absent'))).rejects.toMatchObject({ code: 'unsafe-folder' });
  });

  test('is not taken from a process that serves on it', async () => {
    await expect(startApi(gateway.options)).rejects.toMatchObject({ code: 'socket-in-use' });
    expect(outcome(await get('/v1/status'))).toBe('200');
  });

  test('takes the place of one that a killed process left, and of nothing else', async () => {
    await mkdir(join(gateway.stateDir, 'left'), { mode: 0o700 });
    const options = elsewhere('left');
    const code = `require('net').createServer().listen(${JSON.stringify(options.socketPath)}, () => console.log('bound'))`;
    const killed = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    expect((await stat(options.socketPath)).isSocket()).toBe(true);
    await (await startApi(options)).close();
    await writeFile(options.socketPath, '');
    await expect(startApi(options)).rejects.toMatchObject({ code: 'not-a-socket' });
  });
});

describe('status and whoami', () => {
  test('tell how the gateway is', async () => {
    const { json } = await get('/v1/status');
    expect(json).toMatchObject({
      version: '0.0.0-test',
      policy: { policies: ['shop'], refused: false, problems: [] },
      trail: { writable: true },
      listeners: [{ name: 'inside', protocol: 'sql', address: '127.0.0.1', port: 0, tls: false }],
      sessions: expect.any(Number),
      openHolds: expect.any(Number),
    });
  });

  test('tell whom the token stands for, and what they may do', async () => {
    const { json } = await get('/v1/whoami', gateway.token('bob', 'dba', 'sre'));
    expect(json).toMatchObject({
      issuer: gateway.issuer.url,
      subject: 'bob',
      groups: ['dba', 'sre'],
      roles: { operator: true, auditor: false },
    });
  });
});

describe('holds', () => {
  const listed = async (token: string): Promise<readonly unknown[]> => {
    const { json } = await get('/v1/holds?limit=500', token);
    return (json['items'] as { id: string }[]).map(({ id }) => id); // as: the page's schema, checked below
  };

  test('are seen by who could decide, who asks, and who looks after it all; to others they are not there', async () => {
    const { id } = await gateway.hold();
    const who = {
      approver: gateway.token('bob', 'dba'),
      requester: gateway.token('ada'),
      operator: gateway.token('olga', 'sre'),
      auditor: gateway.token('anna', 'audit'),
      stranger: gateway.token('eve', 'sales'),
    };
    for (const [name, token] of Object.entries(who)) {
      const sees = name !== 'stranger';
      expect([name, (await listed(token)).includes(id)]).toEqual([name, sees]);
      const answer = await get(`/v1/holds/${id}`, token);
      expect([name, outcome(answer)]).toEqual([name, sees ? '200' : '404 not-found']);
    }
    const absent = await get(`/v1/holds/h_AAAAAAAAAAAAAAAAAAAAAA`, who.stranger);
    const unseen = await get(`/v1/holds/${id}`, who.stranger);
    expect(unseen.text.replace(id, 'h_AAAAAAAAAAAAAAAAAAAAAA')).toBe(absent.text);
  });

  test('are shown whole, to the last character', async () => {
    const text = `DELETE FROM app.orders WHERE id = 1${' '.repeat(5000)}OR true`;
    const { id, digest } = await gateway.hold({ text, parameters: ['1', null, 'x\u0000y'] });
    const { json } = await get(`/v1/holds/${id}`);
    expect(json).toMatchObject({
      id,
      digest,
      text,
      parameters: ['1', null, 'x\u0000y'],
      state: 'open',
      rule: 'shop/writes',
      requester: { issuer: gateway.issuer.url, subject: 'agent-7' },
      effects: ['delete app.orders'],
      clientWaits: false,
      mayVote: true,
      quorum: 1,
      grant: { kind: 'exact' },
      votes: [],
    });
    const { json: page } = await get('/v1/holds?limit=1');
    const [first] = page['items'] as { preview: string; textCharacters: number }[]; // as: the page's schema, checked below
    expect(first).toMatchObject({ preview: text.slice(0, 200), textCharacters: text.length });
  });

  test('come page by page', async () => {
    const ids = [await gateway.hold(), await gateway.hold(), await gateway.hold()].map(({ id }) => id);
    const seen: string[] = [];
    for (let after = ''; ; ) {
      const { json } = await get(`/v1/holds?limit=1${after}`);
      seen.push(...(json['items'] as { id: string }[]).map(({ id }) => id)); // as: the page's schema, checked below
      if (json['next'] === null) break;
      after = `&after=${json['next']}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(ids.every((id) => seen.includes(id))).toBe(true);
  });

  test('in their effects and text may hold whatever clients send: no raw control comes out', async () => {
    const text = "SELECT '<img src=x onerror=fetch(`/approve/1`)>', '\u001b]0;x\u0007\u009b31m\u202e'";
    const { id } = await gateway.hold({ text });
    const { text: body, json, headers } = await get(`/v1/holds/${id}`);
    expect(body).toMatch(/^[\x20-\x7e]*$/);
    expect(json['text']).toBe(text);
    // TOK-055: a browser that is led here neither guesses a type nor runs anything.
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
    });
  });

  test('are not changed by looking at them', async () => {
    const { id } = await gateway.hold();
    const before = await gateway.approvals.show(id);
    // TOK-037: what previews links, and what guesses at one that would approve.
    for (const path of [
      `/v1/holds/${id}`,
      `/v1/holds/${id}/votes`,
      `/v1/holds/${id}/votes?verdict=approve`,
    ]) {
      await get(path);
    }
    expect(await gateway.approvals.show(id)).toEqual(before);
  });
});

describe('a vote', () => {
  const vote = (id: string, changes: Record<string, unknown> = {}, token = gateway.token('bob', 'dba')) =>
    post(
      `/v1/holds/${id}/votes`,
      { verdict: 'approve', reason: 'ticket 42', digest: digestOf(id as never), ...changes }, // as: ids that nobody has, as well
      token,
    );
  const recordedOf = async (id: string) =>
    (await gateway.recorded('hold-vote'))
      .filter((record) => record['hold'] === id)
      .map(({ approver, verdict, reason, refused }) => ({ approver, verdict, reason, refused }));
  const bob = () => ({ issuer: gateway.issuer.url, subject: 'bob' });

  test('approves, and stands in the trail before it is answered', async () => {
    const { id } = await gateway.hold();
    const answer = await vote(id);
    expect(answer.json).toMatchObject({
      approvalsLeft: 0,
      hold: { id, state: 'approved', mayVote: false, votes: [{ approver: bob(), reason: 'ticket 42' }] },
    });
    expect(await recordedOf(id)).toEqual([
      { approver: bob(), verdict: 'approve', reason: 'ticket 42', refused: null },
    ]);
  });

  test('rejects', async () => {
    const { id } = await gateway.hold();
    expect((await vote(id, { verdict: 'reject' })).json).toMatchObject({ hold: { state: 'rejected' } });
  });

  test('is counted towards a quorum', async () => {
    const { id } = await gateway.hold({ approval: { quorum: 2 } });
    expect((await vote(id)).json).toMatchObject({ approvalsLeft: 1, hold: { state: 'open', approvals: 1 } });
    expect(outcome(await vote(id))).toBe('409 already-voted');
    expect((await vote(id, {}, gateway.token('cleo', 'dba'))).json).toMatchObject({
      approvalsLeft: 0,
      hold: { state: 'approved' },
    });
    expect((await recordedOf(id)).map(({ refused }) => refused)).toEqual([null, 'already-voted', null]);
  });

  test('TOK-049: on something else than what was shown is refused', async () => {
    const { id } = await gateway.hold();
    expect(outcome(await vote(id, { digest: '0'.repeat(64) }))).toBe('409 digest-mismatch');
    expect((await gateway.approvals.show(id))?.votes).toEqual([]);
    expect(await recordedOf(id)).toMatchObject([{ refused: 'digest-mismatch' }]);
  });

  test('TOK-039: of the requester, or of whom it acts for, is refused and recorded', async () => {
    const { id } = await gateway.hold();
    expect(outcome(await vote(id, {}, gateway.token('ada', 'dba')))).toBe('403 requester-cannot-approve');
    expect(await recordedOf(id)).toMatchObject([{ refused: 'requester-cannot-approve' }]);
  });

  test('of somebody else than an approver is refused; to a stranger the hold is not there', async () => {
    const { id } = await gateway.hold();
    expect(outcome(await vote(id, {}, gateway.token('olga', 'sre')))).toBe('403 not-an-approver');
    const stranger = gateway.token('eve');
    const unseen = await vote(id, {}, stranger);
    const absent = await vote('h_AAAAAAAAAAAAAAAAAAAAAA', {}, stranger);
    // TOK-053: also with the wrong digest, which would tell that it is there.
    const guessed = await vote(id, { digest: '0'.repeat(64) }, stranger);
    expect(outcome(unseen)).toBe('404 not-found');
    expect(guessed.text).toBe(unseen.text);
    expect(unseen.text.replace(id, 'h_AAAAAAAAAAAAAAAAAAAAAA')).toBe(absent.text);
    expect(await recordedOf(id)).toMatchObject([
      { refused: 'not-an-approver' },
      { refused: 'not-an-approver' },
      { refused: 'not-an-approver' },
    ]);
    expect(await recordedOf('h_AAAAAAAAAAAAAAAAAAAAAA')).toMatchObject([{ refused: 'unknown-hold' }]);
  });

  test('on what has ended is refused', async () => {
    const { id } = await gateway.hold();
    await vote(id, { verdict: 'reject' });
    expect(outcome(await vote(id, {}, gateway.token('cleo', 'dba')))).toBe('409 not-open');
    const withdrawn = await gateway.hold();
    await gateway.approvals.withdraw(withdrawn.id);
    expect(outcome(await vote(withdrawn.id))).toBe('409 not-open');
  });

  test('TOK-043: of many at once, one is counted', async () => {
    const { id } = await gateway.hold();
    const token = gateway.token('bob', 'dba');
    const answers = await Promise.all(Array.from({ length: 8 }, () => vote(id, {}, token)));
    expect(answers.map(outcome).sort()).toEqual(['200', ...Array(7).fill('409 not-open')]);
  });

  test('must say why, in so many words', async () => {
    const { id } = await gateway.hold();
    for (const reason of ['', ' \n ', undefined, 7, 'é'.repeat(2049)]) {
      expect(outcome(await vote(id, { reason }))).toBe('400 invalid-request');
    }
    expect(outcome(await vote(id, { reason: 'é'.repeat(2048) }))).toBe('200');
  });

  test('TOK-057: with line breaks in its reason forges no record and no log line', async () => {
    const { id } = await gateway.hold();
    const reason = 'fine\r\n{"kind":"hold-vote","approver":"ceo","verdict":"approve"}\u2028x';
    await vote(id, { reason });
    expect(await recordedOf(id)).toEqual([{ approver: bob(), verdict: 'approve', reason, refused: null }]);
    expect((await gateway.recorded('hold-vote')).filter(({ approver }) => approver === 'ceo')).toEqual([]);
  });

  test('reaches the client that waits', async () => {
    const session = gateway.session();
    const submitted = session.submit(action(['delete app.orders']), null);
    if (submitted.kind !== 'hold') throw new Error('it is not held');
    const pending = session.hold(submitted, { revalidate: async () => submitted.action.intent });
    const noticed = new Promise<string>((resolve) => pending.onNotice(({ id }) => resolve(id)));
    const id = await noticed;
    const { json } = await get(`/v1/holds/${id}`);
    expect(json).toMatchObject({ clientWaits: true, session: session.id });
    const answer = await post(`/v1/holds/${id}/votes`, {
      verdict: 'approve',
      reason: 'seen',
      digest: json['digest'],
    });
    expect(answer.json).toMatchObject({ hold: { state: 'approved' } });
    expect(await pending.settled).toMatchObject({ kind: 'release', approvers: [bob()] });
  });
});

describe('sessions', () => {
  test('are listed for operators and auditors', async () => {
    const { id } = gateway.session('agent-9');
    for (const [group, expected] of [
      ['sre', '200'],
      ['audit', '200'],
      ['dba', '403 not-permitted'],
    ] as const) {
      expect(outcome(await get('/v1/sessions', gateway.token('olga', group)))).toBe(expected);
    }
    const { json } = await get('/v1/sessions?limit=500', gateway.token('olga', 'sre'));
    expect(json['items']).toContainEqual({
      id,
      protocol: 'sql',
      process: 'gateway-1',
      target: 'shop',
      principal: { issuer: gateway.issuer.url, subject: 'agent-9', kind: 'agent', actsFor: [] },
      source: '10.1.2.3:50000',
      openedAt: expect.any(String),
      lastActiveAt: expect.any(String),
      actions: 0,
    });
  });

  test('are ended by operators, on record', async () => {
    const { id } = gateway.session();
    const kill = (token: string, body: unknown = { reason: 'runs wild' }) =>
      post(`/v1/sessions/${id}/kill`, body, token);
    const operator = gateway.token('olga', 'sre');
    expect(outcome(await kill(gateway.token('eve')))).toBe('404 not-found');
    expect(outcome(await kill(gateway.token('anna', 'audit')))).toBe('403 not-permitted');
    expect(outcome(await kill(operator, {}))).toBe('400 invalid-request');
    expect((await kill(operator)).json).toEqual({ session: id, recorded: true });
    expect(outcome(await kill(operator))).toBe('404 not-found');
    expect(await gateway.recorded('session-killed')).toMatchObject([
      { session: id, by: { subject: 'olga' }, reason: 'runs wild' },
    ]);
  });
});

describe('transcripts', () => {
  const auditor = () => gateway.token('anna', 'audit');

  test('are listed for operators and auditors, and read by auditors', async () => {
    const session = gateway.session('agent-11');
    session.submit(action(['select app.orders']), null);
    session.close('over');
    await expect(
      eventually(async () => (await get(`/v1/transcripts/${session.id}`, auditor())).status),
    ).resolves.toBe(200);
    const read = await get(`/v1/transcripts/${session.id}`, auditor());
    expect(read.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    const lines = read.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ kind: 'header', session: session.id, target: 'shop' });
    expect(lines.slice(1).map(({ kind }) => kind)).toEqual(['action', 'end']);
    const { json } = await get('/v1/transcripts?limit=500', auditor());
    expect(json['items']).toContainEqual(
      expect.objectContaining({
        session: session.id,
        live: false,
        header: expect.objectContaining({
          target: 'shop',
          principal: expect.objectContaining({ subject: 'agent-11' }),
        }),
      }),
    );
    const operator = gateway.token('olga', 'sre');
    expect(outcome(await get('/v1/transcripts', operator))).toBe('200');
    expect(outcome(await get(`/v1/transcripts/${session.id}`, operator))).toBe('403 not-permitted');
    expect(outcome(await get('/v1/transcripts'))).toBe('403 not-permitted');
    const unseen = await get(`/v1/transcripts/${session.id}`);
    const absent = await get('/v1/transcripts/s_none');
    expect(outcome(unseen)).toBe('404 not-found');
    expect(unseen.text.replace(session.id, 's_none')).toBe(absent.text);
  });

  test.each(['s_none', '..%2f..%2fkeys%2ftrail.pem', 's_%00', '%2e%2e'])('%s is not there', async (id) => {
    expect(outcome(await get(`/v1/transcripts/${id}`, auditor()))).toBe('404 not-found');
  });

  test('that are damaged are listed all the same', async () => {
    const folder = join(gateway.stateDir, 'transcripts', '2020-01-01');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 's_damaged.jsonl'), 'nothing of ours\n');
    const { json } = await get('/v1/transcripts?limit=500', auditor());
    expect(json['items']).toContainEqual(expect.objectContaining({ session: 's_damaged', header: null }));
    expect(outcome(await get('/v1/transcripts/s_damaged', auditor()))).toBe('503 transcripts-unavailable');
  });
});

/** Waits for what is written behind the event loop's back: asks again until it is there. */
async function eventually(look: () => Promise<number>): Promise<number> {
  for (;;) {
    const found = await look();
    if (found === 200) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the OpenAPI document', () => {
  test('describes every answer that it gives', async () => {
    const { json: document } = await get('/openapi.json');
    expect(document['openapi']).toBe('3.1.0');
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'api');
    const paths = document['paths'] as Record<string, Record<string, unknown>>; // as: what OpenAPI has there
    expect(Object.keys(paths).sort()).toEqual([
      '/v1/holds',
      '/v1/holds/{id}',
      '/v1/holds/{id}/votes',
      '/v1/sessions',
      '/v1/sessions/{id}/kill',
      '/v1/status',
      '/v1/transcripts',
      '/v1/transcripts/{id}',
      '/v1/whoami',
    ]);
    const { id } = await gateway.hold();
    const everything = gateway.token('olga', 'sre', 'audit', 'dba');
    const answers = {
      Status: await get('/v1/status', everything),
      Whoami: await get('/v1/whoami', everything),
      HoldPage: await get('/v1/holds?state=all', everything),
      Hold: await get(`/v1/holds/${id}`, everything),
      SessionPage: await get('/v1/sessions', everything),
      TranscriptPage: await get('/v1/transcripts', everything),
      Problem: await get('/v1/holds/h_none', everything),
      VoteAnswer: await post(
        `/v1/holds/${id}/votes`,
        { verdict: 'reject', reason: 'no', digest: digestOf(id) },
        everything,
      ),
      Killed: await post(`/v1/sessions/${gateway.session().id}/kill`, { reason: 'no' }, everything),
    };
    for (const [name, { json }] of Object.entries(answers)) {
      const validate = ajv.compile({ $ref: `api#/components/schemas/${name}` });
      validate(json);
      expect([name, validate.errors]).toEqual([name, null]);
    }
  });

  test('has no reference that leads nowhere', async () => {
    const { text, json } = await get('/openapi.json');
    const schemas = Object.keys((json['components'] as { schemas: object }).schemas); // as: what OpenAPI has there
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((name) => !schemas.includes(name ?? ''))).toEqual([]);
  });
});
