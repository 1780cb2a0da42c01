import { apiKey } from './detect/api-key.ts';
import { awsAccessKey } from './detect/aws-access-key.ts';
import type { Detector } from './detect/bytes.ts';
import { card } from './detect/card.ts';
import { email } from './detect/email.ts';
import { iban } from './detect/iban.ts';
import { jwt } from './detect/jwt.ts';
import { phone } from './detect/phone.ts';
import { privateKey } from './detect/private-key.ts';
import { usSsn } from './detect/us-ssn.ts';
import { MaskingError } from './errors.ts';

/**
 * All detectors, in the order in which they are tried at the same byte.
 *
 * None for IP addresses: versions, sections and plain measurements look the same, and addresses are seldom secret.
 */
export const detectors = {
  'private-key': privateKey,
  jwt,
  'api-key': apiKey,
  'aws-access-key': awsAccessKey,
  email,
  iban,
  card,
  'us-ssn': usSsn,
  phone,
} as const satisfies Readonly<Record<string, Detector>>;

export type DetectorName = keyof typeof detectors;
export const detectorNames = Object.keys(detectors) as readonly DetectorName[]; // keys of the literal above

/** @throws MaskingError `unknown-detector` */
export function detectorName(name: string): DetectorName {
  const found = detectorNames.find((known) => known === name);
  if (found === undefined) {
    throw new MaskingError(
      'unknown-detector',
      `"${name}" is no detector; there are ${detectorNames.join(', ')}`,
    );
  }
  return found;
}
