import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Secret } from '../../../../services/core/model/secret.ts';
import {
  authenticationSasl,
  authenticationSaslContinue,
  frameOf,
  int32,
} from '../../../../services/protocols/postgres/wire/backend.ts';
import { WireError } from '../../../../services/protocols/postgres/wire/errors.ts';
import {
  frontend,
  readSaslInitialResponse,
  readSaslResponse,
} from '../../../../services/protocols/postgres/wire/frontend.ts';
import {
  acknowledgesFailure,
  oauthBearerFailure,
  readOauthBearerResponse,
} from '../../../../services/protocols/postgres/wire/oauthbearer.ts';

/** `^` stands for the separator, as in the RFC. */
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll('^', '\x01'));
const read = (text: string) => readOauthBearerResponse(bytes(text));
const secret = 'eyJhbGciOi.eyJzdWIi.c2ln-_';

describe('the initial response', () => {
  test.each([
    ['libpq’s own', `n,,^auth=Bearer ${secret}^^`, null],
    ['a client that knows channel binding', `y,,^auth=Bearer ${secret}^^`, null],
    ['an authzid', `n,a=agent-7,^auth=Bearer ${secret}^^`, 'agent-7'],
    ['an authzid with what must be escaped', `n,a=a=2Cb=3Dé,^auth=Bearer ${secret}^^`, 'a,b=é'],
    [
      'RFC 7628’s example',
      `n,a=user@example.com,^host=server.example.com^port=143^auth=Bearer ${secret}^^`,
      'user@example.com',
    ],
    ['unknown keys, empty and with line breaks', `n,,^x=^y=a\r\n\tb=c^auth=Bearer ${secret}^^`, null],
    ['another spelling of the scheme, and more spaces', `n,,^auth=bEARER   ${secret}^^`, null],
  ])('%s', (_, text, authzid) => {
    expect(read(text)).toEqual({ authzid, bearer: new Secret(secret) });
  });

  test('a token keeps all characters of RFC 6750', () => {
    expect(read('n,,^auth=Bearer aZ09-._~+/==^^').bearer).toEqual(new Secret('aZ09-._~+/=='));
  });

  test('an empty auth value asks where a token is to be had', () => {
    expect(read('n,,^auth=^^')).toEqual({ authzid: null, bearer: 'none' });
  });

  test.each([
    ['another scheme', 'n,,^auth=Basic dXNlcjpwYXNz^^'],
    ['no token', 'n,,^auth=Bearer ^^'],
    ['the scheme alone', 'n,,^auth=Bearer^^'],
    ['no space', `n,,^auth=Bearer${secret}^^`],
    ['two tokens', 'n,,^auth=Bearer a b^^'],
    ['padding within', 'n,,^auth=Bearer a=b^^'],
    ['a space behind it', 'n,,^auth=Bearer a ^^'],
    ['a line break behind it', 'n,,^auth=Bearer a\n^^'],
    ['a space before the scheme', 'n,,^auth= Bearer a^^'],
    ['a space, and nothing else', 'n,,^auth= ^^'],
  ])('credentials with %s are no bearer token', (_, text) => {
    expect(read(text).bearer).toBe('malformed');
  });

  test.each([
    ['nothing', ''],
    ['the answer to a failure', '^'],
    ['no GS2 header', `auth=Bearer ${secret}^^`],
    ['no separator', 'n,,'],
    ['half a GS2 header', `n,^auth=Bearer ${secret}^^`],
    ['a third part in it', `n,,x^auth=Bearer ${secret}^^`],
    ['a fourth part in it', `n,,,^auth=Bearer ${secret}^^`],
    ['channel binding', `p=tls-exporter,,^auth=Bearer ${secret}^^`],
    ['another channel-binding flag', `N,,^auth=Bearer ${secret}^^`],
    ['a non-standard mechanism', `F,n,,^auth=Bearer ${secret}^^`],
    ['an empty authzid', `n,a=,^auth=Bearer ${secret}^^`],
    ['an authzid that is none', `n,b=agent-7,^auth=Bearer ${secret}^^`],
    ['a bare "=" in the authzid', `n,a=a=b,^auth=Bearer ${secret}^^`],
    ['a NUL in the authzid', `n,a=a\0b,^auth=Bearer ${secret}^^`],
    ['no pairs', 'n,,^^'],
    ['other pairs only', 'n,,^host=x^^'],
    ['auth in other letters', `n,,^AUTH=Bearer ${secret}^^`],
    ['no end', `n,,^auth=Bearer ${secret}^`],
    ['neither end', `n,,^auth=Bearer ${secret}`],
    ['bytes behind the end', `n,,^auth=Bearer ${secret}^^x`],
    ['a third separator at the end', `n,,^auth=Bearer ${secret}^^^`],
    ['an empty pair before the token', `n,,^^auth=Bearer ${secret}^^`],
    ['two auth values', `n,,^auth=Bearer ${secret}^auth=Bearer ${secret}^^`],
    ['another key twice', `n,,^host=a^host=b^auth=Bearer ${secret}^^`],
    ['a key without a value', `n,,^host^auth=Bearer ${secret}^^`],
    ['a value without a key', `n,,^=x^auth=Bearer ${secret}^^`],
    ['a key with a digit', `n,,^h0st=x^auth=Bearer ${secret}^^`],
    ['a NUL in a value', `n,,^auth=Bearer ${secret}\0^^`],
    ['a value that is not ASCII', `n,,^auth=Bearer ${secret}é^^`],
    ['a control character in a value', `n,,^auth=Bearer ${secret}\x7f^^`],
  ])('with %s is refused, and nothing of it is told', (_, text) => {
    let thrown: unknown;
    try {
      read(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(WireError);
    expect(thrown).toMatchObject({ code: 'malformed-message', message: expect.not.stringContaining('eyJ') });
  });

  test('an authzid that is not UTF-8 is refused', () => {
    const response = Buffer.concat([bytes('n,a='), Buffer.from([0xff]), bytes(',^auth=Bearer a^^')]);
    expect(() => readOauthBearerResponse(response)).toThrow(
      expect.objectContaining({ code: 'bad-encoding' }),
    );
  });

  const token = fc.stringMatching(/^[A-Za-z0-9._~+/-]+=*$/);
  const pairs = fc.uniqueArray(
    fc.tuple(
      fc.stringMatching(/^[A-Za-z]+$/).filter((key) => key !== 'auth'),
      fc.stringMatching(/^[\t\r\n -~]*$/),
    ),
    { selector: ([key]) => key },
  );

  test('whatever was written is read, among any other pairs', () => {
    fc.assert(
      fc.property(token, pairs, pairs, fc.string({ minLength: 1 }), (value, before, after, name) => {
        fc.pre(!name.includes('\0') && !name.includes('\x01') && name.isWellFormed());
        const keys = [...before, ...after].map(([key]) => key);
        fc.pre(new Set(keys).size === keys.length);
        const authzid = name.replaceAll('=', '=3D').replaceAll(',', '=2C');
        const all = [...before, ['auth', `Bearer ${value}`], ...after];
        const text = `n,a=${authzid},\x01${all.map(([key, each]) => `${key}=${each}\x01`).join('')}\x01`;
        expect(readOauthBearerResponse(Buffer.from(text))).toEqual({
          authzid: name,
          bearer: new Secret(value),
        });
      }),
    );
  });

  test('whatever is cut off or put in ends in a typed error or in a valid response', () => {
    const whole = bytes(`n,a=agent-7,^host=x^auth=Bearer ${secret}^^`);
    fc.assert(
      fc.property(
        fc.nat(whole.length),
        fc.nat(whole.length),
        fc.uint8Array({ maxLength: 6 }),
        (from, to, put) => {
          const response = Buffer.concat([whole.subarray(0, from), put, whole.subarray(to)]);
          try {
            const { bearer } = readOauthBearerResponse(response);
            if (bearer instanceof Secret) expect(bearer.reveal()).toMatch(/^[A-Za-z0-9._~+/-]+=*$/);
          } catch (error) {
            if (!(error instanceof WireError)) throw error;
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test('no cut of a valid response is valid', () => {
  const whole = bytes(`n,,^auth=Bearer ${secret}^^`);
  for (let end = 0; end < whole.length; end++) {
    expect(() => readOauthBearerResponse(whole.subarray(0, end))).toThrow(WireError);
  }
});

describe('the frames around it', () => {
  test('SASLInitialResponse and SASLResponse', () => {
    const response = bytes('n,,^auth=^^');
    const frame = (...parts: Parameters<typeof frameOf>[1][]) => frameOf(frontend.password, ...parts);
    expect(readSaslInitialResponse(frame('OAUTHBEARER', int32(response.length), response))).toEqual({
      mechanism: 'OAUTHBEARER',
      response,
    });
    expect(readSaslInitialResponse(frame('OAUTHBEARER', int32(-1)))).toEqual({
      mechanism: 'OAUTHBEARER',
      response: null,
    });
    expect(readSaslResponse(frame(response))).toEqual(response);
    const malformed = expect.objectContaining({ code: 'malformed-message' });
    for (const wrong of [
      frame('OAUTHBEARER', int32(response.length + 1), response),
      frame('OAUTHBEARER', int32(response.length - 1), response),
      frame('OAUTHBEARER', int32(-2), response),
      frame('OAUTHBEARER', int32(0x7fff_ffff), response),
      frame('OAUTHBEARER'),
      frame('a token as a password'),
      frame(Buffer.from('OAUTHBEARER')),
      frame(),
    ]) {
      expect(() => readSaslInitialResponse(wrong)).toThrow(malformed);
    }
  });

  test('what the gateway says, byte for byte', () => {
    expect(authenticationSasl('OAUTHBEARER').toString('latin1')).toBe('R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0\0');
    expect(authenticationSaslContinue('{}').toString('latin1')).toBe('R\0\0\0\x0a\0\0\0\x0b{}');
  });

  test('the failure names the issuer’s metadata', () => {
    expect(JSON.parse(oauthBearerFailure('https://login.example.com/tenant', 'openid sallyport'))).toEqual({
      status: 'invalid_token',
      'openid-configuration': 'https://login.example.com/tenant/.well-known/openid-configuration',
      scope: 'openid sallyport',
    });
  });

  test('one separator, and nothing else, acknowledges it', () => {
    expect(['^', '', '^^', 'x', '\0', '\x02'].map((text) => acknowledgesFailure(bytes(text)))).toEqual([
      ...[true, false, false, false, false, false],
    ]);
  });
});
