import { type StaffSession, StaffSessions } from "@user-service/core/staff/StaffSessions"
import { hasRole, RoleTooLow } from "@user-service/domain/Role"
import { AuthenticationRequired } from "@user-service/schema/Failures"
import {
  consoleCookie,
  consoleHeader,
  CurrentStaff,
  RequiredRole,
  StaffAuthentication
} from "@user-service/schema/http/admin/StaffAuthentication"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { CurrentFacts } from "../endpoints/RequestFacts.ts"

// The token of the cookie, if the request also has the header.
const consoleToken = ({ cookies, headers }: HttpServerRequest.HttpServerRequest): string =>
  headers[consoleHeader] === "1" ? (cookies[consoleCookie] ?? "") : ""

/** {@link StaffAuthentication} by the role in the database. */
export const StaffAuthenticationHttp = Layer.effect(
  StaffAuthentication,
  Effect.gen(function* () {
    const { authenticate } = yield* StaffSessions

    const sessionOf = Effect.fnUntraced(function* (bearer: Redacted.Redacted<string>) {
      if (Redacted.value(bearer) !== "") return yield* authenticate({ token: bearer, kind: "device" })
      const token = consoleToken(yield* HttpServerRequest.HttpServerRequest)
      if (token === "") return yield* new AuthenticationRequired()
      return yield* authenticate({ token: Redacted.make(token), kind: "console" })
    })

    const services = (session: StaffSession) => CurrentStaff.context(session).pipe(Context.add(CurrentSession, session))

    return {
      bearer: Effect.fnUntraced(function* (handler, { credential, endpoint }) {
        const session = yield* sessionOf(credential)
        const facts = yield* CurrentFacts
        facts.userId = session.userId
        const required = Context.get(endpoint.annotations, RequiredRole)
        if (!hasRole(session.role, required)) return yield* new RoleTooLow({ required })
        return yield* Effect.provide(handler, services(session))
      })
    }
  })
).pipe(Layer.provide(StaffSessions.layer))
