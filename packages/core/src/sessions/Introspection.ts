import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { AccessClaims } from "@user-service/domain/Token"
import { TokenSettings } from "@user-service/security/TokenSettings"
import { Context, Effect, Layer, Option, type Redacted } from "effect"
import { Sessions } from "./Sessions.ts"

/** What a live access token says, and who all tokens are from and for. */
export interface IntrospectionResult extends AccessClaims {
  readonly issuer: string
  readonly audience: string
}

/** Tells other services whose an access token is (RFC 7662). */
export class Introspection extends Context.Service<
  Introspection,
  {
    /**
     * None for whatever would not open the API: what is no token of ours, a refresh token, one that has expired, one of a
     * session that has ended. Not knowing is `ServiceUnavailable`, never an answer.
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
