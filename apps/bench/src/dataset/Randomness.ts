/** A seeded generator, so that two loads of the same sizes have the same rows. */
export interface Randomness {
  /** From 0 up to, but without, 1. */
  readonly next: () => number
  /** An integer from 0 up to, but without, `bound`. */
  readonly below: (bound: number) => number
  readonly chance: (share: number) => boolean
  readonly pick: <A>(items: ReadonlyArray<A>) => A
  /** A version 7 UUID (RFC 9562) of this time. */
  readonly uuid: (millis: number) => string
}

const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))
const hex = (byte: number): string => hexBytes[byte & 255] ?? ""

/** Mulberry32: fast, and good enough for names and times. */
export const make = (seed: number): Randomness => {
  let state = seed >>> 0
  const bits = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const next = () => bits() / 4_294_967_296
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    next,
    below,
    chance: (share) => next() < share,
    pick: (items) => {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError("Nothing to pick from")
      return item
    },
    uuid: (millis) => {
      const time = Math.floor(millis).toString(16).padStart(12, "0")
      const [a, b, c] = [bits(), bits(), bits()]
      const version = 0x70 | (a & 15)
      const variant = 0x80 | ((a >>> 12) & 63)
      return (
        `${time.slice(0, 8)}-${time.slice(8)}-${hex(version)}${hex(a >>> 4)}-${hex(variant)}${hex(a >>> 20)}-` +
        `${hex(b)}${hex(b >>> 8)}${hex(b >>> 16)}${hex(b >>> 24)}${hex(c)}${hex(c >>> 8)}`
      )
    }
  }
}

/** Picks items with the given weights. */
export const pickerOf = <A>(weights: ReadonlyArray<readonly [item: A, weight: number]>) => {
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
  // A table of a thousand slots, because it is consulted for each row.
  const slots = weights.flatMap(([item, weight]) =>
    Array.from({ length: Math.max(1, Math.round((weight * 1000) / total)) }, () => item)
  )
  return (random: Randomness): A => random.pick(slots)
}

/** Weights that fall as 1/n, as those of names do. */
export const zipf = <A>(items: ReadonlyArray<A>) =>
  pickerOf(items.map((item, index) => [item, 1 / (index + 1.5)] as const))
