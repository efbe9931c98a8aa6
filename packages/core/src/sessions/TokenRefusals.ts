import { TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import { CredentialRefusals, type RefusalEvent } from "@user-service/telemetry/CredentialRefusals"
import { Effect } from "effect"
import { CurrentOrigin } from "../Origin.ts"

/** Makes a function that records the tokens which a check refuses. */
export const makeRecordRefusals = Effect.map(CredentialRefusals, (refusals) => {
  const record = Effect.fnUntraced(function* (event: RefusalEvent, error: TokenInvalid | TokenExpired) {
    const { ip } = yield* CurrentOrigin
    const reason = error._tag === "TokenExpired" ? "expired" : (error.reason ?? "invalid")
    yield* refusals.record({ event, reason, ip, userId: error.userId })
  })
  return (event: RefusalEvent) =>
    <A, E, R>(check: Effect.Effect<A, E, R>) =>
      Effect.tapError(check, (error) =>
        error instanceof TokenInvalid || error instanceof TokenExpired ? record(event, error) : Effect.void
      )
})
