import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Secret } from '../../../services/core/model/secret.ts';
import { full, smallest, smallestFiles } from './configs.ts';
import { folderWith, load, loadIn } from './folder.ts';
import { type FullFiles, fullEnv, fullFiles } from './full-config.ts';

let fixture: FullFiles;

beforeAll(() => {
  fixture = fullFiles();
});

describe('the smallest config', () => {
  test('takes the safe default everywhere', () => {
    const { settings, told, folder } = load(smallest, smallestFiles);
    expect(told).toEqual([]);
    expect(settings).toEqual({
      gateway: {
        stateDir: join(folder, 'sallyport-state'),
        workers: 1,
        listeners: [
          {
            name: 'postgres',
            protocol: 'postgres',
            address: '127.0.0.1',
            port: 5432,
            tls: null,
            oauth: null,
            sources: null,
            maxConnections: 1000,
            connectionsPerSecond: 100,
            idleTimeoutMs: 86_400_000,
          },
        ],
        envoy: { admin: null, concurrency: null },
      },
      identity: {
        issuers: [
          {
            name: 'company',
            url: 'https://login.example.com',
            audience: 'sallyport',
            consoleAudience: null,
            algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
            tokenTypes: ['at+jwt'],
            clockToleranceMs: 5_000,
            maxTokenAgeMs: 86_400_000,
            requiredClaims: [],
            claims: { subject: 'sub', groups: 'groups', kind: null, defaultKind: 'agent' },
            jwksUrl: null,
            loginClientId: null,
            ca: null,
          },
        ],
        certificates: [],
        disabled: [],
        lockout: { failures: 10, windowMs: 300_000, lockMs: 900_000 },
        credentialGraceMs: 60_000,
      },
      targets: [
        {
          name: 'shop',
          protocol: 'postgres',
          listeners: 'postgres',
          settings: {
            host: 'db.internal',
            port: 5432,
            password: new Secret('hunter2'),
            tls: { mode: 'verify-full' },
            connectTimeoutMs: 5000,
          },
        },
      ],
      policyFiles: [join(folder, 'policies/shop.yaml')],
      approvals: { redisUrl: null, maxOpenPerPrincipal: 5 },
      audit: {
        segmentBytes: 67_108_864,
        checkpointEveryMs: 10_000,
        checkpointEveryRecords: 1000,
        signingKey: null,
        transcripts: { enabled: true, maxResultBytes: 65_536, maxSessionBytes: 16_777_216 },
      },
      console: { operators: [], auditors: [] },
    });
  });

  test('knows where everything stands', () => {
    const { document } = load(smallest, smallestFiles);
    expect(document?.locate(['targets', 0])).toEqual({ line: 12, column: 5 });
    expect(document?.locate(['targets', 0, 'name'])).toEqual({ line: 12, column: 11 });
    expect(document?.locateKey(['targets', 0, 'host'])).toEqual({ line: 14, column: 5 });
    expect(document?.locate(['targets', 7, 'name'])).toEqual({ line: 12, column: 3 });
  });
});

describe('a config with every key', () => {
  test('says all that Settings can hold', () => {
    const { settings, told, folder } = load(full, fixture.files, { env: fullEnv });
    expect(told).toEqual([]);
    const pem = fixture.files;
    expect(settings).toEqual({
      gateway: {
        stateDir: join(folder, 'state'),
        workers: 4,
        listeners: [
          {
            name: 'postgres',
            protocol: 'postgres',
            address: '0.0.0.0',
            port: 5432,
            tls: {
              certificate: pem['tls/server.crt'],
              key: expect.any(Secret),
              clientCa: pem['tls/clients.crt'],
              required: true,
            },
            oauth: {
              issuerUrl: 'https://login.example.com',
              scope: 'openid sallyport',
              required: true,
            },
            sources: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'],
            maxConnections: 200,
            connectionsPerSecond: 20,
            idleTimeoutMs: 8 * 3_600_000,
          },
          {
            name: 'api',
            protocol: 'http',
            address: '127.0.0.1',
            port: 8443,
            tls: null,
            oauth: null,
            sources: null,
            maxConnections: 500,
            connectionsPerSecond: 50,
            idleTimeoutMs: 2 * 3_600_000,
          },
        ],
        envoy: { admin: '127.0.0.1:9901', concurrency: 2 },
      },
      identity: {
        issuers: [
          {
            name: 'company',
            url: 'https://login.example.com',
            audience: 'sallyport',
            consoleAudience: 'sallyport-console',
            algorithms: ['ES256'],
            tokenTypes: ['at+jwt'],
            clockToleranceMs: 10_000,
            maxTokenAgeMs: 3_600_000,
            requiredClaims: ['email'],
            claims: {
              subject: 'email',
              groups: 'realm_access.roles',
              kind: 'sallyport_kind',
              defaultKind: 'workload',
            },
            jwksUrl: 'https://login.example.com/keys',
            loginClientId: 'sallyport-cli',
            ca: pem['tls/issuer.crt'],
          },
        ],
        certificates: [
          {
            name: 'builders',
            commonName: 'build-*',
            alternativeName: 'URI:spiffe://example.com/build/*',
            subject: '{commonName}',
            kind: 'agent',
            groups: ['ci'],
          },
        ],
        disabled: [
          {
            subjects: ['mallory', 'temp-*'],
            kinds: ['agent'],
            groups: ['contractors'],
            issuers: ['https://login.example.com'],
            claims: { department: ['sales', 7, true] },
            actingFor: ['eve'],
          },
        ],
        lockout: { failures: 5, windowMs: 60_000, lockMs: 600_000 },
        credentialGraceMs: 30_000,
      },
      targets: [
        {
          name: 'shop',
          protocol: 'postgres',
          listeners: 'postgres',
          settings: {
            host: 'db.internal',
            port: 5433,
            password: expect.any(Secret),
            tls: { mode: 'require', ca: pem['tls/db.crt'] },
            connectTimeoutMs: 2000,
          },
        },
        {
          name: 'billing',
          protocol: 'http',
          listeners: 'http',
          settings: { url: 'https://billing.internal', maxBody: 524_288 },
        },
      ],
      policyFiles: ['policies/b.yaml', 'policies/shop.yaml', 'policies/extra.ts'].map((name) =>
        join(folder, name),
      ),
      approvals: { redisUrl: expect.any(Secret), maxOpenPerPrincipal: 3 },
      audit: {
        segmentBytes: 16_777_216,
        checkpointEveryMs: 5000,
        checkpointEveryRecords: 500,
        signingKey: expect.any(Secret),
        transcripts: { enabled: true, maxResultBytes: 32_768, maxSessionBytes: 1_048_576 },
      },
      console: {
        operators: [
          {
            groups: ['sre'],
            subjects: ['oncall'],
            kinds: ['person'],
            issuers: ['https://login.example.com'],
            claims: { level: [3] },
            actingFor: ['eve'],
          },
        ],
        auditors: [
          {
            groups: ['audit'],
            subjects: ['anna'],
            kinds: ['person'],
            issuers: ['https://login.example.com'],
            claims: { level: [4] },
            actingFor: ['eve'],
          },
        ],
      },
    });
    expect(settings?.gateway.listeners[0]?.tls?.key.reveal()).toBe(fixture.server.key.trimEnd());
    expect(settings?.approvals.redisUrl?.reveal()).toBe(fullEnv.REDIS_URL);
  });

  test('names every file whose change calls for a reload', () => {
    const { watched, folder } = load(full, fixture.files, { env: fullEnv });
    const relative = watched.map((path) => path.replace(`${folder}/`, ''));
    expect(relative.toSorted()).toEqual(
      [
        'sallyport.yaml',
        ...['policies', 'policies/shop.yaml', 'policies/b.yaml', 'policies/extra.ts'],
        ...['tls/server.crt', 'tls/server.key', 'tls/clients.crt', 'tls/issuer.crt', 'tls/db.crt'],
        ...['secrets/db', 'secrets/trail.pem'],
      ].toSorted(),
    );
  });

  test('holds Secrets that compare by what is revealed', () => {
    const { settings } = load(smallest, smallestFiles);
    const target = settings?.targets[0]?.settings as { readonly password: Secret }; // the test protocol's own shape
    expect(target.password.reveal()).toBe('hunter2');
  });
});

describe('the file itself', () => {
  test('that is not there', () => {
    const { told, settings, document, watched } = loadIn('/nonexistent');
    expect(told).toEqual(['1:1: error: The file does not exist.']);
    expect({ settings, document }).toEqual({ settings: null, document: null });
    expect(watched).toEqual(['/nonexistent/sallyport.yaml']);
  });

  test('that is a folder', () => {
    const folder = folderWith({});
    mkdirSync(join(folder, 'sallyport.yaml'));
    expect(loadIn(folder).told).toEqual(['1:1: error: The file is not a regular file.']);
  });

  test('that is empty lacks its sections', () => {
    expect(load('').told).toEqual([
      '1:1: error: the file: must hold sections: gateway, identity, targets, policies, approvals, audit, console, limits',
    ]);
    expect(load('{}').told).toEqual([
      '1:1: error: gateway: is missing',
      '1:1: error: identity: is missing',
      '1:1: error: targets: is missing',
    ]);
  });

  test('named by a relative path is named so in problems', () => {
    const folder = folderWith({ 'sallyport.yaml': 'gateway: [' });
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(loadIn('.').problems[0]?.file).toBe('sallyport.yaml');
    } finally {
      process.chdir(before);
    }
  });
});

describe('warnings', () => {
  const warn = (yaml: string, files: Readonly<Record<string, string>> = smallestFiles) => load(yaml, files);

  test('leave the settings in force', () => {
    const { settings, told } = warn(smallest.replace('policies:\n  - policies/*.yaml\n', ''));
    expect(told).toEqual([
      '1:1: warning: policies: there are none, and what no rule allows is refused: everything will be',
    ]);
    expect(settings).not.toBeNull();
  });

  test('a key that others can read', () => {
    const folder = folderWith({
      ...smallestFiles,
      'sallyport.yaml': smallest.replace('env:DB_PASSWORD', 'file:password'),
      password: 'hunter2\n',
    });
    chmodSync(join(folder, 'password'), 0o644);
    expect(loadIn(folder).told).toEqual([
      '15:15: warning: targets[0].password: every user of this machine can read DIR/password (mode 644); chmod 600 it',
    ]);
    chmodSync(join(folder, 'password'), 0o640);
    expect(loadIn(folder).told).toEqual([]);
  });

  test('a state folder that others can look into', () => {
    const folder = folderWith({ ...smallestFiles, 'sallyport.yaml': smallest });
    mkdirSync(join(folder, 'sallyport-state'));
    chmodSync(join(folder, 'sallyport-state'), 0o755);
    expect(loadIn(folder).told).toEqual([
      '1:1: warning: gateway.stateDir: others on this machine can look into DIR/sallyport-state; chmod 700 it',
    ]);
    chmodSync(join(folder, 'sallyport-state'), 0o700);
    expect(loadIn(folder).told).toEqual([]);
  });

  test('a listener that is open to the network without TLS', () => {
    const { told } = warn(smallest.replace('port: 5432', 'port: 5432\n      address: "::"'));
    expect(told).toEqual([
      '6:16: warning: gateway.listeners[0].address: is reachable from other machines, which cannot log in here without tls',
    ]);
  });

  test('an idle time-out that would cut off holds', () => {
    const { told } = warn(smallest.replace('port: 5432', 'port: 5432\n      idleTimeout: 5m'));
    expect(told).toEqual([
      '6:20: warning: gateway.listeners[0].idleTimeout: is short: a connection that waits for an approval has no traffic',
    ]);
  });

  test('targets and listeners that do not meet', () => {
    const { told } = warn(smallest.replace('protocol: postgres\n      port', 'protocol: http\n      port'));
    expect(told).toEqual([
      '4:17: warning: gateway.listeners[0].protocol: no target is reached by it, so this listener leads nowhere',
      '13:15: warning: targets[0].protocol: no listener speaks postgres, so nobody can reach this target',
    ]);
  });

  test('people who could log in but not approve', () => {
    const { told } = warn(
      smallest.replace('audience: sallyport', 'audience: sallyport\n      consoleAudience: console'),
    );
    expect(told).toEqual([
      '11:24: warning: identity.issuers[0].consoleAudience: lets nobody approve: only a person may, and ' +
        'claims.defaultKind makes everybody an agent; name the claim that tells people from programs (claims.kind)',
    ]);
  });

  test('auditors who cannot log in', () => {
    const { told } = warn(`${smallest}console: {auditors: [{groups: [audit]}]}\n`);
    expect(told).toEqual([
      '18:21: warning: console.auditors: are nobody as long as no issuer has a consoleAudience: people could not log in',
    ]);
  });

  test('an OAuth issuer that libpq does not go to', () => {
    const oauth = '\n      oauth: {issuer: company, scope: openid}';
    const config = smallest.replace('port: 5432', `port: 5432${oauth}`);
    expect(warn(config).told).toEqual([]);
    expect(warn(config.replace('https://login.example.com', 'http://localhost:8080')).told).toEqual([
      '6:23: warning: gateway.listeners[0].oauth.issuer: has no https URL, and libpq goes to no other for a token',
    ]);
    expect(warn(config.replace('login.example.com', 'login.example.com/')).told).toEqual([
      '6:23: warning: gateway.listeners[0].oauth.issuer: has a URL that ends with "/", so libpq looks for its metadata ' +
        'at https://login.example.com//.well-known/openid-configuration, where many issuers have none',
    ]);
  });

  test('client certificates without a rule, and rules without certificates', () => {
    const rules = '  certificates:\n    - {name: all, commonName: "*", subject: "{commonName}"}\n';
    expect(warn(smallest.replace('targets:', `${rules}targets:`)).told).toEqual([
      '12:5: warning: identity.certificates: no listener asks for client certificates (tls.clientCa)',
    ]);
    const tls =
      '\n      tls: {certificate: file:tls/server.crt, key: file:tls/server.key, clientCa: file:tls/clients.crt}';
    expect(warn(smallest.replace('port: 5432', `port: 5432${tls}`), fixture.files).told).toEqual([
      '6:83: warning: gateway.listeners[0].tls.clientCa: asks for client certificates, and no rule says who they stand for (identity.certificates)',
    ]);
  });

  test('a certificate that has expired', () => {
    const tls = '\n      tls: {certificate: file:tls/server.crt, key: file:tls/server.key}';
    const inAYear = Date.now() + 365 * 86_400_000;
    const { told, settings } = load(smallest.replace('port: 5432', `port: 5432${tls}`), fixture.files, {
      env: { DB_PASSWORD: 'x' },
      clock: { nowMs: () => inAYear },
    });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(
      /^6:26: warning: gateway\.listeners\[0\]\.tls\.certificate: is valid from .* to .* only, and not now$/,
    );
    expect(settings).not.toBeNull();
  });
});
