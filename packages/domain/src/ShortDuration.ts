import { Config, Duration, Option, Schema } from "effect"

const unitMillis: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const pattern = /^([1-9]\d{0,5})([smhd])$/

/** A duration written as `30s`, `5m`, `1h` or `7d`; none for anything else. */
export const parseShortDuration = (text: string): Option.Option<Duration.Duration> => {
  const [, count, unit = ""] = pattern.exec(text) ?? []
  return Option.map(Option.fromUndefinedOr(unitMillis[unit]), (millis) => Duration.millis(Number(count) * millis))
}

const Written = Schema.String.check(
  Schema.makeFilter((text: string) => pattern.test(text) || 'must be a duration such as "30s", "5m", "1h" or "7d"')
)

/** Reads a duration from `variable`, see {@link parseShortDuration}. */
export const shortDurationConfig = (variable: string, fallback: string): Config.Config<Duration.Duration> =>
  Config.schema(Written, variable).pipe(
    Config.withDefault(fallback),
    Config.map((text) => Option.getOrThrow(parseShortDuration(text)))
  )
