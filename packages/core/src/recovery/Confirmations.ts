import * as Storage from "@user-service/database/Storage"
import { OneTimeTokenInvalid, type OneTimeTokenPurpose } from "@user-service/domain/OneTimeToken"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Context, DateTime, Effect, Layer, Option, type Redacted } from "effect"
import type { SqlError } from "effect/sql"
import { Limits } from "../limits/Limits.ts"
import { OneTimeTokens } from "../one-time-tokens/OneTimeTokens.ts"
import { type ConsumedToken, OneTimeTokensRepo, type TokenHolder } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { CurrentOrigin } from "../Origin.ts"

/** A valid token that was not consumed yet, with its user. */
export interface ValidToken {
  readonly holder: TokenHolder
  /** Consumes the token in the transaction of a change. Fails if another request has used it since. */
  readonly consume: Effect.Effect<ConsumedToken, OneTimeTokenInvalid | SqlError.SqlError>
}

// `account_changed`: the token was valid when it was checked.
interface RefusalCause {
  readonly reason: "unknown" | "account_changed"
  readonly userId?: UserId
}

/** Checks one-time tokens. */
export class Confirmations extends Context.Service<
  Confirmations,
  {
    /**
     * Runs `use` if the token is valid for the purpose. Failures count towards the client's `RATE_LIMIT_CONFIRM`, and each
     * refused token is logged, with the account if the token was valid when it was checked.
     */
    readonly confirm: <A, E, R>(
      purpose: OneTimeTokenPurpose,
      token: Redacted.Redacted<string>,
      use: (token: ValidToken) => Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | OneTimeTokenInvalid | RateLimited | ServiceUnavailable, R>
  }
>()("@user-service/core/recovery/Confirmations") {
  static readonly layerNoDeps = Layer.effect(
    Confirmations,
    Effect.gen(function* () {
      const oneTimeTokens = yield* OneTimeTokens
      const repo = yield* OneTimeTokensRepo
      const storage = yield* Storage.Storage
      const limits = yield* Limits
      const refusals = yield* CredentialRefusals

      const validate = Effect.fnUntraced(function* (purpose: OneTimeTokenPurpose, token: Redacted.Redacted<string>) {
        const tokenHash = yield* oneTimeTokens.hash(token)
        const presented = Effect.map(DateTime.now, (now) => ({ purpose, tokenHash, now }))
        const holder = yield* storage.read(Effect.flatMap(presented, repo.find))
        if (Option.isNone(holder)) return yield* new OneTimeTokenInvalid()
        const consume = Effect.gen(function* () {
          const consumed = yield* repo.consume(holder.value.userId, yield* presented)
          return Option.isSome(consumed) ? consumed.value : yield* new OneTimeTokenInvalid()
        })
        return { holder: holder.value, consume }
      })

      const recordRefusal = Effect.fnUntraced(function* (error: unknown, refusal: RefusalCause) {
        if (!(error instanceof OneTimeTokenInvalid)) return
        const { ip } = yield* CurrentOrigin
        yield* refusals.record({ event: "one_time_token_refused", ip, ...refusal })
      })

      const confirm = <A, E, R>(
        purpose: OneTimeTokenPurpose,
        token: Redacted.Redacted<string>,
        use: (token: ValidToken) => Effect.Effect<A, E, R>
      ) =>
        Effect.flatMap(CurrentOrigin, ({ network }) =>
          validate(purpose, token).pipe(
            Effect.tapError((error) => recordRefusal(error, { reason: "unknown" })),
            Effect.flatMap((valid) => {
              const { userId } = valid.holder
              return Effect.tapError(use(valid), (error) => recordRefusal(error, { reason: "account_changed", userId }))
            }),
            limits.guardFailures([{ limit: "confirm", key: network }])
          )
        )

      return { confirm }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([OneTimeTokens.layer, OneTimeTokensRepo.layer, Limits.layer])
  )
}
