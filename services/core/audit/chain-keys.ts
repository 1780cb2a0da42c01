import type { SegmentHeader } from './record.ts';
import { endorsementText, publicKeyFromHeader, type VerifyingKey } from './signing.ts';
import type { FindingKind, KeyReport } from './trail-report.ts';

interface KeyProblem {
  readonly kind: FindingKind;
  readonly message: string;
}

/** The keys that one chain was signed with, and why each is to be believed. */
export class ChainKeys {
  readonly #given: readonly VerifyingKey[] | null;
  readonly reports: KeyReport[] = [];
  #current: VerifyingKey | null = null;

  constructor(given: readonly VerifyingKey[] | null) {
    this.#given = given;
  }

  /** The key whose signatures are expected now; null before the first header that could be read. */
  get current(): VerifyingKey | null {
    return this.#current;
  }

  /** A segment's header names its key. Null when there is nothing to say of it. */
  use(header: SegmentHeader, seq: number): KeyProblem | null {
    const former = this.#current;
    if (former?.id === header.keyId && former.publicKey === header.publicKey) return null;
    const key = readKey(header);
    if (key === null) {
      return { kind: 'wrong-segment', message: 'the header holds no Ed25519 key of the id it names' };
    }
    this.#current = key;
    const trust = this.#trustIn(key, former, header);
    this.reports.push({ keyId: key.id, firstSeq: seq, trust });
    if (trust !== 'own-word') return null;
    if (this.#given !== null) {
      return {
        kind: 'untrusted-key',
        message: `signed with key ${key.id}, which is none of the public keys that were given`,
      };
    }
    if (former === null) return null;
    return {
      kind: 'unendorsed-key',
      message: `key ${key.id} takes the place of ${former.id}, which does not vouch for it; give its public key to prove it`,
    };
  }

  #trustIn(key: VerifyingKey, former: VerifyingKey | null, header: SegmentHeader): KeyReport['trust'] {
    if (this.#given?.some((given) => given.publicKey === key.publicKey)) return 'given';
    // A key that is not believed itself cannot vouch for another.
    const formerTrust = this.reports.at(-1)?.trust;
    if (former === null || (this.#given !== null && formerTrust === 'own-word')) return 'own-word';
    const endorsement = header.kind === 'segment' ? header.endorsement : null;
    const endorsed =
      endorsement?.keyId === former.id &&
      former.verifies(endorsementText(key.publicKey), endorsement.signature);
    return endorsed ? 'endorsed' : 'own-word';
  }
}

function readKey(header: SegmentHeader): VerifyingKey | null {
  try {
    const key = publicKeyFromHeader(header.publicKey);
    return key.id === header.keyId ? key : null;
  } catch {
    // Not a key: the caller says so, in the words of the report.
    return null;
  }
}
