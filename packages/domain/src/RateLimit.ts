import { Config, type Duration, Option, Schema } from "effect"
import { maxDays, parseShortDuration } from "./ShortDuration.ts"

/** At most `limit` attempts per `window`, which begins with the first attempt. `name` identifies the policy in headers and metrics. */
export interface RateLimit {
  readonly name: string
  readonly limit: number
  readonly window: Duration.Duration
}

const RateLimitText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      text === "off" ||
      Option.isSome(parseRateLimit("", text)) ||
      `must be "off" or a limit such as "10/5m", in s, m, h or d, of ${maxDays}d at most`
  )
)

/** Parses a limit such as `10/5m`, `100/30s`, `3/1h` or `5/1d`. None for `off` and for invalid text. */
export const parseRateLimit = (name: string, text: string): Option.Option<RateLimit> => {
  const [, limit, window = ""] = /^([1-9]\d{0,8})\/(.+)$/.exec(text) ?? []
  return Option.map(parseShortDuration(window), (duration) => ({ name, limit: Number(limit), window: duration }))
}

/** Reads a limit from `variable`, see {@link parseRateLimit}. None if it is `off`. */
export const rateLimitConfig = (
  variable: string,
  name: string,
  fallback: string
): Config.Config<Option.Option<RateLimit>> =>
  Config.schema(RateLimitText, variable).pipe(
    Config.withDefault(fallback),
    Config.map((text) => parseRateLimit(name, text))
  )

/** Too many attempts under one policy. Nothing was done. After `retryAfterSeconds` the window is over (RFC 6585, section 4). */
export class RateLimited extends Schema.TaggedError<RateLimited>()(
  "RateLimited",
  {
    policy: Schema.String,
    limit: Schema.Int,
    windowSeconds: Schema.Int,
    retryAfterSeconds: Schema.Int
  },
  { httpApiStatus: 429 }
) {
  override get message() {
    return `Too many attempts. Try again in ${this.retryAfterSeconds} seconds.`
  }
}

// An RFC 9651 String. Escapes quotes, which must not end it early.
const quote = (text: string): string => `"${text.replaceAll(/[^\x20-\x7e]/g, "").replaceAll(/["\\]/g, "\\$&")}"`

/** The `RateLimit-Policy` field: quota and window in seconds (draft-ietf-httpapi-ratelimit-headers, section 3). */
export const rateLimitPolicyHeader = (error: RateLimited): string =>
  `${quote(error.policy)};q=${error.limit};w=${error.windowSeconds}`

/** The `RateLimit` field: no remaining attempts, and the seconds until the reset (draft-ietf-httpapi-ratelimit-headers, section 4). */
export const rateLimitHeader = (error: RateLimited): string => `${quote(error.policy)};r=0;t=${error.retryAfterSeconds}`

/** The headers of a response to a refused attempt, each from the refusal. */
export const rateLimitedHeaders = {
  "retry-after": (error: RateLimited) => `${error.retryAfterSeconds}`,
  "ratelimit-policy": rateLimitPolicyHeader,
  ratelimit: rateLimitHeader
}
