import { Profiles } from "@user-service/core/profiles/Profiles"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { StaffSessions } from "@user-service/core/staff/StaffSessions"
import { consoleCookie, CurrentStaff } from "@user-service/schema/http/admin/StaffAuthentication"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { timestamp } from "@user-service/schema/Timestamp"
import { userBody } from "@user-service/schema/User"
import { Effect, Layer, Redacted } from "effect"
import { HttpEffect, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"

// A cookie of the browser's session: the server ends it. Not sent with requests that another site starts.
const cookieOptions = { httpOnly: true, secure: true, sameSite: "strict", path: "/" } as const

const setCookie = (value: string, maxAge?: number) =>
  HttpEffect.appendPreResponseHandler((_request, response) =>
    Effect.orDie(
      HttpServerResponse.setCookie(response, consoleCookie, value, {
        ...cookieOptions,
        ...(maxAge === undefined ? {} : { maxAge })
      })
    )
  )

/** {@link StaffSessionApi} on the sessions of staff. */
export const StaffSessionHttp = HttpApiBuilder.group(
  UserServiceApi,
  "admin-session",
  Effect.fn(function* (handlers) {
    const staffSessions = yield* StaffSessions
    const sessions = yield* Sessions
    const profiles = yield* Profiles
    return handlers.handleAll({
      login: Effect.fnUntraced(function* ({ payload }) {
        const { expiresAt, role, token, user } = yield* staffSessions.login({
          email: payload.email,
          password: payload.password,
          deviceName: payload.device_name ?? "Console"
        })
        yield* setCookie(Redacted.value(token))
        return { user: userBody(user), role, expires_at: timestamp(expiresAt) }
      }),
      current: Effect.fnUntraced(function* () {
        const { expiresAt, role, userId } = yield* CurrentStaff
        return { user: userBody(yield* profiles.find(userId)), role, expires_at: timestamp(expiresAt) }
      }),
      end: Effect.fnUntraced(function* () {
        const { sessionId, userId } = yield* CurrentStaff
        yield* Effect.catchTag(sessions.revoke(userId, sessionId), "SessionNotFound", () => Effect.void)
        yield* setCookie("", 0)
      })
    })
  })
).pipe(
  narrowContext(Profiles, Sessions, StaffSessions),
  Layer.provide([Profiles.layer, Sessions.layer, StaffSessions.layer])
)
