import { Sessions } from "@user-service/core/sessions/Sessions"
import { AuthenticationRequired } from "@user-service/schema/Failures"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { pageRequest } from "@user-service/schema/http/Paging"
import { refreshBody } from "@user-service/schema/http/SessionsApi"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { sessionBody } from "@user-service/schema/Session"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { tokensBody } from "./TokensBody.ts"
import { narrowContext } from "../endpoints/GroupContext.ts"

const bearerToken = (authorization: string | undefined): Option.Option<Redacted.Redacted<string>> =>
  Option.map(Option.fromUndefinedOr(/^bearer +(\S+)$/i.exec(authorization ?? "")?.[1]), (token) => Redacted.make(token))

/** {@link SessionsApi} on the session service. */
export const SessionsHttp = HttpApiBuilder.group(
  UserServiceApi,
  "sessions",
  Effect.fn(function* (handlers) {
    const sessions = yield* Sessions
    return handlers.handleAll({
      refresh: ({ payload }) =>
        Option.fromUndefinedOr(payload.refresh ?? payload.refresh_token).pipe(
          // The payload's schema requires one of the two.
          Effect.fromOption,
          Effect.orDie,
          Effect.flatMap(sessions.refresh),
          Effect.map((tokens) => refreshBody(tokensBody(tokens)))
        ),
      verify: ({ payload }) => Effect.as(sessions.verify(payload.token), {}),
      logout: Effect.fnUntraced(function* ({ headers, payload }) {
        const access = bearerToken(headers.authorization)
        const refresh = Option.fromUndefinedOr(payload?.refresh ?? payload?.refresh_token)
        if (Option.isNone(access) && Option.isNone(refresh)) return yield* new AuthenticationRequired()
        yield* sessions.logout({ access, refresh })
        return {}
      }),
      logoutAll: () =>
        CurrentSession.pipe(
          Effect.flatMap(({ userId }) => sessions.logoutAll(userId)),
          Effect.map((count) => ({ revoked_count: count }))
        ),
      list: Effect.fnUntraced(function* ({ query }) {
        const { sessionId, userId } = yield* CurrentSession
        const request = pageRequest(query)
        const { items, total } = yield* sessions.page(userId, request)
        return { items: items.map((session) => sessionBody(session, sessionId)), total, request }
      }),
      revoke: ({ params }) => Effect.flatMap(CurrentSession, ({ userId }) => sessions.revoke(userId, params.id))
    })
  })
).pipe(narrowContext(Sessions), Layer.provide(Sessions.layer))
