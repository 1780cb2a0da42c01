import { inspect } from 'node:util';
import { beforeAll, expect, test } from '@jest/globals';
import { settingsJsonSchema } from '../../../services/core/config/json-schema.ts';
import { full } from './configs.ts';
import { type Loaded, load } from './folder.ts';
import { fullEnv, fullFiles } from './full-config.ts';
import { protocols } from './protocols.ts';

const password = 'correct horse';

let loaded: Loaded;
let secrets: readonly string[];

beforeAll(() => {
  const { files, server } = fullFiles();
  loaded = load(full, files, { env: fullEnv });
  // The first line of a PKCS#8 key holds the private part; the last is the public key, which the certificate has too.
  const lines = [server.key, files['secrets/trail.pem'] ?? ''].flatMap((pem) => pem.split('\n').slice(1, 2));
  secrets = [password, 's3cr3t', fullEnv.REDIS_URL, ...lines];
});

const expectNone = (text: string): void => {
  for (const secret of secrets) expect(text).not.toContain(secret);
};

test('no way of printing the settings shows a secret', () => {
  const { settings } = loaded;
  expect(settings).not.toBeNull();
  expectNone(JSON.stringify(settings));
  expectNone(inspect(settings, { depth: null, showHidden: true, getters: true }));
  expectNone(inspect(loaded, { depth: null, showHidden: true, getters: true, showProxy: true }));
  expect(JSON.stringify(settings)).toContain('"redisUrl":"[secret]"');
});

test('no JSON Schema shows a secret', () => {
  expectNone(JSON.stringify(settingsJsonSchema(protocols)));
});

/** A secret in every wrong place in which somebody may write one: none of the messages may repeat it. */
const secret = 'hunter2-Sw0rdfish';
const misplaced: Readonly<Record<string, string>> = {
  'for a reference': `password: ${secret}`,
  'in quotes': `password: "${secret}"`,
  'as an alias': `password: *${secret}`,
  'as an anchor': `password: &${secret}`,
  'as a tag': `password: !${secret} x`,
  'as a block': `password: |${secret}\n      x`,
  'as a folded block': `password: >\n      ${secret}`,
  'after @': `password: @${secret}`,
  'after %': `password: %${secret}`,
  'after a backtick': `password: \`${secret}`,
  'with a quote left open': `password: "${secret}`,
  'with text after the quote': `password: "x" ${secret}`,
  'with an escape': `password: "\\${secret}"`,
  'with a colon': `password: a: ${secret}`,
  'with a colon at the end': `password: ${secret}:`,
  'in brackets': `password: [${secret}`,
  'in braces': `password: {a: ${secret}}`,
  'as a list': `password:\n      - ${secret}`,
  'for a number': `port: ${secret}`,
  'for a duration': `connectTimeout: ${secret}`,
  'for one of a few words': `tls: {mode: ${secret}}`,
  'for a file': `tls: {ca: ${secret}}`,
  'for a section': `tls: ${secret}`,
  twice: `password: ${secret}\n    password: ${secret}`,
  'as PEM': `password: |\n      -----BEGIN PRIVATE KEY-----\n      ${secret}\n      -----END PRIVATE KEY-----`,
};

test.each(Object.entries(misplaced))('a secret that stands %s is not repeated', (_, line) => {
  const yaml = `\
gateway: {listeners: [{name: a, protocol: postgres, port: 1}]}
identity: {issuers: [{name: x, url: https://x.example, audience: y}]}
targets:
  - name: shop
    protocol: postgres
    host: db
    ${line}
`;
  const { told, settings, problems } = load(yaml);
  expect(told.length).toBeGreaterThan(0);
  expect(settings).toBeNull();
  expect(JSON.stringify(problems)).not.toContain(secret);
  expect(JSON.stringify(problems)).not.toContain('Sw0rdfish');
});
