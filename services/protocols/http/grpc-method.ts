/** gRPC over HTTP/2 (the gRPC project's PROTOCOL-HTTP2.md): which requests are calls, and of what. */
import type { Header } from '../request.ts';
import { globMatcher } from '../requests/glob.ts';

/** `application/grpc`, `application/grpc+proto`; not `application/grpc-web`, which servers that speak it take over HTTP/1.1 too. */
const grpcType = /^application\/grpc(?:\+[a-z0-9]+)?\s*(?:;|$)/i;

/** @param types the values of all Content-Type headers */
export const isGrpcType = (types: readonly string[]): boolean =>
  types.length === 1 && types.every((type) => grpcType.test(type));

export const isGrpc = (headers: readonly Header[]): boolean =>
  isGrpcType(headers.filter(({ name }) => name === 'content-type').map(({ value }) => value));

/** `package.Service/Method`; `*` is any run of characters on its side of the slash. */
export const methodPattern = /^[A-Za-z_*][\w.*]*\/[A-Za-z_*][\w*]*$/;

/** Whether the last two segments of a path are such a method. */
export function methodMatcher(pattern: string): (segments: readonly string[]) => boolean {
  const [service = '', method = ''] = pattern.split('/');
  const isService = globMatcher(service);
  const isMethod = globMatcher(method);
  return (segments) => isService(segments.at(-2) ?? '') && isMethod(segments.at(-1) ?? '');
}
