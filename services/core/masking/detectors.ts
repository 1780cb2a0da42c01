import { apiKey } from './detect/api-key.ts';
import { awsAccessKey } from './detect/aws-key.ts';
import type { Detector } from './detect/bytes.ts';
import { card } from './detect/card.ts';
import { email } from './detect/email.ts';
import { iban } from './detect/iban.ts';
import { jwt } from './detect/jwt.ts';
import { nationalId, nationalIdOf } from './detect/national-id.ts';
import { type NationalIdCountry, nationalIdCountries } from './detect/national-id-forms.ts';
import { phone } from './detect/phone.ts';
import { privateKey } from './detect/private-key.ts';
import { usSsn } from './detect/us-ssn.ts';
import { MaskingError } from './errors.ts';

type CountryName = `national-id-${NationalIdCountry}`;

function nationalIds(): Readonly<Record<CountryName, Detector>> {
  const entries = nationalIdCountries.map((country) => [`national-id-${country}`, nationalIdOf(country)]);
  return Object.fromEntries(entries) as Record<CountryName, Detector>; // one entry for each country
}

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
  'national-id': nationalId,
  ...nationalIds(),
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
