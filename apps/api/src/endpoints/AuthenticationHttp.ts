import { Sessions } from "@user-service/core/sessions/Sessions"
import { AuthenticationRequired } from "@user-service/schema/Failures"
import { Authentication, CurrentSession } from "@user-service/schema/http/Authentication"
import { Effect, Layer, Redacted } from "effect"
import { CurrentFacts } from "./RequestFacts.ts"

/** {@link Authentication} by access tokens. */
export const AuthenticationHttp = Layer.effect(
  Authentication,
  Effect.gen(function* () {
    const sessions = yield* Sessions
    return {
      bearer: Effect.fnUntraced(function* (handler, { credential }) {
        if (Redacted.value(credential) === "") return yield* new AuthenticationRequired()
        const session = yield* sessions.authenticate(credential)
        const facts = yield* CurrentFacts
        facts.userId = session.userId
        return yield* Effect.provideService(handler, CurrentSession, session)
      })
    }
  })
).pipe(Layer.provide(Sessions.layer))
