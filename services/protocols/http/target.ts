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

/** The keys of an HTTP target in sallyport.yaml. */
export const httpTargetSchema = (parts: ConfigParts): z.ZodType<RequestTarget> =>
  z
    .strictObject({
      url: serverUrl.describe(
        'https:// or http://, a host and if need be a port; paths are the clients’ own',
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
      ...commonTargetKeys(parts),
      unmasked: z
        .array(mediaType)
        .max(maxUnmaskedTypes)
        .default([])
        .describe('Types of answers, such as image/*, that pass where masks are in force, unread'),
    })
    .refine(({ url, tls }) => tls === undefined || !url.startsWith('http:'), {
      path: ['tls'],
      error: 'belongs to an https:// URL',
    })
    .transform(
      ({ url, hosts, credential, tls, maxBody, connectTimeout, unmasked }): RequestTarget => ({
        ...placeOf(url),
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
