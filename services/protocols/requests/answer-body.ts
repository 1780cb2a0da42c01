/** By which masker an answer's body is read: what its Content-Type says it is. */
import type { BodyMasker } from '../../core/masking/body-masker.ts';
import { MaskingError } from '../../core/masking/errors.ts';
import { EventStreamMasker } from '../../core/masking/event-stream-masker.ts';
import { FormMasker } from '../../core/masking/form-masker.ts';
import { HeldBytes } from '../../core/masking/held-bytes.ts';
import { JsonMasker } from '../../core/masking/json-masker.ts';
import { TextMasker } from '../../core/masking/text-masker.ts';
import type { AnswerMasks } from './answer-plan.ts';
import { maxUndecidedBytes } from './limits.ts';

type BodyForm = 'json' | 'events' | 'form' | 'text' | 'other';

const forms: readonly (readonly [RegExp, BodyForm])[] = [
  [
    /^(?:application|text)\/(?:json|x-ndjson|ndjson|jsonl|x-jsonlines|json-lines|json-seq|x-json-stream|stream\+json)$/,
    'json',
  ],
  // Messages of gRPC and of streams of Connect have a prefix of five bytes, whatever they are made of.
  [/^application\/(?:grpc|grpc-web|grpc-web-text|connect)\+json$/, 'other'],
  [/^[a-z]+\/[a-z0-9.+_-]+\+json(?:-seq)?$/, 'json'],
  [/^text\/event-stream$/, 'events'],
  [/^application\/x-www-form-urlencoded$/, 'form'],
  [/^text\/[a-z0-9.+_-]+$/, 'text'],
  [
    /^application\/(?:xml|x?html\+xml|yaml|x-yaml|toml|javascript|x-javascript|ecmascript|graphql|sql|x-sh)$/,
    'text',
  ],
  [/^[a-z]+\/[a-z0-9.+_-]+\+(?:xml|yaml)$/, 'text'],
];

const nothing = Buffer.alloc(0);
const isBlank = /^[\s\ufeff]*$/;

const utf8 = new Set(['utf-8', 'utf8', 'us-ascii']);
/** In which a byte below 0x80 is ASCII: detectors look for nothing else. */
const likeAscii = new Set([...utf8, 'iso-8859-1', 'windows-1252']);

/** Some servers call JSON so; all else that is called a text is none. */
const mayBeJson = /^text\/(?:plain|html)$/;

/**
 * The masker; or why there is none, for the client to read.
 *
 * @param textMayShow whether text may be shown although fields are masked, which are not found in it
 */
export function bodyMasker(
  contentType: string | null,
  masks: AnswerMasks,
  textMayShow: boolean,
): BodyMasker | { readonly fault: string } {
  if (contentType === null) return { fault: 'it does not say of which type it is' };
  const { type = '' } = /^\s*(?<type>[^;\s]*)/.exec(contentType.toLowerCase())?.groups ?? {};
  const form = forms.find(([pattern]) => pattern.test(type))?.[1] ?? 'other';
  const charsets = [...contentType.toLowerCase().matchAll(/;\s*charset\s*=\s*"?([^";\s]*)/g)].map(
    ([, name = '']) => name,
  );
  const readable = form === 'text' ? likeAscii : utf8;
  if (charsets.some((charset) => !readable.has(charset))) return { fault: 'it is not in UTF-8' };
  switch (form) {
    case 'json':
      return new JsonMasker(masks);
    case 'events':
      return new EventStreamMasker(masks);
    case 'form':
      return new FormMasker(masks);
    case 'text': {
      const isRefused = masks.refusesText && !textMayShow;
      return masks.scanner === null || (isRefused && !mayBeJson.test(type))
        ? { fault: `it is ${type}, and fields are masked in JSON only` }
        : new TextOrJson(masks, new TextMasker(masks.scanner), isRefused);
    }
    case 'other':
      return { fault: `nothing can be masked in ${type === '' ? 'a body without a type' : type}` };
  }
}

/** An object, or an array of objects or arrays; a log line may begin with a bracket too. */
const documentStart = /^[\s\ufeff]*(?:\{|\[\s*[{[])/;
/** What may still become one. */
const nothingYet = /^[\s\ufeff]*\[?\s*$/;
/** By which readers know UTF-16, whatever the type says: detectors would find nothing in it. */
const isUtf16 = (begun: Buffer): boolean =>
  begun.length >= 2 && [0xfeff, 0xfffe].includes(begun.readUInt16BE());

/** A text that begins as JSON with fields does is JSON, whatever its type says: some servers call all text/plain or text/html. */
class TextOrJson implements BodyMasker {
  readonly #masks: AnswerMasks;
  readonly #onlyJson: boolean;
  readonly #held = new HeldBytes();
  #masker: BodyMasker;
  #begun = false;

  constructor(masks: AnswerMasks, text: BodyMasker, onlyJson: boolean) {
    this.#masks = masks;
    this.#masker = text;
    this.#onlyJson = onlyJson;
  }

  get count(): number {
    return this.#masker.count;
  }

  write(chunk: Buffer): Buffer {
    if (this.#begun) return this.#masker.write(chunk);
    this.#held.append(chunk);
    const begun = this.#held.take();
    const isUndecided = begun.length < 2 || (this.#masks.hasFields && nothingYet.test(begun.toString()));
    if (isUndecided && begun.length < maxUndecidedBytes) {
      this.#held.append(begun);
      return nothing;
    }
    return this.#begin(begun);
  }

  end(): Buffer {
    return Buffer.concat([this.#begun ? nothing : this.#begin(this.#held.take()), this.#masker.end()]);
  }

  #begin(begun: Buffer): Buffer {
    this.#begun = true;
    if (isUtf16(begun)) throw new MaskingError('unreadable', 'This text is in UTF-16.');
    const text = begun.toString();
    if (this.#masks.hasFields && documentStart.test(text)) this.#masker = new JsonMasker(this.#masks);
    else if (this.#onlyJson && !isBlank.test(text)) {
      throw new MaskingError('unreadable', 'This is text, and fields are masked in JSON only.');
    }
    return this.#masker.write(begun);
  }
}
