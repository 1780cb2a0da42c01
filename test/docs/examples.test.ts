import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { root, sallyport, start } from '../console/cli.ts';
import { type CertificateAuthority, makeAuthority } from '../servers/certificates.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { type Block, pages, place } from './markdown.ts';

const blocks = (await pages()).flatMap((page) => page.blocks);
const isConfig = ({ language, text }: Block): boolean =>
  language === 'yaml' && Object.hasOwn(parse(text), 'gateway');
const configs = blocks.filter(isConfig);
const yamlPolicies = blocks.filter((block) => block.language === 'yaml' && !isConfig(block));
const typescriptPolicies = blocks.filter(({ language }) => language === 'ts');

let folder: string;
let authority: CertificateAuthority;

beforeAll(async () => {
  await envoyBinary();
  folder = await mkdtemp(join(tmpdir(), 'sallyport-docs-'));
  authority = await makeAuthority();
}, 600_000);

afterAll(async () => {
  await authority.close();
  await rm(folder, { recursive: true });
});

/** `sallyport check` over these files; its own words when something is wrong, which no example may have. */
async function problemsOf(files: Readonly<Record<string, string>>): Promise<string> {
  const made = await mkdtemp(join(folder, 'example-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(made, name)), { recursive: true });
    await writeFile(join(made, name), text, { mode: 0o600 });
  }
  const env = {
    SHOP_DB_PASSWORD: 'unused',
    SHOP_RING_PASSWORD: 'unused',
    BILLING_API_TOKEN: 'unused',
    CLUSTER_TOKEN: 'unused',
    PROD_CLUSTER_TOKEN: 'unused',
    REDIS_URL: 'rediss://redis.example.com:6379',
  };
  const { stdout } = await sallyport(['check', '-c', 'sallyport.yaml'], { cwd: made, env });
  return stdout.includes(': no problems (') ? '' : stdout;
}

/** What the policies of the pages are checked against. */
const around = (file: string): string => `
gateway: {listeners: [{name: postgres, protocol: postgres, port: 0}, {name: apis, protocol: http, port: 0}]}
identity: {issuers: [{name: company, url: https://login.example.com, audience: gateway}]}
targets:
  - {name: shop, protocol: postgres, host: db.example.com, database: shop, user: sallyport}
  - {name: shop-eu, protocol: postgres, host: db.example.com, database: shop, user: sallyport}
  - {name: billing, protocol: http, url: https://billing.example.com}
  - {name: cluster, protocol: kubernetes, server: https://cluster.example.com, credential: {token: env:CLUSTER_TOKEN}}
  - {name: prod, protocol: kubernetes, server: https://prod.example.com, credential: {token: env:PROD_CLUSTER_TOKEN}}
policies: [${file}]
`;

test('there are examples of each kind', () => {
  expect(configs.length).toBeGreaterThan(0);
  expect(yamlPolicies.length).toBeGreaterThan(2);
  expect(typescriptPolicies.length).toBeGreaterThan(0);
});

const typescriptPolicy = (typescriptPolicies[0]?.text ?? '').replace("name: 'agents'", "name: 'others'");

const isForTargetsOf = (config: Block, policy: string): boolean => {
  const { policies } = parse(policy);
  const names = parse(config.text).targets.map(({ name }: { readonly name: string }) => name);
  return policies[0].targets.every((target: string) => names.includes(target));
};

test.each(configs.map((block) => [place(block), block] as const))('the config at %s', async (_, block) => {
  const server = await authority.issue('gateway.example.com', ['DNS:gateway.example.com']);
  const { privateKey } = generateKeyPairSync('ed25519');
  const files = {
    'sallyport.yaml': block.text,
    'policies/first.yaml': yamlPolicies.find(({ text }) => isForTargetsOf(block, text))?.text ?? '',
    ...(block.text.includes('policies/*.ts') ? { 'policies/second.ts': typescriptPolicy } : {}),
    'tls/server.pem': server.certificate,
    'tls/server.key': server.key,
    'tls/clients-ca.pem': authority.certificate,
    'tls/databases-ca.pem': authority.certificate,
    'tls/internal-ca.pem': authority.certificate,
    'tls/gateway.pem': server.certificate,
    'tls/gateway.key': server.key,
    'secrets/trail-signing-key.pem': String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
  expect(await problemsOf(files)).toBe('');
});

test.each(yamlPolicies.map((block) => [place(block), block] as const))(
  'the policy at %s',
  async (_, block) => {
    expect(await problemsOf({ 'sallyport.yaml': around('p.yaml'), 'p.yaml': block.text })).toBe('');
  },
);

test.each(typescriptPolicies.map((block) => [place(block), block] as const))(
  'the TypeScript policy at %s, also for the compiler, set up as the page says',
  async (_, { text }) => {
    expect(await problemsOf({ 'sallyport.yaml': around('p.ts'), 'p.ts': text })).toBe('');
    const made = await mkdtemp(join(folder, 'types-'));
    const tsconfig = {
      compilerOptions: {
        ...{ strict: true, module: 'nodenext', target: 'es2024', lib: ['es2025'], types: ['node'] },
        ...{ allowImportingTsExtensions: true, noEmit: true, skipLibCheck: true },
        typeRoots: [join(root, 'node_modules/@types')],
        paths: { 'sallyport/policy': [join(root, 'services/policy-module.ts')] },
      },
      include: ['policy.ts'],
    };
    await writeFile(join(made, 'tsconfig.json'), JSON.stringify(tsconfig));
    await writeFile(join(made, 'package.json'), '{"type": "module"}');
    const compile = async (source: string): Promise<string> => {
      await writeFile(join(made, 'policy.ts'), source);
      const args = ['--project', made, '--pretty', 'false'];
      return (await start(join(root, 'node_modules/.bin/tsc'), args, { input: '' }).finished).stdout;
    };
    expect(await compile(text)).toBe('');
    // That it compiles says something only if a mistake does not.
    expect(await compile(text.replace("'select'", "'selct'"))).toContain('selct');
  },
  60_000,
);
