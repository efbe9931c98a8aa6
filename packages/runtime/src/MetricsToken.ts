import { secretKeyProblem } from "@user-service/domain/SecretKey"
import { Config, Option, Redacted, Schema } from "effect"
import { hash, timingSafeEqual } from "node:crypto"

// As a header can carry it: RFC 9110, section 5.5.
const Visible = Schema.String.check(
  Schema.makeFilter(
    (text: string) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) || "must be of printable ASCII characters"
  )
)

/** The bearer token that `/metrics` asks for, from `METRICS_TOKEN`; none by default. */
export const config: Config.Config<Option.Option<Redacted.Redacted<string>>> = Config.option(
  Config.schema(Visible, "METRICS_TOKEN")
).pipe(Config.map(Option.map((token) => Redacted.make(token))))

/** Why the token must not be used in production, see {@link secretKeyProblem}; nothing where it may or there is none. */
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
 * Whether an `Authorization` header lets its sender see the metrics: it has the token as a bearer's, or there is none. Takes
 * a time that does not tell how much of a guess was right.
 */
export const permits = (token: Option.Option<Redacted.Redacted<string>>, authorization: string | undefined): boolean =>
  Option.isNone(token) || timingSafeEqual(digest(authorization ?? ""), digest(`Bearer ${Redacted.value(token.value)}`))
