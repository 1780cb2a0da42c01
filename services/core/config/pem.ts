import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Secret } from '../model/secret.ts';

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates of a PEM file, in its order; null when there are none, or one cannot be read. */
export function certificatesOf(pem: string): readonly X509Certificate[] | null {
  const certificates: X509Certificate[] = [];
  for (const [text] of pem.matchAll(block)) {
    try {
      certificates.push(new X509Certificate(text));
    } catch {
      // OpenSSL's own words ("wrong tag") would help nobody; the caller says which file it is.
      return null;
    }
  }
  return certificates.length === 0 ? null : certificates;
}

/** Null when it is no private key in PEM, or one that a passphrase protects. */
export function privateKeyOf(pem: Secret): KeyObject | null {
  try {
    return createPrivateKey(pem.reveal());
  } catch {
    // As above; and an error about a key is better not shown at all.
    return null;
  }
}

/** Whether the first certificate, which is the server's own, is of this key. */
export function belongTogether(certificate: string, key: Secret): boolean {
  const [own] = certificatesOf(certificate) ?? [];
  const privateKey = privateKeyOf(key);
  return own !== undefined && privateKey !== null && own.checkPrivateKey(privateKey);
}
