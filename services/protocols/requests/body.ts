import type { Parameter, Unacceptable } from '../../core/model/action.ts';
import type { Header } from '../request.ts';
import type { RoutedRequest } from './language.ts';

/** What keeps a body from being decided on, whatever it says; null when nothing does. */
export function bodyFault(
  { headers, body, route }: Pick<RoutedRequest, 'headers' | 'body' | 'route'>,
  maxBodyBytes: number,
): Unacceptable | null {
  if (route.kind === 'streamed') return lengthFault(headers);
  // Envoy was told to stop one byte later. Over HTTP/2 a body a little over the limit comes cut, and would be forwarded whole.
  if (body.length > maxBodyBytes || headers.some(isPartial)) {
    return {
      reason: 'too-large',
      message: `Refused: the body is larger than ${maxBodyBytes} bytes.`,
      hint: 'Send it in smaller pieces.',
    };
  }
  const lengths = headers.filter(({ name }) => name === 'content-length');
  if (lengths.some(({ value }) => value !== String(body.length))) {
    return {
      reason: 'unparsable',
      message: 'Refused: the body is not of the length that Content-Length says.',
      hint: 'Send one Content-Length, of the body as it is.',
    };
  }
  const charset = charsetOf(headers);
  if (body.length === 0 || charset === null || readable.has(charset)) return null;
  return {
    reason: 'unsupported',
    message: `Refused: the body's charset ${JSON.stringify(charset)} is not carried.`,
    hint: 'Send it in UTF-8.',
  };
}

/** Envoy forwards it as it was written, and `03` is no number to some. */
function lengthFault(headers: readonly Header[]): Unacceptable | null {
  const written = headers.filter(({ name }) => name === 'content-length');
  if (written.every(({ value }) => /^(?:0|[1-9][0-9]*)$/.test(value)) && written.length < 2) return null;
  return {
    reason: 'unparsable',
    message: 'Refused: Content-Length is not one plain number.',
    hint: 'Send one Content-Length, in digits.',
  };
}

/** In which ASCII is ASCII: in UTF-7 and UTF-16 the target reads other words than rules and approvers do. */
const readable: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'iso-8859-1']);

function charsetOf(headers: readonly Header[]): string | null {
  const type = headers.find(({ name }) => name === 'content-type')?.value ?? '';
  return /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]?.toLowerCase() ?? null;
}

const isPartial = ({ name, value }: Header): boolean =>
  name === 'x-envoy-auth-partial-body' && value !== 'false';

/** The body as a parameter beside the text: approvers read it when it is text, and the digest of a hold is over its bytes. */
export function bodyParameters(body: Buffer): readonly Parameter[] {
  if (body.length === 0) return [];
  return [{ text: textOf(body) ?? `${body.length} bytes that are no text`, bound: body }];
}

function textOf(body: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    // Not UTF-8: then it is no text.
    return null;
  }
}
