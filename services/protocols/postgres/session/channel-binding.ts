/** What SCRAM binds a login to: the certificate of the server at the other end of the TLS connection (RFC 5929). */
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** tls-server-end-point: the server's certificate, hashed. Null where the RFC defines none for such a certificate. */
export function serverEndPoint(secure: TLSSocket): Buffer | null {
  const certificate = secure.getPeerX509Certificate();
  return certificate === undefined ? null : endPointOf(certificate.raw);
}

/** `certificate`: DER. Exported for the tests. */
export function endPointOf(certificate: Buffer): Buffer | null {
  const hash = signatureHash(certificate);
  return hash === null ? null : createHash(hash).update(certificate).digest();
}

/**
 * The hash of each signature algorithm, by OID in DER: PKCS #1 (RFC 8017), ECDSA (RFC 5758), NIST's. RFC 5929 section 4.1 takes SHA-256 where the
 * signature uses MD5 or SHA-1, and defines nothing for algorithms without exactly one hash (Ed25519, Ed448).
 */
const hashOfSignature: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '608648016503040309': 'sha3-224', // ecdsa-with-SHA3-224, and so on
  '60864801650304030a': 'sha3-256',
  '60864801650304030b': 'sha3-384',
  '60864801650304030c': 'sha3-512',
  '60864801650304030d': 'sha3-224', // rsassa-pkcs1-v1-5-with-sha3-224, and so on
  '60864801650304030e': 'sha3-256',
  '60864801650304030f': 'sha3-384',
  '608648016503040310': 'sha3-512',
};

/** RSASSA-PSS names its hash in its parameters. */
const rsaPss = '2a864886f70d01010a';

/** The hashes that may stand there. */
const hashByOid: Readonly<Record<string, string>> = {
  '2b0e03021a': 'sha256', // SHA-1
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

/**
 * Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature } (RFC 5280 section 4.1). Node gives the
 * algorithm's name, but not the parameters.
 */
function signatureHash(certificate: Buffer): string | null {
  const [, algorithm] = itemsOf(itemsOf(certificate)[0]?.content);
  const [oid, parameters] = itemsOf(algorithm?.content);
  if (oid === undefined) return null;
  const name = oid.content.toString('hex');
  return name === rsaPss ? pssHash(parameters) : (hashOfSignature[name] ?? null);
}

/** RSASSA-PSS-params ::= SEQUENCE { [0] SEQUENCE { OID }, ... }; SHA-1 where [0] is absent (RFC 8017 appendix A.2.3). */
function pssHash(parameters: Item | undefined): string | null {
  const given = itemsOf(parameters?.content).find(({ tag }) => tag === 0xa0);
  if (given === undefined) return 'sha256';
  const [algorithm] = itemsOf(given.content);
  const [oid] = itemsOf(algorithm?.content);
  return hashByOid[oid?.content.toString('hex') ?? ''] ?? null;
}

interface Item {
  readonly tag: number;
  readonly content: Buffer;
}

/** The DER items that follow each other in these bytes. They come from the other side: what is cut off or without a length is left out. */
function itemsOf(bytes: Buffer = Buffer.alloc(0)): readonly Item[] {
  const items: Item[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const tag = bytes.readUInt8(at);
    const first = bytes.readUInt8(at + 1);
    // 0x80 and more: so many bytes of length follow. Four of them are far more than any certificate has.
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const begin = at + 2 + lengthBytes;
    if (first === 0x80 || lengthBytes > 4 || begin > bytes.length) break;
    const end = begin + (lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes));
    if (end > bytes.length) break;
    items.push({ tag, content: bytes.subarray(begin, end) });
    at = end;
  }
  return items;
}
