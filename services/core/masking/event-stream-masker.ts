import { isUtf8 } from 'node:buffer';
import type { BodyMasker } from './body-masker.ts';
import { code } from './detect/bytes.ts';
import { MaskingError } from './errors.ts';
import { HeldBytes } from './held-bytes.ts';
import { type JsonPlan, maskedText } from './json-masker.ts';
import { documentStart } from './json-tokens.ts';
import { maxHeldBytes } from './limits.ts';

const lineFeed = code('\n');
const carriageReturn = code('\r');
const dataField = /^data(?:: ?|$)/;
const byteOrderMark = '\ufeff';

/**
 * Server-sent events (HTML standard, section 9.2). An event is kept back until it is whole. Its data, of all its lines together, is masked as
 * JSON where it is JSON, else as text; and so is what stands in each of its other lines and comments.
 */
export class EventStreamMasker implements BodyMasker {
  count = 0;
  readonly #plan: JsonPlan;
  readonly #held = new HeldBytes();
  /** Of what is held, how far the end of the event was looked for. */
  #searched = 0;
  #isFirst = true;

  constructor(plan: JsonPlan) {
    this.#plan = plan;
  }

  write(chunk: Buffer): Buffer {
    this.#held.append(chunk);
    const stream = this.#held.take();
    const out: Buffer[] = [];
    let begin = 0;
    for (let at = this.#searched; at < stream.length; at += 1) {
      if (!endsEmptyLine(stream, begin, at)) continue;
      out.push(this.#event(stream.subarray(begin, at + 1)));
      begin = at + 1;
    }
    const rest = stream.subarray(begin);
    if (rest.length > maxHeldBytes) throw unreadable(`an event is longer than ${maxHeldBytes} bytes`);
    this.#held.append(rest);
    this.#searched = rest.length;
    return Buffer.concat(out);
  }

  end(): Buffer {
    return this.#event(this.#held.take());
  }

  #event(bytes: Buffer): Buffer {
    if (bytes.length > maxHeldBytes) throw unreadable(`an event is longer than ${maxHeldBytes} bytes`);
    if (!isUtf8(bytes)) throw unreadable('an event is not UTF-8');
    const before = this.count;
    const text = bytes.toString();
    // A mark at the beginning of the stream belongs to no line (section 9.2.5).
    const mark = this.#isFirst && text.startsWith(byteOrderMark) ? byteOrderMark : '';
    this.#isFirst &&= bytes.length === 0;
    const lines = text.slice(mark.length).split(/\r\n|\n|\r/);
    const data = lines.filter((line) => dataField.test(line)).map((line) => line.replace(dataField, ''));
    const shownData = data.length === 0 ? '' : this.#data(data.join('\n'));
    let isShown = false;
    const shown = lines.flatMap((line) => {
      if (!dataField.test(line)) return [this.#other(line)];
      if (isShown) return [];
      isShown = true;
      return shownData.split(/\r\n|\n|\r/).map((each) => `data: ${each}`);
    });
    return this.count === before ? bytes : Buffer.from(mark + shown.join('\n'));
  }

  #data(text: string): string {
    const { paths } = this.#plan;
    const masked = maskedText(this.#plan, paths, paths.mask, text, 0);
    if (masked === null) return text;
    this.count += masked.count;
    return masked.text ?? 'null';
  }

  /** A comment, or a field of another name. */
  #other(line: string): string {
    const value = line.replace(/^[^:{["]*: ?/, '');
    if (!documentStart.test(value)) return this.#text(line);
    return this.#text(line.slice(0, line.length - value.length)) + this.#data(value);
  }

  #text(text: string): string {
    const scanned = this.#plan.scanner?.scan(Buffer.from(text), 'text') ?? null;
    if (scanned === null) return text;
    this.count += scanned.count;
    return scanned.value?.toString() ?? '';
  }
}

/** Whether the byte at `at` ends a line with nothing in it; a line ends with LF, CR or both. */
function endsEmptyLine(stream: Buffer, begin: number, at: number): boolean {
  const byte = stream[at];
  if (byte !== lineFeed && byte !== carriageReturn) return false;
  // What is between two events: an empty line, or the second half of a CRLF.
  if (at === begin) return true;
  const before = stream[at - 1];
  if (byte === carriageReturn) return before === lineFeed || before === carriageReturn;
  if (before === lineFeed) return true;
  return before === carriageReturn && at - 2 >= begin && stream[at - 2] === lineFeed;
}

const unreadable = (why: string): MaskingError =>
  new MaskingError('unreadable', `These are not events that can be masked: ${why}.`);
