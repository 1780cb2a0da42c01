import type { BodyMasker } from './body-masker.ts';
import { MaskingError } from './errors.ts';
import { HeldBytes } from './held-bytes.ts';
import { type JsonPlan, type MaskedText, maskedText } from './json-masker.ts';
import type { PathNode } from './json-path.ts';
import type { JsonMask } from './json-values.ts';
import { maxHeldBytes } from './limits.ts';

const ampersand = '&';

/**
 * application/x-www-form-urlencoded (URL standard, section 5). A field's name is a path: `email`, and `user[email]` is `user.email`. Values are
 * masked as strings of JSON are, and detectors look at names too.
 */
export class FormMasker implements BodyMasker {
  count = 0;
  readonly #plan: JsonPlan;
  readonly #held = new HeldBytes();

  constructor(plan: JsonPlan) {
    this.#plan = plan;
  }

  write(chunk: Buffer): Buffer {
    const end = chunk.lastIndexOf(ampersand) + 1;
    if (end === 0) {
      this.#held.append(chunk);
      if (this.#held.length > maxHeldBytes) throw unreadable('a field is too long');
      return Buffer.alloc(0);
    }
    this.#held.append(chunk.subarray(0, end));
    const shown = this.#fields(this.#held.take());
    this.#held.append(chunk.subarray(end));
    if (this.#held.length > maxHeldBytes) throw unreadable('a field is too long');
    return shown;
  }

  end(): Buffer {
    return this.#fields(this.#held.take());
  }

  #fields(bytes: Buffer): Buffer {
    const fields = bytes.toString('latin1').split(ampersand);
    return Buffer.from(fields.map((field) => this.#field(field)).join(ampersand), 'latin1');
  }

  #field(written: string): string {
    if (written.length > maxHeldBytes) throw unreadable('a field is too long');
    const equals = written.indexOf('=');
    const writtenName = equals === -1 ? written : written.slice(0, equals);
    const name = decoded(writtenName);
    const node = name
      .split(/[[\].]+/)
      .filter((part) => part !== '')
      .reduce((above, part) => above.step(part), this.#plan.paths);
    const shownName = this.#scanned(name) ?? writtenName;
    if (equals === -1) return shownName;
    const writtenValue = written.slice(equals + 1);
    const masked = this.#maskedValue(name, node, decoded(writtenValue));
    this.count += masked?.count ?? 0;
    const shownValue = masked === null ? writtenValue : encodeURIComponent(masked.text ?? '');
    return `${shownName}=${shownValue}`;
  }

  #maskedValue(name: string, node: PathNode<JsonMask>, value: string): MaskedText | null {
    const { scanner } = this.#plan;
    const isNamed = node.mask === null && scanner?.namesSecret(Buffer.from(name.replace(/\]$/, '')));
    const secret = isNamed ? scanner?.scanNamed(Buffer.from(value)) : null;
    if (secret == null) return maskedText(this.#plan, node, node.mask, value, 0);
    return { text: secret.value?.toString() ?? null, count: secret.count };
  }

  #scanned(name: string): string | null {
    const scanned = this.#plan.scanner?.scan(Buffer.from(name), 'text') ?? null;
    if (scanned === null) return null;
    this.count += scanned.count;
    return encodeURIComponent(scanned.value?.toString() ?? '');
  }
}

function decoded(written: string): string {
  try {
    return decodeURIComponent(written.replaceAll('+', ' '));
  } catch {
    // It would quote the value.
    throw unreadable('a field is not UTF-8 in percent-encoding');
  }
}

const unreadable = (why: string): MaskingError =>
  new MaskingError('unreadable', `This is not a form that can be masked: ${why}.`);
