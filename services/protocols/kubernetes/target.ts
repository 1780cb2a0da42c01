import { z } from 'zod';
import type { ConfigParts } from '../protocol.ts';
import {
  commonTargetKeys,
  headerSecret,
  placeOf,
  type RequestTarget,
  serverUrl,
} from '../requests/target.ts';

/** What the gateway proves itself with at the API server. */
const credentialSchema = (parts: ConfigParts) =>
  z
    .strictObject({
      token: headerSecret(parts).optional().describe('env:NAME or file:PATH of a bearer token'),
      certificate: parts.textFile.optional().describe('PEM file of a client certificate'),
      key: parts.secret.optional().describe('file: of its private key'),
    })
    .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
      error: 'needs certificate and key together',
    })
    .refine(({ token, certificate }) => (token === undefined) !== (certificate === undefined), {
      error: 'must be either token, or certificate and key',
    });

/** The keys of a cluster in sallyport.yaml. */
export const kubernetesTargetSchema = (parts: ConfigParts): z.ZodType<RequestTarget> =>
  z
    .strictObject({
      server: serverUrl
        .refine((url) => url.startsWith('https:'), { error: 'must begin with https://' })
        // Its paths say what is asked for from their first segment on.
        .refine((url) => URL.parse(url)?.pathname === '/', { error: 'must have no path' })
        .describe('https:// of the API server, as in a kubeconfig'),
      ca: parts.textFile
        .optional()
        .describe('PEM file of the CA of the API server; the CAs that Node comes with by default'),
      credential: credentialSchema(parts).describe(
        'Of the gateway’s own user in the cluster; clients never see it',
      ),
      ...commonTargetKeys(parts),
    })
    .transform(
      ({ server, ca, hosts, credential, maxBody, connectTimeout }): RequestTarget => ({
        ...placeOf(server),
        // HTTP/2 where it can be: each watch would have a connection of its own.
        httpVersion: 'negotiated',
        streams: [],
        tls: {
          ca: ca ?? null,
          identity:
            credential.certificate === undefined || credential.key === undefined
              ? null
              : { certificate: credential.certificate, key: credential.key },
        },
        hosts,
        credential:
          credential.token === undefined ? { kind: 'none' } : { kind: 'bearer', token: credential.token },
        maxBodyBytes: maxBody,
        connectTimeoutMs: connectTimeout,
        unmasked: [],
      }),
    );
