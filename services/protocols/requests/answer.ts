import { StringDecoder } from 'node:string_decoder';
import type { BodyMasker } from '../../core/masking/body-masker.ts';
import { MaskingError } from '../../core/masking/errors.ts';
import type { Clock } from '../../core/model/clock.ts';
import type { Deny } from '../../core/model/decision.ts';
import { InvariantError } from '../../core/model/errors.ts';
import type { ActionId } from '../../core/model/ids.ts';
import type { Logger } from '../../core/model/log.ts';
import type { ActionTrace } from '../../core/model/telemetry.ts';
import type { ActionOutcome } from '../../core/model/trail-entry.ts';
import type {
  AnswerHead,
  AnswerReader,
  AnswerVerdict,
  Header,
  HeaderChanges,
  OwnAnswer,
} from '../request.ts';
import { bodyMasker } from './answer-body.ts';
import { maskedHeaders, ofThePacked } from './answer-headers.ts';
import type { AnswerPlan } from './answer-plan.ts';
import type { RequestSession } from './sessions.ts';
import { packingOf, UnpackError, type Unpacker, type Unpackers } from './unpacking.ts';

export interface AnswerParts {
  readonly plan: AnswerPlan;
  readonly session: RequestSession;
  readonly action: ActionId;
  readonly trace: ActionTrace | null;
  readonly startedAtMs: number;
  /** Media types that pass although nothing can be masked in them. */
  readonly passesUnmasked: (type: string) => boolean;
  readonly unpackers: Unpackers;
  /** What the client sends passes by here too. */
  readonly isBothWays: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** A refusal in the protocol's own form. */
  refuse(deny: Deny): OwnAnswer;
  finished(answer: Answer): void;
}

const nothing = Buffer.alloc(0);

/** What a target answers to one request, as it passes through. */
export class Answer implements AnswerReader {
  readonly #parts: AnswerParts;
  #status = 0;
  #masker: BodyMasker | null = null;
  #unpacker: Unpacker | null = null;
  #maskedHeaders = 0;
  #bytes = 0;
  #sentBytes = 0;
  #isWhole = false;
  #isFinished = false;
  #cut: (() => void) | null = null;
  #cutBy: Deny | null = null;
  readonly releasedAtMs: number;
  readonly #record: AnswerRecord | null;
  readonly #sessionClosed = (): void => {
    this.#finish('cut-off');
    this.#cut?.();
  };

  constructor(parts: AnswerParts) {
    this.#parts = parts;
    const { plan, session, action, clock } = parts;
    this.releasedAtMs = clock.monotonicMs();
    this.#record = plan.isRecorded ? new AnswerRecord(session, action) : null;
    session.enter();
    session.onClosed(this.#sessionClosed);
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  get action(): ActionId {
    return this.#parts.action;
  }

  onCut(cut: () => void): void {
    this.#cut = cut;
    if (this.#isFinished) cut();
  }

  unanswered(status: number): void {
    this.#status = status;
    this.#isWhole = true;
  }

  head({ status, headers, hasBody }: AnswerHead): AnswerVerdict {
    this.#status = status;
    const { session } = this.#parts;
    const refusal = session.ended ?? (hasBody ? this.#refusalOf(headers, status) : null);
    if (refusal !== null) {
      this.#finish('cut-off');
      return this.#parts.refuse(refusal);
    }
    // A WebSocket may be ended by either side.
    this.#isWhole = !hasBody || status === 101;
    this.#record?.add(`${status} ${headerValue(headers, 'content-type') ?? ''}`.trim());
    const { remove, set } = this.#shownHeaders(headers);
    if (this.#unpacker === null) return { kind: 'pass', remove, set, isPacked: false };
    return { kind: 'pass', remove: [...new Set([...remove, ...ofThePacked(headers)])], set, isPacked: true };
  }

  body(chunk: Buffer, isLast: boolean): Buffer | null {
    if (this.#isFinished) return null;
    const shown = this.#shown(chunk, isLast);
    if (shown === null) return null;
    this.#bytes += shown.length;
    const { maxBytes } = this.#parts.plan;
    if (maxBytes !== null && this.#bytes > maxBytes) {
      this.#cutBy = tooMuch(maxBytes);
      this.#finish('cut-off');
      return null;
    }
    this.#record?.add(shown);
    if (isLast) this.#isWhole = true;
    return shown;
  }

  inPlace(): OwnAnswer {
    return this.#parts.refuse(this.#cutBy ?? cannotShow('its session has ended'));
  }

  async *packedBody(chunk: Buffer, isLast: boolean): AsyncGenerator<Buffer | null, void, undefined> {
    const unpacker = this.#unpacker;
    if (unpacker === null) throw new InvariantError('head() has said that the body is not packed');
    try {
      for await (const part of unpacker.unpack(chunk, isLast)) yield this.body(part, false);
    } catch (error) {
      if (!(error instanceof UnpackError)) throw error;
      this.#unreadable(`it cannot be unpacked: ${error.message}`);
      yield null;
      return;
    }
    if (isLast) yield this.body(nothing, true);
  }

  trailers(headers: readonly Header[]): HeaderChanges {
    return this.#shownHeaders(headers);
  }

  closed(): void {
    if (!this.#isWhole) return this.#finish('cut-off');
    this.#finish(this.#status >= 400 ? 'failed' : 'completed');
  }

  /** Nobody has asked for it: the client has left before there was an answer, or Envoy has. */
  forgotten(): void {
    this.#finish('unknown');
  }

  #refusalOf(headers: readonly Header[], status: number): Deny | null {
    const { masks, maxBytes } = this.#parts.plan;
    const length = Number(headerValue(headers, 'content-length') ?? 0);
    if (maxBytes !== null && length > maxBytes) return tooMuch(maxBytes);
    if (masks === null) {
      if (this.#record !== null) this.#unpack(headers);
      return null;
    }
    if (status === 206 || headerValue(headers, 'content-range') !== null)
      return cannotShow('it is a part of something larger');
    const contentType = headerValue(headers, 'content-type');
    const passesUnmasked = contentType !== null && this.#parts.passesUnmasked(contentType);
    // What a server says of an error or a redirect is prose, and an agent has to read it.
    const masker = bodyMasker(contentType, masks, passesUnmasked || status >= 300);
    if ('fault' in masker) return passesUnmasked ? null : cannotShow(masker.fault);
    this.#masker = masker;
    const fault = this.#unpack(headers);
    return fault === null ? null : cannotShow(fault);
  }

  /** Why it cannot be; null when it can, or need not. */
  #unpack(headers: readonly Header[]): string | null {
    const packing = packingOf(headers);
    if (packing === 'none') return null;
    if (packing === 'unknown') return 'it is packed in a way that the gateway does not unpack';
    this.#unpacker = this.#parts.unpackers.open(packing);
    return this.#unpacker === null
      ? 'it is packed, although the target was asked not to, and too many such answers are under way'
      : null;
  }

  #shownHeaders(headers: readonly Header[]): HeaderChanges {
    const { masks } = this.#parts.plan;
    if (masks === null) return { remove: [], set: [] };
    const { remove, set, count } = maskedHeaders(headers, masks);
    this.#maskedHeaders += count;
    return { remove, set };
  }

  #shown(chunk: Buffer, isLast: boolean): Buffer | null {
    const masker = this.#masker;
    if (masker === null) return chunk;
    try {
      const shown = masker.write(chunk);
      return isLast ? Buffer.concat([shown, masker.end()]) : shown;
    } catch (error) {
      if (!(error instanceof MaskingError)) throw error;
      this.#unreadable(error.message);
      return null;
    }
  }

  #unreadable(why: string): void {
    const { action, session, log } = this.#parts;
    log.warn({ action, session: session.gate.id, why }, 'an answer was cut: it cannot be read');
    this.#cutBy = cannotShow(why.replace(/\.$/, ''));
    this.#finish('cut-off');
  }

  #finish(result: ActionOutcome['result']): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { session, action, trace, clock, startedAtMs } = this.#parts;
    this.#unpacker?.close();
    this.#record?.end();
    const outcome: ActionOutcome = {
      result,
      rows: 0,
      bytes: this.#bytes,
      ...(this.#parts.isBothWays ? { bytesReceived: this.#sentBytes } : {}),
      maskedValues: this.#maskedHeaders + (this.#masker?.count ?? 0),
      errorCode: this.#status >= 400 ? String(this.#status) : null,
      durationMs: clock.monotonicMs() - startedAtMs,
    };
    session.gate.finished(action, outcome);
    trace?.end(outcome);
    session.offClosed(this.#sessionClosed);
    session.leave();
    this.#parts.finished(this);
  }
}

/** What the client saw, in the session's transcript, up to its limit. */
class AnswerRecord {
  readonly #session: RequestSession;
  readonly #action: ActionId;
  readonly #decoder = new StringDecoder('utf8');
  #left: number;
  #leftOut = 0;

  constructor(session: RequestSession, action: ActionId) {
    this.#session = session;
    this.#action = action;
    this.#left = session.gate.maxTranscribedResultBytes;
  }

  add(shown: Buffer | string): void {
    const kept = typeof shown === 'string' ? Buffer.from(`${shown}\n`) : shown;
    const fits = Math.min(kept.length, this.#left);
    this.#left -= fits;
    this.#leftOut += kept.length - fits;
    if (fits > 0) this.#write(this.#decoder.write(kept.subarray(0, fits)));
  }

  end(): void {
    this.#write(this.#decoder.end());
    if (this.#leftOut === 0) return;
    const cut = { kind: 'cut', action: this.#action, rowsLeftOut: 0, bytesLeftOut: this.#leftOut } as const;
    this.#session.gate.transcribe(cut);
  }

  #write(text: string): void {
    if (text === '') return;
    this.#session.gate.transcribe({ kind: 'output', action: this.#action, stream: 'data', text });
  }
}

const headerValue = (headers: readonly Header[], name: string): string | null => {
  const values = headers.filter((header) => header.name === name).map(({ value }) => value);
  return values.length === 0 ? null : values.join(', ');
};

const cannotShow = (why: string): Deny => ({
  kind: 'deny',
  rule: null,
  reason: 'unreadable-answer',
  message: `The target was asked and has answered, and the gateway cannot mask what it says: ${why}.`,
  hint: 'Whatever it did is done. Ask for it as JSON or text, or ask the people who run this gateway.',
});

const tooMuch = (maxBytes: number): Deny => ({
  kind: 'deny',
  rule: null,
  reason: 'limit-exceeded',
  message: `The target was asked and has answered, with more than the ${maxBytes} bytes that the policy lets through.`,
  hint: 'Ask for less: by pages, or with a filter.',
});
