import { Config, Context, type Redacted } from "effect"
import type { Names } from "./TokenPayload.ts"

type Algorithm =
  | { readonly algorithm: "EdDSA" }
  /** For installations whose services still share a secret. Applies to access tokens only. */
  | { readonly algorithm: "HS256"; readonly secretKey: Redacted.Redacted<string> }

/** The algorithm, issuer and audience of tokens. */
export class TokenSettings extends Context.Service<TokenSettings, Names & Algorithm>()(
  "@user-service/security/TokenSettings"
) {
  /** `JWT_ALGORITHM` (EdDSA, or HS256 with `SECRET_KEY`), `JWT_ISSUER` and `JWT_AUDIENCE` (both `user-service`). */
  static readonly config: Config.Config<TokenSettings["Service"]> = Config.all({
    algorithm: Config.Literals(["EdDSA", "HS256"], "JWT_ALGORITHM").pipe(Config.withDefault("EdDSA")),
    issuer: Config.NonEmptyString("JWT_ISSUER").pipe(Config.withDefault("user-service")),
    audience: Config.NonEmptyString("JWT_AUDIENCE").pipe(Config.withDefault("user-service"))
  }).pipe(
    Config.flatMap(({ algorithm, ...names }): Config.Config<TokenSettings["Service"]> =>
      algorithm === "EdDSA"
        ? Config.succeed({ ...names, algorithm })
        : Config.Redacted("SECRET_KEY").pipe(Config.map((secretKey) => ({ ...names, algorithm, secretKey })))
    )
  )
}
