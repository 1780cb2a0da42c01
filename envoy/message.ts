/** A message of Envoy's API in proto3's JSON form, as Envoy reads it from files. */
export interface EnvoyMessage {
  readonly [field: string]: EnvoyValue;
}

export type EnvoyValue = string | number | boolean | null | EnvoyMessage | readonly EnvoyValue[];

/** A google.protobuf.Any of this type: how Envoy's API embeds extensions and resources. */
export const any = (type: string, fields: EnvoyMessage = {}): EnvoyMessage => ({
  '@type': `type.googleapis.com/${type}`,
  ...fields,
});

/** An extension by its name and typed config: filters, transport sockets, access loggers, resource monitors. */
export const extension = (name: string, type: string, fields: EnvoyMessage = {}): EnvoyMessage => ({
  name,
  typed_config: any(type, fields),
});

/** A google.protobuf.Duration. */
export const duration = (durationMs: number): string => `${durationMs / 1000}s`;

export const pipe = (path: string): EnvoyMessage => ({ pipe: { path } });
