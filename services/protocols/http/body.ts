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
  return overridesMethod(headers, body) ? methodInForm : null;
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
