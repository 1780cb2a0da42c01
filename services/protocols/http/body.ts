import type { Unacceptable } from '../../core/model/action.ts';
import type { Header } from '../request.ts';
import { methodInForm } from './intent.ts';

/** What of a body, beside all that its intent says, keeps the request from being decided on; null when nothing does. */
export function bodyFault(
  headers: readonly Header[],
  body: Buffer,
  maxBodyBytes: number,
): Unacceptable | null {
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
  if (body.length > 0 && charset !== null && !readable.has(charset)) {
    return {
      reason: 'unsupported',
      message: `Refused: the body's charset ${JSON.stringify(charset)} is not carried.`,
      hint: 'Send it in UTF-8.',
    };
  }
  return overridesMethod(headers, body) ? methodInForm : null;
}

/** In which ASCII is ASCII: in UTF-7 and UTF-16 the target reads other words than rules and approvers do. */
const readable: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'iso-8859-1']);

function charsetOf(headers: readonly Header[]): string | null {
  const type = headers.find(({ name }) => name === 'content-type')?.value ?? '';
  return /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]?.toLowerCase() ?? null;
}

const isPartial = ({ name, value }: Header): boolean =>
  name === 'x-envoy-auth-partial-body' && value !== 'false';

/** A form's field `_method`, by which Rails, Laravel and others run another method. */
function overridesMethod(headers: readonly Header[], body: Buffer): boolean {
  const type = headers.find(({ name }) => name === 'content-type')?.value.toLowerCase() ?? '';
  if (type.includes('multipart/')) return /name\s*=\s*"?_method\b/i.test(body.toString('latin1'));
  if (!type.includes('x-www-form-urlencoded')) return false;
  return body
    .toString('latin1')
    .split(/[&;]/)
    .some((part) => /^_method$/i.test(formName(part)));
}

function formName(part: string): string {
  const [written = ''] = part.split('=');
  return written.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
