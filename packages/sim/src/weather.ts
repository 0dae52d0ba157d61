import type { Millis, Rng } from '@proconsul/base';

/** How bad the packets of a network, or of one member, fare. Shares are between 0 and 1. */
export interface PacketWeather {
  readonly delayMinMs: Millis;
  readonly delayMaxMs: Millis;
  /** Share of packets that take up to {@link STRAGGLER_MS}, and so overtake each other. */
  readonly stragglers: number;
  readonly loss: number;
  readonly duplicates: number;
}

export const LAN_WEATHER: PacketWeather = { delayMinMs: 0.2, delayMaxMs: 2, stragglers: 0, loss: 0, duplicates: 0 };

/** Delay of the slowest packets. */
export const STRAGGLER_MS: Millis = 900;

/** First wait of TCP before a lost segment is sent again; it doubles each time. */
export const RESEND_MS: Millis = 200;

/** How long what is no straggler takes. */
export const usualDelay = ({ delayMinMs, delayMaxMs }: PacketWeather, rng: Rng): Millis =>
  delayMinMs + rng.float() * (delayMaxMs - delayMinMs);

/** How long a packet takes. */
export function packetDelay(weather: PacketWeather, rng: Rng): Millis {
  const { stragglers } = weather;
  const isSlow = stragglers > 0 && rng.float() < stragglers;
  return isSlow ? rng.float() * STRAGGLER_MS : usualDelay(weather, rng);
}

/** How often a packet arrives that is not lost. */
export const copies = ({ duplicates }: PacketWeather, rng: Rng): number => (rng.float() < duplicates ? 2 : 1);
