import type { Header } from '../request.ts';

/** A form's field `_method`, by which Rails, Laravel and others run another method. */
export function overridesMethod(headers: readonly Header[], body: Buffer): boolean {
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
