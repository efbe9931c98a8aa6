import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { pageRequest } from "@user-service/schema/http/Paging"
import { PushTokenCreated, type PushTokenInput, PushTokenRefreshed } from "@user-service/schema/http/PushTokensApi"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { pushTokenBody } from "@user-service/schema/PushToken"
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"

/** {@link PushTokensApi} on the push token service. */
export const PushTokensHttp = HttpApiBuilder.group(
  UserServiceApi,
  "push-tokens",
  Effect.fn(function* (handlers) {
    const pushTokens = yield* PushTokens
    const update = ({
      params,
      payload
    }: {
      readonly params: { readonly id: string }
      readonly payload: typeof PushTokenInput.Type
    }) =>
      CurrentSession.pipe(
        Effect.flatMap(({ userId }) => pushTokens.update(userId, params.id, payload)),
        Effect.map(pushTokenBody)
      )
    return handlers.handleAll({
      list: Effect.fnUntraced(function* ({ query }) {
        const { userId } = yield* CurrentSession
        const request = pageRequest(query)
        const { items, total } = yield* pushTokens.page(userId, request)
        return { items: items.map(pushTokenBody), total, request }
      }),
      register: Effect.fnUntraced(function* ({ payload }) {
        const { isNew, token } = yield* pushTokens.register(yield* CurrentSession, payload)
        const body = pushTokenBody(token)
        return isNew ? new PushTokenCreated({ body }) : new PushTokenRefreshed({ body })
      }),
      deactivateAll: () =>
        CurrentSession.pipe(
          Effect.flatMap(({ userId }) => pushTokens.deactivateAll(userId)),
          Effect.map((count) => ({ deactivated_count: count }))
        ),
      find: ({ params }) =>
        CurrentSession.pipe(
          Effect.flatMap(({ userId }) => pushTokens.find(userId, params.id)),
          Effect.map(pushTokenBody)
        ),
      replace: update,
      update,
      remove: ({ params }) => Effect.flatMap(CurrentSession, ({ userId }) => pushTokens.remove(userId, params.id))
    })
  })
).pipe(narrowContext(PushTokens), Layer.provide(PushTokens.layer))
