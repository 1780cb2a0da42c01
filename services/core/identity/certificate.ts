import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import { IdentityError, type VerifiedCertificate } from '../model/identity.ts';
import type { Principal } from '../model/principal.ts';
import { matchesGlob } from '../model/principal-pattern.ts';
import type { CertificateRule } from '../model/settings.ts';
import { isPlainName } from './claims.ts';
import { maxAlternativeNameCharacters, maxAlternativeNames } from './limits.ts';

const malformed = (message: string, cause?: unknown): IdentityError =>
  new IdentityError('malformed', message, { cause });

/**
 * The names of a certificate that TLS has verified (`socket.authorized`), read so that they cannot be misread: alternative
 * names come as `DNS:`, `URI:`, `email:` or `IP:` and the name, host names in lower case, all else left out.
 *
 * @throws IdentityError `malformed` when a name holds what cannot be seen (a NUL among it), is not in the encoding that
 * RFC 5280 section 4.2.1.6 asks for, or when there are several common names.
 */
export function verifiedCertificate(peer: DetailedPeerCertificate | X509Certificate): VerifiedCertificate {
  const certificate = x509Of(peer);
  const notAfterMs = certificate.validToDate.getTime();
  if (Number.isNaN(notAfterMs)) throw malformed('The client certificate has no readable end of validity.');
  return {
    commonName: commonNameOf(certificate),
    alternativeNames: alternativeNamesOf(certificate.subjectAltName ?? ''),
    // One attribute a line, with commas in values escaped (RFC 2253), so that joining them is unambiguous.
    issuer: certificate.issuer.split('\n').join(', '),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfterMs,
  };
}

/** From the certificate's own bytes in either case, so that there is one way in which names are read. */
function x509Of(peer: DetailedPeerCertificate | X509Certificate): X509Certificate {
  if (peer instanceof X509Certificate) return peer;
  // Node's type promises `raw`, but `getPeerCertificate` gives an empty object when the client sent no certificate.
  const raw: Buffer | undefined = peer.raw;
  if (raw === undefined) throw malformed('The client sent no certificate.');
  try {
    return new X509Certificate(raw);
  } catch (cause) {
    throw malformed('The client certificate cannot be read.', cause);
  }
}

function commonNameOf(certificate: X509Certificate): string {
  // The legacy object has the names unescaped, and a list for several of a kind, which Node's types leave out.
  const subject: unknown = certificate.toLegacyObject().subject;
  const name: unknown = typeof subject === 'object' && subject !== null && 'CN' in subject ? subject.CN : '';
  if (typeof name !== 'string') throw malformed('The client certificate has several common names.');
  // U+FFFD stands where bytes were not in the encoding they claim to be in.
  if (name !== '' && (!isPlainName(name) || name.includes('\uFFFD'))) {
    throw malformed('The common name of the client certificate is not a plain, short, visible name.');
  }
  return name;
}

/**
 * One entry of Node's `subjectAltName`: bare, or as a JSON string when it holds anything that could be mistaken for
 * a separator (CVE-2021-44532). Splitting at commas, as one is tempted to, lets a name bring its own `, DNS:admin`.
 */
const entry = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** Node's words for the types of RFC 5280 that name one party, and ours. */
const nameTypes: Readonly<Record<string, string>> = {
  DNS: 'DNS',
  URI: 'URI',
  email: 'email',
  'IP Address': 'IP',
};

function alternativeNamesOf(text: string): readonly string[] {
  const names: string[] = [];
  let at = 0;
  while (at < text.length) {
    entry.lastIndex = at;
    const [whole, nodeType = '', written = ''] = entry.exec(text) ?? [];
    if (whole === undefined)
      throw malformed('The alternative names of the client certificate cannot be read.');
    at += whole.length;
    if (!Object.hasOwn(nameTypes, nodeType)) continue;
    const type = nameTypes[nodeType] ?? '';
    if (names.length === maxAlternativeNames) {
      throw malformed(`The client certificate has more than ${maxAlternativeNames} alternative names.`);
    }
    names.push(`${type}:${canonicalName(type, unquoted(written))}`);
  }
  return names;
}

function unquoted(written: string): string {
  if (!written.startsWith('"')) return written;
  try {
    return String(JSON.parse(written));
  } catch (cause) {
    throw malformed('The alternative names of the client certificate cannot be read.', cause);
  }
}

/** IA5String is ASCII; host names compare without case (RFC 5280 section 7.2), and so do the hosts of mailboxes. */
function canonicalName(type: string, name: string): string {
  if (!/^[\x21-\x7e]+$/.test(name) || name.length > maxAlternativeNameCharacters) {
    throw malformed('An alternative name of the client certificate is not plain ASCII.');
  }
  if (type === 'DNS' || type === 'IP') return name.toLowerCase();
  if (type !== 'email') return name;
  const host = name.lastIndexOf('@') + 1;
  return name.slice(0, host) + name.slice(host).toLowerCase();
}

/** A rule's pattern in the same spelling as the names that it is compared with. */
function canonicalPattern(pattern: string): string {
  const [type = '', ...rest] = pattern.split(':');
  const name = rest.join(':');
  return type === 'DNS' || type === 'IP' ? `${type}:${name.toLowerCase()}` : pattern;
}

/**
 * The principal that the first matching rule makes of a certificate. `{alternativeName}` in the rule's subject is the
 * name without its type.
 *
 * @throws IdentityError `unmapped-certificate`, or `expired`
 */
export function principalOfCertificate(
  certificate: VerifiedCertificate,
  rules: readonly CertificateRule[],
  nowMs: number,
): Principal {
  if (nowMs >= certificate.notAfterMs) {
    throw new IdentityError('expired', 'The client certificate has expired.');
  }
  for (const rule of rules) {
    const alternativeNames = namesMatching(rule, certificate);
    if (alternativeNames === null) continue;
    return {
      issuer: certificate.issuer,
      subject: subjectOf(rule, certificate.commonName, alternativeNames),
      kind: rule.kind,
      groups: rule.groups,
      claims: noClaims,
      actsFor: [],
      provenBy: 'certificate',
      credentialId: certificate.sha256,
      expiresAtMs: certificate.notAfterMs,
    };
  }
  throw new IdentityError(
    'unmapped-certificate',
    'No rule of the gateway maps the names of this client certificate.',
  );
}

const noClaims = Object.freeze(Object.create(null));

/** A wildcard certificate names many hosts, so it is nobody's identity, whatever a pattern says. */
const isOneName = (name: string): boolean => !name.includes('*');

/** The alternative names that a rule's pattern matches (all of them without a pattern); null: the rule does not match. */
function namesMatching(rule: CertificateRule, certificate: VerifiedCertificate): readonly string[] | null {
  const { commonName, alternativeNames } = certificate;
  if (rule.commonName !== null && !(isOneName(commonName) && matchesGlob(rule.commonName, commonName))) {
    return null;
  }
  const single = alternativeNames.filter(isOneName);
  if (rule.alternativeName === null) return single;
  const pattern = canonicalPattern(rule.alternativeName);
  const matching = single.filter((name) => matchesGlob(pattern, name));
  return matching.length === 0 ? null : matching;
}

function subjectOf(rule: CertificateRule, commonName: string, alternativeNames: readonly string[]): string {
  const subject = rule.subject.replaceAll(/\{(commonName|alternativeName)\}/g, (_, placeholder: string) => {
    const names = placeholder === 'commonName' ? [commonName].filter(isOneName) : alternativeNames;
    const [name = '', ...others] = names;
    if (name === '' || others.length > 0) {
      throw new IdentityError(
        'unmapped-certificate',
        `The rule ${JSON.stringify(rule.name)} needs one ${placeholder} in the client certificate, and it has ${name === '' ? 'none' : 'several'}.`,
      );
    }
    return placeholder === 'commonName' ? name : name.slice(name.indexOf(':') + 1);
  });
  if (!isPlainName(subject, maxAlternativeNameCharacters)) {
    throw new IdentityError(
      'unmapped-certificate',
      'The client certificate gives no plain, visible subject.',
    );
  }
  return subject;
}
