import { BlockList, isIP, isIPv6 } from 'node:net';
import { remembering } from './remembering.ts';

/** Where a connection comes from, as Envoy saw it. */
export interface SourceAddress {
  /** Canonical text of an IPv4 or IPv6 address; an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is its IPv4 part. */
  readonly ip: string;
  readonly port: number;
}

const mappedIpv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** One spelling for one address, so that `::ffff:10.0.0.1` cannot slip past a rule on `10.0.0.0/8`. */
export function canonicalIp(ip: string): string {
  const mapped = mappedIpv4.exec(ip)?.[1];
  return mapped ?? ip.toLowerCase();
}

export const sourceText = (source: SourceAddress): string =>
  isIPv6(source.ip) ? `[${source.ip}]:${source.port}` : `${source.ip}:${source.port}`;

export const isLoopback = (source: SourceAddress): boolean => loopback.contains(source);

/** Some 100 KiB. */
const maxRememberedAddresses = 1_000;

/** A set of CIDR ranges and single addresses. */
export class AddressRanges {
  readonly #list = new BlockList();
  /** Rules ask about the same address for each command, and Node's own look-up costs 8 µs. */
  readonly #contains = remembering(maxRememberedAddresses, (ip) =>
    this.#list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4'),
  );

  /** @throws RangeError for text that is neither an address nor `address/prefix`. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [ip = '', prefixText, ...rest] = range.split('/');
      const version = isIP(ip);
      if (version === 0 || rest.length > 0)
        throw new RangeError(`"${range}" is not an IP address or CIDR range`);
      const family = version === 6 ? 'ipv6' : 'ipv4';
      const bits = version === 6 ? 128 : 32;
      const prefix = prefixText === undefined ? bits : Number(prefixText);
      if (!/^\d*$/.test(prefixText ?? '') || prefixText === '' || prefix > bits) {
        throw new RangeError(`"${range}" has an impossible prefix length`);
      }
      this.#list.addSubnet(ip, prefix, family);
    }
  }

  contains(source: Pick<SourceAddress, 'ip'>): boolean {
    return this.#contains(source.ip);
  }
}

const loopback = new AddressRanges(['127.0.0.0/8', '::1']);
