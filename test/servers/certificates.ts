import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateAuthority extends KeyPair {
  /** A certificate of this CA. `names` are as openssl spells them: `DNS:localhost`, `IP:127.0.0.1`, `URI:spiffe://...`. */
  issue(commonName: string, names: readonly string[]): Promise<KeyPair>;
  close(): Promise<void>;
}

/** A CA for one test file, made by openssl: real certificates, valid for a day. */
export async function makeAuthority(name = 'test CA'): Promise<CertificateAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-ca-'));
  const file = (leaf: string): string => join(folder, leaf);
  const openssl = (...args: string[]): Promise<unknown> =>
    run('openssl', args).catch((cause: unknown) => {
      throw new Error('these tests need the openssl command: apt-get install openssl', { cause });
    });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl(
    ...['req', '-x509', ...curve, '-days', '1', '-subj', `/CN=${name}`],
    ...['-keyout', file('ca.key'), '-out', file('ca.crt')],
  );
  let issued = 0;
  return {
    certificate: await readFile(file('ca.crt'), 'utf8'),
    key: await readFile(file('ca.key'), 'utf8'),
    async issue(commonName, names) {
      const leaf = `leaf${++issued}`;
      await openssl(
        ...[
          'req',
          ...curve,
          '-subj',
          `/CN=${commonName}`,
          '-keyout',
          file(`${leaf}.key`),
          '-out',
          file(`${leaf}.csr`),
        ],
      );
      const extensions =
        names.length > 0 ? `subjectAltName=${names.join(',')}\n` : 'basicConstraints=CA:FALSE\n';
      await writeFile(file(`${leaf}.ext`), extensions);
      await openssl(
        ...['x509', '-req', '-days', '1', '-in', file(`${leaf}.csr`), '-extfile', file(`${leaf}.ext`)],
        ...['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-out', file(`${leaf}.crt`)],
        // A file of serial numbers would be read in half by another that is issued at the same time.
        ...['-set_serial', `0x${randomBytes(8).toString('hex')}`],
      );
      return {
        certificate: await readFile(file(`${leaf}.crt`), 'utf8'),
        key: await readFile(file(`${leaf}.key`), 'utf8'),
      };
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
