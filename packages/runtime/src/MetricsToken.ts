import { secretKeyProblem } from "@user-service/domain/SecretKey"
import { Config, Option, Redacted, Schema } from "effect"
import { hash, timingSafeEqual } from "node:crypto"

// A valid header value (RFC 9110, section 5.5).
const HeaderValue = Schema.String.check(
  Schema.makeFilter(
    (text: string) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) || "must be of printable ASCII characters"
  )
)

/** The bearer token for `/metrics`, from `METRICS_TOKEN`. None by default. */
export const config: Config.Config<Option.Option<Redacted.Redacted<string>>> = Config.option(
  Config.schema(HeaderValue, "METRICS_TOKEN")
).pipe(Config.map(Option.map((token) => Redacted.make(token))))

/** The reasons why the token must not be used in production, see {@link secretKeyProblem}. */
export const weaknesses = (token: Option.Option<Redacted.Redacted<string>>): ReadonlyArray<string> =>
  Option.match(token, {
    onNone: () => [],
    onSome: (secret) => {
      const problem = secretKeyProblem(Redacted.value(secret))
      return problem === undefined ? [] : [problem]
    }
  })

const digest = (text: string) => hash("sha256", text, "buffer")

/**
 * Whether an `Authorization` header permits reading the metrics: it has the bearer token, or no token is required. Compares in
 * constant time.
 */
export const permits = (token: Option.Option<Redacted.Redacted<string>>, authorization: string | undefined): boolean =>
  Option.isNone(token) || timingSafeEqual(digest(authorization ?? ""), digest(`Bearer ${Redacted.value(token.value)}`))
