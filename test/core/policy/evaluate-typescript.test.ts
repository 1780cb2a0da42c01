import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type EvaluationOptions,
  evaluateTypeScript,
} from '../../../services/core/policy/evaluate-typescript.ts';
import { loadPolicies } from '../../../services/core/policy/load.ts';
import { told, yaml } from './documents.ts';
import { vocabulary } from './words.ts';

let folder = '';
let policies = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-evaluate-'));
  policies = join(folder, 'policies');
  mkdirSync(policies);
  writeFileSync(join(folder, 'outside.ts'), 'export default { secret: "outside" };\n');
  writeFileSync(join(folder, 'outside.json'), '{"secret": "outside"}\n');
});

afterAll(() => rmSync(folder, { recursive: true }));

function evaluate(source: string, options: EvaluationOptions = {}) {
  const file = join(policies, 'policy.ts');
  writeFileSync(file, source);
  return evaluateTypeScript(file, { shownAs: 'policy.ts', ...options });
}

/** What went wrong, or the plain data when nothing did. */
async function outcome(source: string, options: EvaluationOptions = {}): Promise<unknown> {
  const { document, problems } = await evaluate(source, options);
  return document?.value ?? told(problems);
}

const define = `import { definePolicy } from 'sallyport/policy';\n`;

describe('a policy in TypeScript', () => {
  test('gives the same policies as YAML', async () => {
    writeFileSync(
      join(policies, 'people.ts'),
      `export interface Who { groups: string[] }\nexport const dba: Who = { groups: ['dba'] };\n`,
    );
    const { document, problems } = await evaluate(`${define}
import { dba, type Who } from './people.ts';
const agents: Who = { groups: ['agents'] };
export default [
  definePolicy({
    name: 'shop',
    principals: [agents],
    targets: ['shop'],
    rules: [
      ...['users', 'orders'].map((table) => ({ name: table, effects: ['select'], tables: ['app.' + table], outcome: 'allow' } as const)),
      { name: 'change', effects: ['update'], outcome: 'hold', approval: { approvers: [dba], within: '15m' } },
    ],
    limits: { rows: 5 },
    ...(agents.groups.length > 5 ? { record: { results: false } } : {}),
  }),
];`);
    expect(told(problems)).toEqual([]);
    if (document === null) return;
    const typescript = loadPolicies([document], vocabulary);
    const same = loadPolicies(
      [
        yaml(`policies:
  - name: shop
    principals: [{groups: [agents]}]
    targets: [shop]
    rules:
      - {name: users, effects: [select], tables: [app.users], outcome: allow}
      - {name: orders, effects: [select], tables: [app.orders], outcome: allow}
      - {name: change, effects: [update], outcome: hold, approval: {approvers: [{groups: [dba]}], within: 15m}}
    limits: {rows: 5}
`),
      ],
      vocabulary,
    );
    expect(typescript.policies?.version).toBe(same.policies?.version);
    expect(typescript.policies?.version).toMatch(/^[0-9a-f]{16}$/);
  });

  test('is named with the line of its call where something is wrong', async () => {
    const { document } = await evaluate(`${define}
const good = definePolicy({ name: 'good', targets: ['shop'] });

const bad = definePolicy({ name: 'bad', targets: ['shpo'] });
export default [good, { ...bad, rules: [{ name: 'x' }] }];`);
    const loaded = document && loadPolicies([document], vocabulary);
    expect(told(loaded?.problems ?? [])).toEqual([
      'policy.ts:5:13: error: "shpo" is not a target of the config; did you mean "shop"?',
      'policy.ts:5:13: error: "outcome" is missing',
      'policy.ts:5:13: error: the rule is about nothing: write "effects" ("*" is every effect) or "opaque"',
    ]);
  });

  test.each([
    ['a mistake of syntax', 'const a: number = 1;\nexport default { a ;', 'policy.ts:2:1: error: Expected'],
    [
      'syntax that is not erasable',
      'enum A { X }\nexport default A;',
      'policy.ts:1:1: error: TypeScript enum',
    ],
    ['an error', 'export default (() => {\n  throw new Error("boom");\n})();', 'policy.ts:2:9: error: boom'],
    ['no export', 'export const a = 1;', 'policy.ts:1:1: error: the file has no default export'],
    [
      'a function',
      `${define}\nexport default definePolicy({ rules: [() => 1] });`,
      'policy.ts:3:16: error: a policy must be plain data, and rules[0] is a function',
    ],
    [
      'an expression',
      'export default { a: /x/ };',
      'policy.ts:1:1: error: a policy must be plain data, and a is a regular expression; write its source as text',
    ],
    [
      'a number that is none',
      'export default { a: NaN };',
      'policy.ts:1:1: error: a policy must be plain data, and a is a number',
    ],
    [
      'a circle',
      'const a: Record<string, unknown> = {};\na["b"] = a;\nexport default a;',
      'is nested too deeply',
    ],
  ])('%s is told', async (_, source, expected) => {
    expect(await outcome(source)).toEqual([expect.stringContaining(expected)]);
  });

  test('a file that is not there is told', async () => {
    const { problems } = await evaluateTypeScript(join(policies, 'none.ts'));
    expect(told(problems)).toEqual([expect.stringMatching(/cannot be read: .*ENOENT/)]);
  });

  test('a file behind links is found, with its neighbours', async () => {
    const data = join(folder, '..data');
    mkdirSync(data);
    writeFileSync(join(data, 'shared.ts'), 'export const targets = ["shop"];\n');
    writeFileSync(
      join(data, 'linked.ts'),
      'import { targets } from "./shared.ts";\nexport default { name: "l", targets };\n',
    );
    symlinkSync(join(data, 'linked.ts'), join(policies, 'linked.ts'));
    const { document } = await evaluateTypeScript(join(policies, 'linked.ts'));
    expect(document?.value).toEqual({ policies: [{ name: 'l', targets: ['shop'] }] });
  });
});

describe('isolation', () => {
  test('nothing but the language is there', async () => {
    const names = [
      'process',
      'fetch',
      'WebSocket',
      'require',
      'Buffer',
      'setTimeout',
      'console',
      'WebAssembly',
      'global',
    ];
    const value = await outcome(`export default [${names.map((name) => `typeof ${name}`).join(', ')}];`);
    expect(value).toEqual({ policies: names.map(() => 'undefined') });
  });

  test.each([
    ['the network', 'import net from "node:net";\nexport default net;'],
    ['the network, without the prefix', 'import http from "http";\nexport default http;'],
    ['the network, later', 'export default (await import("node:" + "tls")).connect;'],
    ['files', 'import fs from "node:fs";\nexport default fs;'],
    ['the process', 'import process from "node:process";\nexport default process.env;'],
    ['other processes', 'import { execSync } from "node:child_process";\nexport default execSync("id");'],
    ['the loader', 'import { createRequire } from "node:module";\nexport default createRequire("/");'],
    ['another folder', 'import outside from "../outside.ts";\nexport default outside;'],
    ['another folder’s data', 'import o from "../outside.json" with { type: "json" };\nexport default o;'],
    ['packages', 'import { z } from "zod";\nexport default z;'],
    ['code out of text', 'export default await import("data:text/javascript,export default 1");'],
    [
      'a door that is pried open',
      'String.prototype.startsWith = () => true;\nexport default await import("node:net");',
    ],
    ['text as code', 'export default new Function("return this")();'],
    [
      'text as code, by an error',
      'try { await import("node:net"); } catch (e) { e.constructor.constructor("return process")(); }\nexport default 1;',
    ],
  ])('%s cannot be reached', async (_, source) => {
    expect(await outcome(source)).toEqual([
      expect.stringMatching(
        /may import files of its own folder|not found|Cannot find|read only|Code generation/,
      ),
    ]);
  });

  test('the process itself has no environment and no permissions, whatever a policy finds', async () => {
    // Stands for `sallyport/policy` and is loaded before the doors close, so it sees what the process could do.
    const inside = join(folder, 'inside');
    mkdirSync(inside);
    const policyModule = join(inside, 'module.ts');
    writeFileSync(
      policyModule,
      `import { readFileSync, writeFileSync } from 'node:fs';
import { execSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
const code = (run: () => unknown): unknown => {
  try { return run(); } catch (error) { return (error as { code: string }).code; }
};
export const found = {
  env: Object.keys(process.env),
  outside: code(() => readFileSync(${JSON.stringify(join(folder, 'outside.ts'))}, 'utf8')),
  passwd: code(() => readFileSync('/etc/passwd', 'utf8')),
  write: code(() => writeFileSync(${JSON.stringify(join(policies, 'written'))}, 'x')),
  child: code(() => execSync('id')),
  worker: code(() => new Worker('1', { eval: true })),
};
`,
    );
    process.env['SALLYPORT_TEST_SECRET'] = 'hush';
    const value = await outcome('import { found } from "sallyport/policy";\nexport default found;', {
      policyModule,
    });
    delete process.env['SALLYPORT_TEST_SECRET'];
    const denied = 'ERR_ACCESS_DENIED';
    expect(value).toEqual({
      policies: [{ env: [], outside: denied, passwd: denied, write: denied, child: denied, worker: denied }],
    });
  });

  test('no connection reaches a server', async () => {
    let connections = 0;
    const server = createServer(() => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    await outcome(`try { await fetch('http://127.0.0.1:${port}'); } catch {}
try { (await import('node:net')).connect(${port}, '127.0.0.1'); } catch {}
export default 1;`);
    await new Promise((resolve) => server.close(resolve));
    expect(connections).toBe(0);
  });

  test('an endless loop is killed', async () => {
    expect(await outcome('for (;;);', { timeoutMs: 1500 })).toEqual([
      'policy.ts:1:1: error: did not end within 1500 ms',
    ]);
  });

  test('waiting for what never comes is told', async () => {
    expect(await outcome('await new Promise(() => {});\nexport default 1;')).toEqual([
      expect.stringContaining('ended without a result'),
    ]);
  });

  test('memory is bounded', async () => {
    const source = 'const a: number[][] = [];\nfor (;;) a.push(new Array(1e6).fill(0));\nexport default 1;';
    expect(await outcome(source)).toEqual([expect.stringContaining('ended without a result')]);
  });

  test('output is bounded, and what is within the bound arrives whole', async () => {
    const text = (length: number): string => `export default { name: "x".repeat(${length}) };`;
    expect(await outcome(text(3_000_000))).toEqual({ policies: [{ name: 'x'.repeat(3_000_000) }] });
    expect(await outcome(text(5_000_000))).toEqual([
      expect.stringContaining('gives more than 4194304 bytes'),
    ]);
  });
});
