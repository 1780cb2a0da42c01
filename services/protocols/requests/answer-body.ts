/** By which masker an answer's body is read: what its Content-Type says it is. */
import type { BodyMasker } from '../../core/masking/body-masker.ts';
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

const utf8 = new Set(['utf-8', 'utf8', 'us-ascii']);
/** In which a byte below 0x80 is ASCII: detectors look for nothing else. */
const likeAscii = new Set([...utf8, 'iso-8859-1', 'windows-1252']);

/** The masker; or why there is none, for the client to read. */
export function bodyMasker(
  contentType: string | null,
  masks: AnswerMasks,
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
    case 'text':
      return masks.scanner === null
        ? { fault: `it is ${type}, and fields are masked in JSON only` }
        : new TextOrJson(masks, new TextMasker(masks.scanner));
    case 'other':
      return { fault: `nothing can be masked in ${type === '' ? 'a body without a type' : type}` };
  }
}

/** An object, or an array of objects or arrays; a log line may begin with a bracket too. */
const documentStart = /^[\s\ufeff]*(?:\{|\[\s*[{[])/;
/** What may still become one. */
const nothingYet = /^[\s\ufeff]*\[?\s*$/;

/** A text that begins as JSON with fields does is JSON, whatever its type says: some servers call all text/plain or text/html. */
class TextOrJson implements BodyMasker {
  readonly #masks: AnswerMasks;
  readonly #held = new HeldBytes();
  #masker: BodyMasker;
  #begun = false;

  constructor(masks: AnswerMasks, text: BodyMasker) {
    this.#masks = masks;
    this.#masker = text;
  }

  get count(): number {
    return this.#masker.count;
  }

  write(chunk: Buffer): Buffer {
    if (this.#begun) return this.#masker.write(chunk);
    this.#held.append(chunk);
    const begun = this.#held.take();
    const text = begun.toString();
    if (this.#masks.hasFields && begun.length < maxUndecidedBytes && nothingYet.test(text)) {
      this.#held.append(begun);
      return Buffer.alloc(0);
    }
    this.#begun = true;
    if (this.#masks.hasFields && documentStart.test(text)) this.#masker = new JsonMasker(this.#masks);
    return this.#masker.write(begun);
  }

  end(): Buffer {
    return Buffer.concat([
      this.#begun ? Buffer.alloc(0) : this.#masker.write(this.#held.take()),
      this.#masker.end(),
    ]);
  }
}
