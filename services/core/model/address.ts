import { BlockList, isIP, isIPv6 } from 'node:net';

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

/** A set of CIDR ranges and single addresses. */
export class AddressRanges {
  readonly #list = new BlockList();

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
    return this.#list.check(source.ip, isIPv6(source.ip) ? 'ipv6' : 'ipv4');
  }
}

const loopback = new AddressRanges(['127.0.0.0/8', '::1']);
