import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { AccessClaims } from "@user-service/domain/Token"
import { TokenSettings } from "@user-service/security/TokenSettings"
import { Context, Effect, Layer, Option, type Redacted } from "effect"
import { Sessions } from "./Sessions.ts"

/** The claims of a valid access token with the issuer and the audience. */
export interface IntrospectionResult extends AccessClaims {
  readonly issuer: string
  readonly audience: string
}

/** Token introspection for other services (RFC 7662). */
export class Introspection extends Context.Service<
  Introspection,
  {
    /**
     * The claims of a token that the API accepts. None for any other text: a foreign token, a refresh token, an expired token,
     * a token of an ended session. Fails with `ServiceUnavailable` if the session's state cannot be read.
     */
    readonly introspect: (
      token: Redacted.Redacted<string>
    ) => Effect.Effect<Option.Option<IntrospectionResult>, ServiceUnavailable>
  }
>()("@user-service/core/sessions/Introspection") {
  static readonly layerNoDeps = Layer.effect(
    Introspection,
    Effect.gen(function* () {
      const { authenticate } = yield* Sessions
      const { audience, issuer } = yield* TokenSettings
      return {
        introspect: (token) =>
          authenticate(token).pipe(
            Effect.map((claims) => Option.some({ ...claims, issuer, audience })),
            Effect.catchTag(["TokenInvalid", "TokenExpired"], () => Effect.succeed(Option.none()))
          )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(Sessions.layer))
}
