/**
 * Times on the wire above this are refused: a clock pushed to the end of its range would stand still for everybody.
 * The own clock may pass it, by one step for each message sent.
 */
export const LTIME_MAX = 2 ** 52;

/** A logical clock. Source: Lamport, Time, Clocks, and the Ordering of Events in a Distributed System (1978). */
export class LamportClock {
  #time = 1;

  /** The stamp of the next message. */
  get time(): number {
    return this.#time;
  }

  /** The stamp of a new message; the clock moves on. */
  next(): number {
    return this.#time++;
  }

  /** A message with that stamp was seen: the clock is later than it. */
  witness(time: number): void {
    if (time >= this.#time) this.#time = time + 1;
  }
}
