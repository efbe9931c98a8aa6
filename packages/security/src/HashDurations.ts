import type { HashWork } from "./PasswordHash.ts"

// Older samples do not reflect the current load.
const maxAgeMillis = 5 * 60_000
const maxSamples = 64

// Bounds the effect of a single slow check or a wrong measurement on the delay of refusals.
const maxStretch = 4
const maxMillis = 10_000

// High enough that almost no check takes longer than expected.
const highQuantile = 0.95
const margin = 1.1

interface Rates {
  /** Milliseconds per round in the measurement, the baseline for later checks. */
  readonly measured: number
  /** Milliseconds per round of the checks of the last minutes. */
  readonly recent: Array<{ readonly at: number; readonly rate: number }>
}

/** Estimates how long checks of password hashes take in this process, from a measurement and the recent checks. */
export interface HashDurations {
  /** Whether this kind of work was measured. */
  readonly knows: (kind: HashWork["kind"]) => boolean
  /** Records the durations of the measuring checks. */
  readonly measure: (work: HashWork, milliseconds: ReadonlyArray<number>) => void
  /** Records the duration of a check that ended at `now`. */
  readonly observe: (work: HashWork, milliseconds: number, now: number) => void
  /**
   * The milliseconds that almost no check of this work exceeds under the current load. 0 before the kind was measured. If recent
   * checks of any kind took longer than measured, the estimate grows in proportion.
   */
  readonly expected: (work: HashWork, now: number) => number
}

export const make = (): HashDurations => {
  const byKind = new Map<HashWork["kind"], Rates>()

  const recentOf = ({ recent }: Rates, now: number): ReadonlyArray<number> =>
    recent.filter(({ at }) => now - at < maxAgeMillis).map(({ rate }) => rate)

  // How much longer than measured the recent checks of all kinds took.
  const stretch = (now: number): number => {
    const ratios = [...byKind.values()].flatMap((rates) => recentOf(rates, now).map((rate) => rate / rates.measured))
    return Math.min(Math.max(quantile(ratios, 0.5), 1), maxStretch)
  }

  return {
    knows: (kind) => byKind.has(kind),
    measure: ({ kind, rounds }, milliseconds) => {
      byKind.set(kind, { measured: quantile(milliseconds, 0.5) / rounds, recent: [] })
    },
    observe: ({ kind, rounds }, milliseconds, now) => {
      const recent = byKind.get(kind)?.recent
      if (recent === undefined) return
      recent.push({ at: now, rate: milliseconds / rounds })
      if (recent.length > maxSamples) recent.shift()
    },
    expected: ({ kind, rounds }, now) => {
      const rates = byKind.get(kind)
      if (rates === undefined || rates.measured === 0) return 0
      const own = Math.min(quantile(recentOf(rates, now), highQuantile), rates.measured * maxStretch)
      return Math.min(rounds * Math.max(own, rates.measured * stretch(now)) * margin, maxMillis)
    }
  }
}

// 0 without values.
const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
}
