import { Config, Option, Redacted, Schema } from "effect"
import { secretKeyProblem } from "./SecretKey.ts"

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
