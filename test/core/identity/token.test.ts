import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { maxTokenCharacters } from '../../../services/core/identity/limits.ts';
import type { IdentityErrorCode } from '../../../services/core/model/identity.ts';
import type { IssuerSettings } from '../../../services/core/model/settings.ts';
import {
  type Json,
  startIssuer,
  type TestIssuer,
  testAudience,
  testConsoleAudience,
} from '../../servers/issuer.ts';
import { startMs, TestClock, TestGateway } from './gateway.ts';

const startSeconds = startMs / 1000;
const clock = new TestClock(startMs);
let issuer: TestIssuer;
let gateway: TestGateway;

beforeAll(async () => {
  issuer = await startIssuer({ nowMs: () => startMs });
});

beforeEach(() => {
  gateway = new TestGateway([issuer.settings], clock);
});

afterAll(() => issuer.stop());

/** A gateway whose issuer is configured otherwise. */
const configured = (change: Partial<IssuerSettings>): TestGateway =>
  new TestGateway([{ ...issuer.settings, ...change }], clock);

describe('a good token', () => {
  test('becomes a principal', async () => {
    const principal = await gateway.verify(
      issuer.mint({ jti: 'j-1', groups: ['analysts', 'eu'], tenant: 7 }),
    );
    expect(principal).toEqual({
      issuer: issuer.url,
      subject: 'agent-7',
      kind: 'agent',
      groups: ['analysts', 'eu'],
      claims: {
        iss: issuer.url,
        sub: 'agent-7',
        aud: testAudience,
        iat: startSeconds,
        exp: startSeconds + 600,
        jti: 'j-1',
        groups: ['analysts', 'eu'],
        tenant: 7,
      },
      actsFor: [],
      provenBy: 'token',
      credentialId: `${issuer.url}#j-1`,
      expiresAtMs: startMs + 600_000,
    });
  });

  test.each(['ES256', 'RS256', 'EdDSA'] as const)('is verified by %s', async (algorithm) => {
    const other = await startIssuer({ algorithm, nowMs: () => startMs });
    expect(await new TestGateway([other.settings], clock).outcome(other.mint())).toBe('accepted');
    await other.stop();
  });

  test.each<[string, Json, Json]>([
    ['a type in full', {}, { typ: 'application/AT+JWT' }],
    ['our audience alone in a list', { aud: [testAudience] }, {}],
    ['fractions of seconds', { exp: startSeconds + 0.5, iat: startSeconds - 0.5 }, {}],
    ['an issuer whose clock is a little ahead', { iat: startSeconds + 4, nbf: startSeconds + 5 }, {}],
    ['no id', { jti: undefined }, {}],
    [
      'headers that name keys elsewhere, which are not read',
      {},
      { jku: 'http://127.0.0.1:1/', x5u: 'x', x5c: ['x'] },
    ],
    ['may_act', { may_act: { sub: 'somebody' } }, {}],
  ])('is accepted with %s', async (_, claims, header) => {
    expect(await gateway.outcome(issuer.mint(claims, header))).toBe('accepted');
  });
});

describe('a bad token', () => {
  const header = (): string => JSON.stringify({ alg: 'ES256', typ: 'at+jwt' });
  const forms: readonly [string, () => string, IdentityErrorCode][] = [
    ['nothing', () => '', 'malformed'],
    ['a password', () => 'hunter2', 'malformed'],
    ['dots', () => '..', 'malformed'],
    ['two parts', () => issuer.mint().split('.').slice(0, 2).join('.'), 'malformed'],
    ['four parts', () => `${issuer.mint()}.AAAA`, 'malformed'],
    ['an empty signature', () => issuer.mint().replace(/[^.]*$/, ''), 'malformed'],
    ['a detached payload', () => issuer.mint().replace(/\.[^.]*\./, '..'), 'malformed'],
    ['white space behind', () => `${issuer.mint()}\n`, 'malformed'],
    ['padding', () => `${issuer.mint()}==`, 'malformed'],
    ['too long', () => issuer.mint({ filler: 'x'.repeat(maxTokenCharacters) }), 'malformed'],
    ['a payload that is a list', () => issuer.sign(header(), '[]'), 'malformed'],
    ['a payload that is a token', () => issuer.sign(header(), JSON.stringify(issuer.mint())), 'malformed'],
    ['an empty payload object', () => issuer.sign(header(), '{}'), 'unknown-issuer'],
    ['no algorithm', () => issuer.mint({}, { alg: undefined }), 'malformed'],
    ['an algorithm that is no string', () => issuer.mint({}, { alg: ['ES256'] }), 'malformed'],
    ['an algorithm of another issuer', () => issuer.mint({}, { alg: 'RS256' }), 'rejected'],
    ['a key id that is no string', () => issuer.mint({}, { kid: 7 }), 'malformed'],
    ['a key id without end', () => issuer.mint({}, { kid: 'k'.repeat(300) }), 'malformed'],
    ['a type that is no string', () => issuer.mint({}, { typ: {} }), 'malformed'],
    ['an issuer that is no string', () => issuer.mint({ iss: [issuer.url] }), 'unknown-issuer'],
    ['an issuer in another spelling', () => issuer.mint({ iss: `${issuer.url}/` }), 'unknown-issuer'],
    ['a name from Object', () => issuer.mint({ iss: 'constructor' }), 'unknown-issuer'],
  ];
  test.each(forms)('with %s is refused', async (_, token, code) => {
    expect(await gateway.outcome(token())).toBe(code);
  });

  test.each(['crit', 'b64', 'zip', 'enc', 'cty', 'jwk'])(
    'with the header parameter %s is refused',
    async (name) => {
      expect(await gateway.outcome(issuer.mint({}, { [name]: ['exp'] }))).toBe('malformed');
    },
  );

  test.each<[string, Json, IdentityErrorCode]>([
    ['no audience', { aud: undefined }, 'rejected'],
    ['another audience', { aud: 'other' }, 'rejected'],
    ['ours among others', { aud: [testAudience, 'other'] }, 'rejected'],
    ['ours twice', { aud: [testAudience, testAudience] }, 'rejected'],
    ['an empty list', { aud: [] }, 'rejected'],
    ['ours in a list in a list', { aud: [[testAudience]] }, 'rejected'],
    ['the console audience', { aud: testConsoleAudience }, 'rejected'],
    ['no exp', { exp: undefined }, 'rejected'],
    ['exp as a string', { exp: String(startSeconds + 600) }, 'rejected'],
    ['exp beyond time', { exp: 1e300 }, 'rejected'],
    ['a negative exp', { exp: -1 }, 'rejected'],
    ['exp now', { exp: startSeconds }, 'expired'],
    ['exp one second ago', { exp: startSeconds - 1 }, 'expired'],
    ['no iat', { iat: undefined }, 'rejected'],
    ['iat as a string', { iat: String(startSeconds) }, 'rejected'],
    ['iat in the future', { iat: startSeconds + 6 }, 'not-yet-valid'],
    ['nbf in the future', { nbf: startSeconds + 6 }, 'not-yet-valid'],
    ['nbf as a string', { nbf: '0' }, 'rejected'],
    ['nbf null', { nbf: null }, 'rejected'],
    ['a life that is too long', { exp: startSeconds + 3_601 }, 'rejected'],
    ['no subject', { sub: undefined }, 'rejected'],
    ['a subject that is no string', { sub: 7 }, 'rejected'],
    ['an empty subject', { sub: '' }, 'rejected'],
    ['a subject with a NUL', { sub: 'admin\0' }, 'rejected'],
    ['a subject with a line', { sub: 'admin\nevil' }, 'rejected'],
    ['a subject that turns around', { sub: 'admin\u202e' }, 'rejected'],
    ['a subject with nothing to see', { sub: 'ad\u200bmin' }, 'rejected'],
    ['a subject of fillers', { sub: 'admin\u3164' }, 'rejected'],
    ['a subject with space around', { sub: ' admin' }, 'rejected'],
    ['half a character as subject', { sub: '\ud800' }, 'rejected'],
    ['a subject without end', { sub: 'x'.repeat(256) }, 'rejected'],
    ['an id that is no string', { jti: 7 }, 'rejected'],
    ['an empty id', { jti: '' }, 'rejected'],
    [
      'news about somebody',
      { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
      'rejected',
    ],
    ['Keycloak’s mark of a refresh token', { typ: 'Refresh' }, 'rejected'],
    ['a key that nothing here can prove', { cnf: { jkt: 'x' } }, 'rejected'],
  ])('with %s is refused', async (_, claims, code) => {
    expect(await gateway.outcome(issuer.mint(claims))).toBe(code);
  });

  test('is refused with words that quote nothing of it', async () => {
    const marker = 'zq'.repeat(8);
    const tokens = [
      issuer.mint({ sub: `${marker}\0` }),
      issuer.mint({ aud: marker }),
      issuer.mint({ iss: marker }),
      issuer.mint({ kind: marker, exp: startSeconds + 60 }),
      issuer.mint({ groups: [`${marker}*`] }),
      issuer.mint({}, { kid: marker }),
      issuer.mint({}, { typ: marker }),
      issuer.mint({}, { alg: marker }),
      issuer.sign('{"alg":"ES256"}', `{"sub": ${marker}}`),
      `${marker}.${marker}.${marker}`,
    ];
    for (const token of tokens) {
      const refusal = await gateway.refusal(token);
      for (let error: unknown = refusal; error instanceof Error; error = error.cause) {
        expect(error.message).not.toContain(marker);
        expect(error.message).not.toContain(token.split('.')[1]?.slice(0, 20));
      }
    }
    expect(gateway.log.lines.join()).not.toContain(marker);
  });

  test('of any bytes throws nothing but IdentityError', async () => {
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 7 }), async (parts) => {
        expect(await gateway.outcome(parts.join('.'))).not.toBe('accepted');
      }),
    );
  });

  test('of any signed claims and header throws nothing but IdentityError', async () => {
    const names = [
      'iss',
      'aud',
      'exp',
      'iat',
      'nbf',
      'sub',
      'jti',
      'act',
      'groups',
      'kind',
      'cnf',
      '__proto__',
      'typ',
    ];
    const object = fc.dictionary(
      fc.oneof(fc.constantFrom(...names), fc.string()),
      fc.jsonValue({ maxDepth: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(object, object, async (claims, header) => {
        await gateway.outcome(issuer.mint(claims));
        await gateway.outcome(issuer.mint({}, header));
      }),
    );
  });

  test('that differs from a good one in any bit is refused', async () => {
    const token = issuer.mint();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom(...'AZaz09-_.= \n'),
        async (at, character) => {
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          if (changed !== token) expect(await gateway.outcome(changed)).not.toBe('accepted');
        },
      ),
    );
  });
});

describe('types', () => {
  test.each([
    ['at+jwt', 'at+jwt', 'accepted'],
    ['at+jwt', 'JWT', 'rejected'],
    ['at+jwt', undefined, 'rejected'],
    ['at+jwt', 'logout+jwt', 'rejected'],
    ['at+jwt', 'dpop+jwt', 'rejected'],
    ['jwt', 'JWT', 'accepted'],
    ['jwt', undefined, 'accepted'],
    ['jwt', 'at+jwt', 'rejected'],
  ])('where %s is wanted, %s is %s', async (wanted, typ, outcome) => {
    expect(await configured({ tokenTypes: [wanted] }).outcome(issuer.mint({}, { typ }))).toBe(outcome);
  });
});

describe('requirements of the config', () => {
  test('claims that must be there', async () => {
    const strict = configured({ requiredClaims: ['jti', 'realm.roles'] });
    expect(await strict.outcome(issuer.mint())).toBe('rejected');
    expect(await strict.outcome(issuer.mint({ realm: { roles: [] } }))).toBe('accepted');
    expect(await strict.outcome(issuer.mint({ realm: { roles: null } }))).toBe('rejected');
    expect(await strict.outcome(issuer.mint({ 'realm.roles': [] }))).toBe('rejected');
    expect(await configured({ requiredClaims: ['toString'] }).outcome(issuer.mint())).toBe('rejected');
  });

  test('no limit of age, but the end of time', async () => {
    const endless = issuer.mint({ exp: 1e300 });
    expect(await configured({ maxTokenAgeMs: null }).outcome(endless)).toBe('rejected');
    const long = issuer.mint({ exp: startSeconds + 365 * 86_400 });
    expect(await configured({ maxTokenAgeMs: null }).outcome(long)).toBe('accepted');
  });

  test('an algorithm is taken only if it is configured, whatever keys the issuer has', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    issuer.extraKeys.push({ ...(await exportJWK(publicKey)), kid: 'rsa' });
    const claims = {
      iss: issuer.url,
      aud: testAudience,
      sub: 'a',
      iat: startSeconds,
      exp: startSeconds + 60,
    };
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa' })
      .sign(privateKey);
    expect(await configured({ algorithms: ['ES256', 'RS256'] }).outcome(token)).toBe('accepted');
    for (const algorithm of ['ES256', 'PS256', 'RS512']) {
      expect(await configured({ algorithms: [algorithm] }).outcome(token)).toBe('rejected');
    }
    issuer.extraKeys.pop();
  });

  test('an algorithm that is not asymmetric cannot be configured', () => {
    for (const algorithm of ['HS256', 'none', 'dir', 'ES256K ', '']) {
      expect(() => configured({ algorithms: ['ES256', algorithm] })).toThrow('no asymmetric JWS algorithm');
    }
  });

  test('two issuers cannot share a URL', () => {
    expect(() => new TestGateway([issuer.settings, issuer.settings])).toThrow('share the URL');
  });
});
