import { z } from 'zod';
import type { ConfigParts } from '../protocol.ts';
import {
  commonTargetKeys,
  headerSecret,
  placeOf,
  type RequestTarget,
  serverUrl,
  type TargetCredential,
} from '../requests/target.ts';

/** Headers that are Envoy's or the route's to set. */
const notACredential =
  /^(?:host|connection|content-|transfer-|te$|trailer|upgrade|proxy-|x-forwarded-|x-envoy-|:)/;

const credentialSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      bearer: headerSecret(parts).optional().describe('Sent as "Authorization: Bearer"'),
      basic: z
        .strictObject({
          user: z
            .string()
            .regex(/^[ -9;-~]+$/, { error: 'must be ASCII without a colon' })
            .describe('User name'),
          password: headerSecret(parts).describe('env:NAME or file:PATH'),
        })
        .optional()
        .describe('Sent as "Authorization: Basic"'),
      header: z
        .strictObject({
          name: z
            .string()
            .regex(/^[A-Za-z0-9-]+$/, { error: 'must be a header’s name of letters, digits and "-"' })
            .transform((name) => name.toLowerCase())
            .refine((name) => !notACredential.test(name), { error: 'is not a header for credentials' })
            .describe('Such as X-Api-Key'),
          value: headerSecret(parts).describe('env:NAME or file:PATH'),
        })
        .optional()
        .describe('Sent in a header of its own'),
    })
    .refine((written) => Object.values(written).filter((value) => value !== undefined).length === 1, {
      error: 'must be one of bearer, basic and header',
    })
    .transform(({ bearer, basic, header }): TargetCredential => {
      if (bearer !== undefined) return { kind: 'bearer', token: bearer };
      if (basic !== undefined) return { kind: 'basic', ...basic };
      return header === undefined ? { kind: 'none' } : { kind: 'header', ...header };
    });

/** Types are few, and more of them would say that nothing is to be masked. */
const maxUnmaskedTypes = 32;

const mediaType = z
  .string()
  .max(100)
  .regex(/^[a-z]+\/(?:\*|[a-z0-9][a-z0-9.+_-]*)$/, {
    error: 'must be a media type such as image/png or image/*',
  });

/** More than this is better a host of its own. */
const maxStreamPaths = 100;

/** Segments of letters, digits and ._~- (Envoy compares them as they are sent), `{name}` for any one, and `**` at the end. */
const streamPath = z
  .string()
  .max(1000)
  .regex(/^(?=\/)(?:\/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*|\{[A-Za-z_][A-Za-z0-9_-]*\}))*(?:\/\*\*)?$/, {
    error: 'must be a path such as /chat.Chat/Talk, /files/{name} or /upload/**',
  });

/** The keys of an HTTP target in sallyport.yaml. */
export const httpTargetSchema = (parts: ConfigParts): z.ZodType<RequestTarget> =>
  z
    .strictObject({
      url: serverUrl.describe(
        'https:// or http://, a host, if need be a port, and a path that all of its paths begin with',
      ),
      credential: credentialSchema(parts)
        .optional()
        .describe('What the gateway proves itself with; clients never see it'),
      tls: z
        .strictObject({
          ca: parts.textFile
            .optional()
            .describe('PEM file of the CA; the CAs that Node comes with by default'),
          certificate: parts.textFile.optional().describe("PEM file of the gateway's client certificate"),
          key: parts.secret.optional().describe('file: of its private key'),
        })
        .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
          error: 'needs certificate and key together',
        })
        .optional()
        .describe('TLS to the target, whose name is always verified'),
      http2: z
        .boolean()
        .default(false)
        .describe('Speak HTTP/2 to it, as gRPC needs; over http:// it must take that without being asked'),
      streams: z
        .array(streamPath)
        .max(maxStreamPaths)
        .default([])
        .describe(
          'Paths such as /chat.Chat/Talk or /upload/**, whose requests are forwarded as they come, with bodies unread',
        ),
      ...commonTargetKeys(parts),
      unmasked: z
        .array(mediaType)
        .max(maxUnmaskedTypes)
        .default([])
        .describe(
          'Types of answers, such as image/* or text/html, that pass where masks are in force although no field can be masked in them',
        ),
    })
    .refine(({ url, tls }) => tls === undefined || !url.startsWith('http:'), {
      path: ['tls'],
      error: 'belongs to an https:// URL',
    })
    .superRefine(({ url, streams }, context) => {
      if (!URL.canParse(url)) return;
      const { basePath } = placeOf(url);
      for (const [index, path] of streams.entries()) {
        if (path.startsWith(`${basePath}/`)) continue;
        const message = `must begin with the path of url, ${basePath}: it is the path that the target sees`;
        context.addIssue({ code: 'custom', path: ['streams', index], message });
      }
    })
    .transform(
      ({
        url,
        hosts,
        credential,
        tls,
        http2,
        streams,
        maxBody,
        connectTimeout,
        unmasked,
      }): RequestTarget => ({
        ...placeOf(url),
        httpVersion: http2 ? '2' : '1.1',
        streams,
        tls: url.startsWith('https:')
          ? {
              ca: tls?.ca ?? null,
              identity:
                tls?.certificate === undefined || tls.key === undefined
                  ? null
                  : { certificate: tls.certificate, key: tls.key },
            }
          : null,
        hosts,
        credential: credential ?? { kind: 'none' },
        maxBodyBytes: maxBody,
        connectTimeoutMs: connectTimeout,
        unmasked,
      }),
    );
