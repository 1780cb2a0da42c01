import { generateKeyPairSync } from 'node:crypto';
import { makeCertificate, type TestCertificate } from '../identity/openssl.ts';
import { smallestFiles } from './configs.ts';

export interface FullFiles {
  readonly server: TestCertificate;
  readonly files: Readonly<Record<string, string>>;
}

/** What the full config refers to. */
export function fullFiles(): FullFiles {
  const server = makeCertificate({ subject: ['CN = gateway.example.com'] });
  const other = makeCertificate({});
  return {
    server,
    files: {
      ...smallestFiles,
      'policies/b.yaml': 'policies: []\n',
      'policies/extra.ts': 'export default [];\n',
      'policies/.hidden.yaml': 'not one of them\n',
      'policies/README.md': 'nor this\n',
      'tls/server.crt': server.cert + other.cert,
      'tls/server.key': server.key,
      'tls/clients.crt': other.cert,
      'tls/issuer.crt': other.cert,
      'tls/db.crt': other.cert,
      'secrets/db': 'correct horse\n',
      'secrets/trail.pem': generateKeyPairSync('ed25519', {
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
        publicKeyEncoding: { type: 'spki', format: 'pem' },
      }).privateKey,
    },
  };
}

export const fullEnv = { REDIS_URL: 'rediss://default:s3cr3t@redis.internal:6380/2' };
