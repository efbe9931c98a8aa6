import type { HashWork } from "./PasswordHash.ts"

// What is older tells of another load than the present one.
const maxAgeMillis = 5 * 60_000
const maxSamples = 64

// One check that the machine held up must not slow all refusals down, nor must a wrong measurement.
const maxStretch = 4
const maxMillis = 10_000

// Above nearly all checks, so that hardly one outlasts what is expected of it.
const highQuantile = 0.95
const margin = 1.1

interface Rates {
  /** Milliseconds a round of work took when it was measured; the base that present checks are compared with. */
  readonly measured: number
  /** The same of the checks of the last minutes. */
  readonly recent: Array<{ readonly at: number; readonly rate: number }>
}

/** How long checks of password hashes take in this process, from measurements and from the checks it makes. */
export interface HashDurations {
  /** Whether this kind of work was measured. */
  readonly knows: (kind: HashWork["kind"]) => boolean
  /** Takes the milliseconds that each of some checks took, made for the measurement. */
  readonly measure: (work: HashWork, milliseconds: ReadonlyArray<number>) => void
  /** Takes the milliseconds that a check took at the time `now`. */
  readonly observe: (work: HashWork, milliseconds: number, now: number) => void
  /**
   * The milliseconds that nearly no check of the work exceeds at present; none before the kind was measured. It follows the
   * load: where the checks of any kind take longer than measured, so will this one.
   */
  readonly expected: (work: HashWork, now: number) => number
}

export const make = (): HashDurations => {
  const byKind = new Map<HashWork["kind"], Rates>()

  const recentOf = ({ recent }: Rates, now: number): ReadonlyArray<number> =>
    recent.filter(({ at }) => now - at < maxAgeMillis).map(({ rate }) => rate)

  // How much longer than measured the checks of all kinds take at present.
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

// Of none it is 0.
const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
}
