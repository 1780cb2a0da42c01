import { X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { verifiedCertificate } from '../../../services/core/identity/certificate.ts';
import { GatewayIdentity } from '../../../services/core/identity/identity.ts';
import { IdentityError, type VerifiedCertificate } from '../../../services/core/model/identity.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import type { CertificateRule } from '../../../services/core/model/settings.ts';
import { identitySettings, startMs, TestClock, TestLog } from './gateway.ts';
import { type CertificateNames, makeCertificate } from './openssl.ts';

const read = (names: CertificateNames): VerifiedCertificate =>
  verifiedCertificate(new X509Certificate(makeCertificate(names).cert));

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'accepted';
  } catch (thrown) {
    if (thrown instanceof IdentityError) return thrown.code;
    throw thrown;
  }
};

describe('verifiedCertificate', () => {
  test('reads names, each in one spelling', () => {
    const names = [
      'DNS:Build.Example',
      'URI:spiffe://corp/agent/A1',
      'email:Al.B@Corp.Example',
      'IP:10.0.0.1',
      'IP:FE80::1',
      'RID:1.2.3.4',
      'otherName:1.2.3;UTF8:evil, DNS:admin.example',
    ];
    const certificate = read({ subject: ['O = Acme\\, Inc', 'CN = agent-7'], alternativeNames: names });
    expect(certificate).toMatchObject({
      commonName: 'agent-7',
      alternativeNames: [
        'DNS:build.example',
        'URI:spiffe://corp/agent/A1',
        'email:Al.B@corp.example',
        'IP:10.0.0.1',
        'IP:fe80:0:0:0:0:0:0:1',
      ],
      issuer: 'O=Acme\\, Inc, CN=agent-7',
    });
    expect(certificate.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(certificate.notAfterMs).toBeGreaterThan(Date.now());
  });

  test('a name that pretends to be several is one', () => {
    const { alternativeNames } = read({ alternativeNames: ['URI:http://x/,DNS:admin.example'] });
    expect(alternativeNames).toEqual(['URI:http://x/,DNS:admin.example']);
    expect(codeOf(() => read({ alternativeNames: ['URI:http://x/, DNS:admin.example'] }))).toBe('malformed');
    expect(read({ subject: ['CN = x\\, DNS:admin.example'] }).commonName).toBe('x, DNS:admin.example');
  });

  test.each([
    ['several common names', { subject: ['0.CN = agent-7', '1.CN = admin'] }],
    ['a common name that turns around', { subject: ['CN = nimda\u202e'] }],
    ['a host name that is not ASCII', { alternativeNames: ['URI:http://аdmin.example/'] }],
  ])('%s are refused', (_, names) => {
    expect(codeOf(() => read(names))).toBe('malformed');
  });

  test.each([
    ['a NUL in a common name', { subject: ['CN = admin~evil'] }, '\0'],
    ['a NUL in a host name', { alternativeNames: ['DNS:admin~evil'] }, '\0'],
    ['a quote in a host name', { alternativeNames: ['DNS:admin~evil'] }, '"'],
    ['a line in a common name', { subject: ['CN = admin~evil'] }, '\n'],
  ])('%s', (_, names, character) => {
    // OpenSSL writes no such names, so the byte is put into the finished certificate; nothing checks its signature here.
    const der = Buffer.from(new X509Certificate(makeCertificate(names).cert).raw);
    for (let at = der.indexOf('~evil'); at >= 0; at = der.indexOf('~evil', at + 1)) der.write(character, at);
    const certificate = (): VerifiedCertificate => verifiedCertificate(new X509Certificate(der));
    if (character === '"') expect(certificate().alternativeNames).toEqual(['DNS:admin"evil']);
    else expect(codeOf(certificate)).toBe('malformed');
  });

  test('a client that sent none', () => {
    // What getPeerCertificate gives then, whatever its type says.
    const none = {} as Parameters<typeof verifiedCertificate>[0];
    expect(codeOf(() => verifiedCertificate(none))).toBe('malformed');
  });

  test('is the same by either of the ways in which TLS gives the peer’s certificate', async () => {
    const { cert, key } = makeCertificate({ subject: ['CN = agent-7'], alternativeNames: ['DNS:a.example'] });
    const accepted = Promise.withResolvers<TLSSocket>();
    const server = createServer({ cert, key, ca: cert, requestCert: true, rejectUnauthorized: true });
    server.once('secureConnection', accepted.resolve);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const client = connect({
      port,
      host: '127.0.0.1',
      ca: cert,
      cert,
      key,
      checkServerIdentity: () => undefined,
    });
    const socket = await accepted.promise;
    const certificate = verifiedCertificate(socket.getPeerCertificate(true));
    const x509 = socket.getPeerX509Certificate();
    expect(x509 && verifiedCertificate(x509)).toEqual(certificate);
    expect(certificate).toMatchObject({ commonName: 'agent-7', alternativeNames: ['DNS:a.example'] });
    client.destroy();
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});

const certificateOf = (commonName: string, ...alternativeNames: string[]): VerifiedCertificate => ({
  commonName,
  alternativeNames,
  issuer: 'CN=Corp CA',
  sha256: 'ab'.repeat(32),
  notAfterMs: startMs + 1_000,
});

const rule = (change: Partial<CertificateRule>): CertificateRule => ({
  name: 'rule',
  commonName: null,
  alternativeName: null,
  subject: 'somebody',
  kind: 'workload',
  groups: [],
  ...change,
});

function map(certificate: VerifiedCertificate, ...rules: CertificateRule[]): Principal {
  const settings = identitySettings([], rules);
  return new GatewayIdentity(settings, new TestClock(startMs), new TestLog()).fromCertificate(certificate);
}

const subjectOf = (certificate: VerifiedCertificate, ...rules: CertificateRule[]): string => {
  try {
    return map(certificate, ...rules).subject;
  } catch (thrown) {
    if (thrown instanceof IdentityError) return thrown.code;
    throw thrown;
  }
};

describe('fromCertificate', () => {
  test('makes a principal by the first rule that matches', () => {
    const rules = [
      rule({ commonName: 'ci-*', subject: 'ci' }),
      rule({ commonName: '*', subject: 'cn:{commonName}', kind: 'agent', groups: ['agents'] }),
      rule({ commonName: 'agent-7', subject: 'never' }),
    ];
    expect(map(certificateOf('agent-7'), ...rules)).toEqual({
      issuer: 'CN=Corp CA',
      subject: 'cn:agent-7',
      kind: 'agent',
      groups: ['agents'],
      claims: {},
      actsFor: [],
      provenBy: 'certificate',
      credentialId: 'ab'.repeat(32),
      expiresAtMs: startMs + 1_000,
    });
    expect(subjectOf(certificateOf('ci-1'), ...rules)).toBe('ci');
  });

  test('refuses what no rule maps, and what has expired', () => {
    expect(subjectOf(certificateOf('agent-7'), rule({ commonName: 'agent-8' }))).toBe('unmapped-certificate');
    expect(subjectOf(certificateOf('agent-7'))).toBe('unmapped-certificate');
    const old = { ...certificateOf('agent-7'), notAfterMs: startMs };
    expect(subjectOf(old, rule({ commonName: 'agent-7' }))).toBe('expired');
  });

  test.each<[string, string, string, boolean]>([
    ['agent-*', 'CN', 'agent-7', true],
    ['agent-*', 'CN', 'my-agent-7', false],
    ['agent-*', 'CN', 'AGENT-7', false],
    ['agent-7', 'CN', 'agent-70', false],
    ['a.b', 'CN', 'axb', false],
    ['*', 'CN', '*.corp.example', false],
    ['DNS:*.corp.example', 'DNS', 'build.corp.example', true],
    ['DNS:*.CORP.example', 'DNS', 'build.corp.example', true],
    ['DNS:*.corp.example', 'DNS', 'build.corp.example.evil.example', false],
    ['DNS:*.corp.example', 'DNS', '*.corp.example', false],
    ['DNS:*.corp.example', 'URI', 'x.corp.example', false],
    ['*.corp.example', 'DNS', 'build.corp.example', true],
    ['build.corp.example', 'DNS', 'build.corp.example', false],
    ['URI:spiffe://corp/agent/*', 'URI', 'spiffe://corp/agent/7', true],
    ['URI:spiffe://corp/agent/*', 'URI', 'spiffe://CORP/agent/7', false],
    ['URI:spiffe://corp/agent/*', 'URI', 'https://evil/?spiffe://corp/agent/7', false],
    ['IP:10.0.0.1', 'IP', '10.0.0.1', true],
    ['email:*@corp.example', 'email', 'al@corp.example', true],
  ])('the pattern %s on %s %s: %s', (pattern, type, name, matches) => {
    const certificate = type === 'CN' ? certificateOf(name) : certificateOf('', `${type}:${name}`);
    const wanted = type === 'CN' ? { commonName: pattern } : { alternativeName: pattern };
    expect(subjectOf(certificate, rule(wanted))).toBe(matches ? 'somebody' : 'unmapped-certificate');
  });

  test('both patterns of a rule have to match', () => {
    const both = rule({ commonName: 'agent-7', alternativeName: 'DNS:a.example' });
    expect(subjectOf(certificateOf('agent-7', 'DNS:a.example'), both)).toBe('somebody');
    expect(subjectOf(certificateOf('agent-7', 'DNS:b.example'), both)).toBe('unmapped-certificate');
    expect(subjectOf(certificateOf('agent-8', 'DNS:a.example'), both)).toBe('unmapped-certificate');
  });

  test('placeholders stand for the names that matched, without their type', () => {
    const spiffe = rule({ alternativeName: 'URI:spiffe://corp/*', subject: '{alternativeName}' });
    expect(subjectOf(certificateOf('', 'DNS:x', 'URI:spiffe://corp/agent'), spiffe)).toBe(
      'spiffe://corp/agent',
    );
    const both = rule({
      commonName: '*',
      alternativeName: 'DNS:*',
      subject: '{commonName}@{alternativeName}',
    });
    expect(subjectOf(certificateOf('al', 'DNS:x'), both)).toBe('al@x');
  });

  test('what stands in a name is not a placeholder or a replacement pattern', () => {
    const both = rule({
      commonName: '*',
      alternativeName: 'URI:*',
      subject: '{commonName}|{alternativeName}',
    });
    expect(subjectOf(certificateOf('{alternativeName}', 'URI:$&$1{commonName}'), both)).toBe(
      '{alternativeName}|$&$1{commonName}',
    );
  });

  test('a name that is needed and is not there, or not alone, maps to nobody', () => {
    const spiffe = rule({ alternativeName: 'URI:spiffe://corp/*', subject: '{alternativeName}' });
    const two = certificateOf('', 'URI:spiffe://corp/a', 'URI:spiffe://corp/b');
    expect(subjectOf(two, spiffe)).toBe('unmapped-certificate');
    expect(subjectOf(certificateOf(''), rule({ commonName: '*', subject: '{commonName}' }))).toBe(
      'unmapped-certificate',
    );
    const wildcard = certificateOf('*.example', 'DNS:a.example');
    expect(subjectOf(wildcard, rule({ alternativeName: 'DNS:*', subject: '{commonName}' }))).toBe(
      'unmapped-certificate',
    );
  });

  test('throws nothing but IdentityError', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, fc.array(text), text, text, text, (name, names, one, two, subject) => {
        codeOf(() =>
          map(certificateOf(name, ...names), rule({ commonName: one, alternativeName: two, subject })),
        );
      }),
    );
  });
});
