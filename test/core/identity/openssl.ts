import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface CertificateNames {
  /** Lines of OpenSSL's distinguished name section: `CN = agent-7`. */
  readonly subject?: readonly string[];
  /** OpenSSL's words: `DNS:build.example`, `URI:spiffe://…`, `IP:127.0.0.1`, `email:…`. */
  readonly alternativeNames?: readonly string[];
}

/** A self-signed certificate, which is its own CA, made by the openssl command that Debian's PostgreSQL brings along. */
export function makeCertificate({
  subject = ['CN = test'],
  alternativeNames = [],
}: CertificateNames): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-certificate-'));
  const [config, key, cert] = ['config', 'key', 'cert'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]; // three names in, three out
  const names = alternativeNames.map((name, index) => {
    const [type = '', ...rest] = name.split(':');
    return `${type}.${index + 1} = ${rest.join(':')}`;
  });
  const text = [
    '[req]',
    'distinguished_name = subject',
    'prompt = no',
    'utf8 = yes',
    'string_mask = utf8only',
    'x509_extensions = extensions',
    '[subject]',
    ...subject,
    '[extensions]',
    'basicConstraints = critical, CA:true',
    ...(names.length > 0 ? ['subjectAltName = @names', '[names]', ...names] : []),
  ];
  writeFileSync(config, `${text.join('\n')}\n`);
  try {
    const command = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2';
    const files = ['-config', config, '-keyout', key, '-out', cert];
    execFileSync('openssl', [...command.split(' '), ...files], { stdio: 'pipe' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } catch (cause) {
    throw new Error('these tests need the openssl command: apt-get install openssl', { cause });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
