import { createSecureContext } from 'node:tls';
import { AddressRanges } from './core/model/address.ts';
import type { ListenerName, TargetName } from './core/model/ids.ts';
import type { ListenerSettings, Settings } from './core/model/settings.ts';
import type { ListenerTls } from './protocols/protocol.ts';

/** A listener as this process serves it, with what was made of its settings. */
interface Served {
  readonly settings: ListenerSettings;
  readonly tls: ListenerTls | null;
  readonly sources: AddressRanges | null;
}

const served = (settings: ListenerSettings): Served => ({
  settings,
  sources: settings.sources === null ? null : new AddressRanges(settings.sources),
  tls:
    settings.tls === null
      ? null
      : {
          required: settings.tls.required,
          clientCertificates: settings.tls.clientCa !== null,
          context: createSecureContext({
            cert: settings.tls.certificate,
            key: settings.tls.key.reveal(),
            minVersion: 'TLSv1.2',
            ...(settings.tls.clientCa === null ? {} : { ca: settings.tls.clientCa }),
          }),
        },
});

/** What a reload replaces. Everybody else asks for it anew each time. */
export class Live {
  settings: Settings;
  listeners: ReadonlyMap<ListenerName, Served>;

  constructor(settings: Settings) {
    this.settings = settings;
    this.listeners = servedListeners(settings);
  }

  replace(settings: Settings): void {
    this.settings = settings;
    this.listeners = servedListeners(settings);
  }

  /** Which protocol's engine a request is for: its target's, or the listener's own when it has none. Empty: nobody's. */
  protocolOf(listener: ListenerName, target: TargetName | null): string {
    const own = this.listeners.get(listener)?.settings.protocol ?? '';
    const found = this.settings.targets.find(({ name, listeners }) => name === target && listeners === own);
    return found?.protocol ?? own;
  }

  target(protocol: string, name: TargetName): unknown {
    const target = this.settings.targets.find((each) => each.name === name && each.protocol === protocol);
    return target?.settings ?? null;
  }
}

const servedListeners = ({ gateway }: Settings): ReadonlyMap<ListenerName, Served> =>
  new Map(gateway.listeners.map((listener) => [listener.name, served(listener)]));
